"""The formats by name; each one's libraries are imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.near_names import did_you_mean
from msvitreid.utils.printable import printable
from msvitreid.utils.regular_file import read_regular_file

from .digest import Parts
from .exported_net import Run
from .whole_net import Selection, WholeNet, by_threshold

INPUT, OUTPUT = 'images', 'embedding'


class ExportFormat:
    """A kind of file that a net is exported to.

    Attributes:
        name: as ``--format`` takes it.
        suffix: of the file.
        packages: of Python that it takes to write and to check one.
        extra: of ``pip install 'msvitreid[EXTRA]'``, which installs them.
        precisions: that it can be written in.
        select: computes the shares of sparse attention.
        is_safe_to_open: whether a file from anybody can be read without running what is in it.
    """

    name = ''
    suffix = ''
    packages: tuple[str, ...] = ()
    extra: str | None = None
    precisions: tuple[str, ...] = ('float32',)
    select: Selection = staticmethod(by_threshold)
    is_safe_to_open = True

    def missing(self, precision: str = 'float32') -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.packages if find_spec(name) is None]

    def write(
        self,
        net: WholeNet,
        size: tuple[int, int],
        path: Path,
        texts: Mapping[str, str],
        precision: str,
        calibration: Tensor | None,
    ) -> None:
        """Write a graph for any number of images of a size.

        Args:
            net: of which the graph is made.
            size: height and width.
            path: of the file, ending in :attr:`suffix`.
            texts: by name, for the file to keep, with the place of the file's digest.
            precision: one of :attr:`precisions`.
            calibration: images as the graph takes them, for int8.

        Raises:
            ConfigError: the net has operations that the format does not know.
            OSError: the file cannot be written.
        """
        raise NotImplementedError

    def files(self, path: Path) -> list[Path]:
        """What belongs to a file, itself last."""
        return [path]

    def belong_together(self, files: Sequence[Path]) -> bool:
        """Whether files, in the order of :meth:`files`, are of one export.

        Raises:
            OSError: one cannot be read.
            ValueError: one is empty.
        """
        return True

    def read(self, path: Path) -> tuple[dict[str, str], Run, Parts]:
        """The texts of a file, its graph, and all the bytes by which they were read.

        Raises:
            ValueError: it is no such file, or has in it what may not be there; other exceptions
                are the runtime's own.
            OSError: it cannot be read.
        """
        raise NotImplementedError


def content(path: Path) -> bytes:
    """All of a file, which is opened only if it is a regular one.

    Raises:
        OSError: it is none, or too large.
        ValueError: it is empty.
    """
    data = read_regular_file(path)
    if not data:
        raise ValueError('the file is empty')
    return data


def example(net: WholeNet, size: tuple[int, int]) -> Tensor:
    """Images for tracing: two, as one would be taken for a dimension that is always one."""
    return torch.zeros(2, 3, *size, dtype=net.input_dtype)


def reason_of(error: BaseException) -> str:
    """What a library says of the error that all others were raised from, in one short line."""
    seen = [error]
    while (cause := seen[-1].__cause__) is not None and cause not in seen:
        seen.append(cause)
    error = seen[-1]
    return printable(' '.join(str(error).split()) or type(error).__name__)


def require_packages(chosen: ExportFormat, precision: str = 'float32') -> None:
    """Check that a format's packages are installed.

    Raises:
        ConfigError: one is not.
    """
    missing = chosen.missing(precision)
    if missing:
        raise ConfigError(
            f'format {chosen.name!r} needs the package {missing[0]}, which is not installed: pip '
            f"install 'msvitreid[{chosen.extra}]'"
        )


def export_formats() -> dict[str, ExportFormat]:
    """All formats by name."""
    from .onnx_file import ONNXFormat
    from .openvino_file import OpenVINOFormat
    from .torch_export_file import TorchExportFormat
    from .torchscript_file import TorchScriptFormat

    kinds = (ONNXFormat, OpenVINOFormat, TorchScriptFormat, TorchExportFormat)
    return {kind.name: kind() for kind in kinds}


def find_format(name: str) -> ExportFormat:
    """A format by its name.

    Raises:
        ConfigError: there is none.
    """
    known = export_formats()
    if name not in known:
        raise ConfigError(
            f'unknown format {name!r}{did_you_mean(name, known)}; there is {", ".join(known)}'
        )
    return known[name]


def format_of(path: str | os.PathLike[str]) -> ExportFormat | None:
    """The format of files that are called like ``path``."""
    suffix = Path(path).suffix.lower()
    return next((kind for kind in export_formats().values() if kind.suffix == suffix), None)


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Whether a path is called as exported files are."""
    return format_of(path) is not None


def require_safe_to_open(chosen: ExportFormat, path: str | os.PathLike[str]) -> None:
    """Refuse a format whose reader runs what a file says.

    Raises:
        CheckpointError: it is one.
    """
    if not chosen.is_safe_to_open:
        raise CheckpointError(
            f'{str(path)!r}: reading a {chosen.suffix} file runs what is in it; if you wrote it, '
            'ReIDInferencer(load_exported(PATH, trusted=True)) opens it'
        )
