"""ONNX with products in int8, by ONNX Runtime's static quantization."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from .formats import INPUT

#: Modules that stay in float32: what int8 harms most and gains least in, as in OpenVINO.
FLOAT32_MODULES = re.compile(r"\.main\.2\.|['.]backbone\.stem|stages\.0\.0\.main\.1'|['.]head")
QUANTIZED = ('Conv', 'MatMul')
#: Where torch's exporter says of which modules a node is part.
SCOPES = 'pkg.torch.onnx.name_scopes'


def to_int8(graph: Any, calibration: Tensor) -> Any:
    """A model of ONNX whose convolutions and products of attention are in int8.

    Args:
        graph: as torch's exporter gives it, with the names of modules.
        calibration: images as it takes them, which give the ranges of all activations.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.images = _one_by_one(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.images, None)

    kept = [node.name for node in graph.graph.node if _stays(node)]
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / 'float32.onnx', Path(folder) / 'int8.onnx'
        onnx.save(graph, source)
        quantize_static(
            source,
            result,
            Images(),
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
        return onnx.load(result)


def _one_by_one(images: Tensor) -> Iterator[dict[str, np.ndarray]]:
    return ({INPUT: image.numpy()} for image in images.split(1))


def _stays(node: Any) -> bool:
    scopes = ''.join(entry.value for entry in node.metadata_props if entry.key == SCOPES)
    return node.op_type in QUANTIZED and FLOAT32_MODULES.search(scopes) is not None
