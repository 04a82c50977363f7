"""OpenVINO's IR: ``NAME.xml`` with the graph, ``NAME.bin`` with the weights."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from msvitreid.errors import ConfigError

from .contents import TEXTS
from .digest import Parts, is_sealed, sealed
from .exported_net import Run
from .formats import INPUT, OUTPUT, ExportFormat, content, reason_of
from .whole_net import WholeNet

#: How the file begins; OpenVINO would read other kinds of graphs, too, whatever the suffix.
BEGINNINGS = (b'<?xml', b'<net')


class OpenVINOFormat(ExportFormat):
    """Standard operations only, so any program with OpenVINO can compute it."""

    name = 'openvino'
    suffix = '.xml'
    packages = ('openvino',)
    extra = 'openvino'
    precisions = ('float32', 'half', 'int8')

    def missing(self, precision: str = 'float32') -> list[str]:
        from importlib.util import find_spec

        absent = super().missing()
        return (
            [*absent, 'nncf'] if precision == 'int8' and find_spec('nncf') is None else absent
        )

    def files(self, path: Path) -> list[Path]:
        return [path.with_suffix('.bin'), path]

    def belong_together(self, files: Sequence[Path]) -> bool:
        weights, graph = map(content, files)
        return is_sealed({'graph': graph, 'weights': weights})

    def write(
        self,
        net: WholeNet,
        size: tuple[int, int],
        path: Path,
        texts: Mapping[str, str],
        precision: str,
        calibration: Tensor | None,
    ) -> None:
        import openvino

        from msvitreid.deployment.openvino_graph import to_graph, to_int8

        try:
            graph = to_graph(net, *size, net.input_dtype)
        except RuntimeError as error:
            raise ConfigError(
                f'the net cannot be converted to OpenVINO: {reason_of(error)}'
            ) from error
        if precision == 'int8':
            assert calibration is not None
            graph = to_int8(graph, calibration)
        graph.input(0).get_tensor().set_names({INPUT})
        graph.output(0).get_tensor().set_names({OUTPUT})
        for name, text in texts.items():
            graph.set_rt_info(text, [name])
        try:
            openvino.save_model(graph, path, compress_to_fp16=precision == 'half')
        except RuntimeError as error:
            # The graph is there already, so it is the writing that failed.
            raise OSError(errno.EIO, ' '.join(str(error).split())[:200], str(path)) from error
        path.write_bytes(sealed(self._parts(path))['graph'])

    def read(self, path: Path) -> tuple[dict[str, str], Run, Parts]:
        from msvitreid.deployment.openvino_graph import core

        parts = self._parts(path)
        graph = parts['graph']
        if not graph.lstrip().startswith(BEGINNINGS):
            raise ValueError("it is no graph of OpenVINO's")
        model = core().read_model(graph, parts['weights'])
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ValueError('its graph does not lead from one input to one output')
        options = {
            # Otherwise it computes in bfloat16 where the processor has it.
            'INFERENCE_PRECISION_HINT': 'f32',
            'INFERENCE_NUM_THREADS': torch.get_num_threads(),
        }
        texts = {
            name: str(model.get_rt_info([name]).value)
            for name in TEXTS
            if model.has_rt_info([name])
        }
        compiled = core().compile_model(model, 'CPU', options)

        def run(images: np.ndarray) -> np.ndarray:
            # A copy, as the next call writes to the same memory.
            return np.array(compiled(images)[0])

        return texts, run, parts

    def _parts(self, path: Path) -> dict[str, bytes]:
        return {'graph': content(path), 'weights': content(path.with_suffix('.bin'))}
