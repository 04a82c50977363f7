"""A net as a file for other runtimes: ONNX, OpenVINO, TorchScript, torch.export.

Writing and reading one, and what it says of itself. Knows models, not images or rankings. Another
format is a subclass of ``ExportFormat`` in a file such as ``onnx_file.py`` and a line in
``formats.py``.
"""

from .contents import INCLUDABLE, Contents, check_include, contents_of
from .exported_net import ExportedNet
from .formats import ExportFormat, export_formats, find_format, is_exported, require_packages
from .loading import load_exported
from .whole_net import WholeNet, by_position, by_threshold

__all__ = [
    'INCLUDABLE',
    'Contents',
    'ExportFormat',
    'ExportedNet',
    'WholeNet',
    'by_position',
    'by_threshold',
    'check_include',
    'contents_of',
    'export_formats',
    'find_format',
    'is_exported',
    'load_exported',
    'require_packages',
]
