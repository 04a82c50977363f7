"""torch.export's archive, ``.pt2``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from msvitreid.errors import ConfigError

from .contents import TEXTS
from .digest import Parts, sealed_archive
from .exported_net import Run
from .formats import ExportFormat, content, example, reason_of
from .whole_net import WholeNet

#: In a batch. Without a limit torch 2.4 finds that twice as many may be no number of 64 bits.
MOST_IMAGES = 2**31 - 1


class TorchExportFormat(ExportFormat):
    """A graph of torch's core operations, for programs with torch.

    Its reader unpickles, and so runs what a file says.
    """

    name = 'torch-export'
    suffix = '.pt2'
    is_safe_to_open = False

    def write(
        self,
        net: WholeNet,
        size: tuple[int, int],
        path: Path,
        texts: Mapping[str, str],
        precision: str,
        calibration: Tensor | None,
    ) -> None:
        batch = torch.export.Dim('batch', max=MOST_IMAGES)
        try:
            program = torch.export.export(
                net, (example(net, size),), dynamic_shapes=({0: batch},)
            )
        except Exception as error:
            raise ConfigError(
                f'the net cannot be exported by torch {torch.__version__}: {reason_of(error)}; a '
                'newer torch may do it, and TorchScript and ONNX are other formats'
            ) from error
        # Where the disk is full, torch's own writing of files ends the process.
        archive = io.BytesIO()
        torch.export.save(program, archive, extra_files=dict(texts))
        path.write_bytes(sealed_archive(archive.getvalue()))

    def read(self, path: Path) -> tuple[dict[str, str], Run, Parts]:
        texts: dict[str, Any] = dict.fromkeys(TEXTS, '')
        data = content(path)
        module: Any = torch.export.load(io.BytesIO(data), extra_files=texts).module()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}

        def run(images: np.ndarray) -> np.ndarray:
            # Of the caller's autocast the graph knows nothing.
            with torch.no_grad(), torch.autocast('cpu', enabled=False):
                return module(torch.from_numpy(np.ascontiguousarray(images))).numpy()

        return {name: _text(text) for name, text in texts.items() if text}, run, parts


def _text(content: bytes | str) -> str:
    return content.decode() if isinstance(content, bytes) else content
