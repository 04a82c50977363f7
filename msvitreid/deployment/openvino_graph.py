"""From torch's net to OpenVINO's graph, and from that to one of int8."""

from __future__ import annotations

import functools
import logging
import math
import os
import warnings
from typing import Any

import numpy as np
import openvino
import torch
from openvino import opset15 as ops
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch import ConversionExtension
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from openvino.passes import ConstantFolding, Manager
from torch import Tensor, nn

from .openvino_largest import RowLimits

#: Nodes that int8 would harm most, and that take little time: gates of whole channels, what
#: stands first, and what makes the features. Of nets other than MSViT, the last.
FLOAT32_NODES = (
    r'.*\.main\.2\..*',
    r'.*\.stem/.*',
    r'.*\.stages\.0\.0\.main\.1/.*',
    # Root mean squares: in int8 a square, and their mean, would be one of 256.
    r'.*\.neck/.*',
    r'.*\.head\..*',
    # What an exported net does outside of its parts, such as the length of embeddings.
    r'aten::.*',
    # What joined nets do between their parts: normalize images, and the length of embeddings.
    r'.*\.backbone/aten::.*',
)
#: Comparisons select attention's keys: a limit in int8 would keep other keys, and more or fewer.
FLOAT32_TYPES = ('Less', 'LessEqual', 'Equal')


@functools.cache
def core() -> openvino.Core:
    """OpenVINO's entrance, one for the process and kept to its end.

    Each gives signal handlers a stack, and takes it away when it goes: after a second one, the
    first's is used again, although it is gone, and the next signal ends the process.
    """
    return openvino.Core()


@torch.inference_mode()
def to_graph(
    net: nn.Module, height: int, width: int, dtype: torch.dtype = torch.float32
) -> openvino.Model:
    """``net`` for any number of images ``(N, 3, height, width)``, float32 or uint8.

    Raises:
        ConfigError: the net's own, such as of an image size that it does not take.
    """
    # Two images, as a one would be taken for a dimension that is always one.
    example = torch.zeros(2, 3, height, width, dtype=dtype)
    net(example)
    # Not openvino.convert_model, which reports its use over the network.
    frontend = FrontEndManager().load_by_framework('pytorch')
    frontend.add_extension(ConversionExtension('msvitreid::sparse_softmax', _sparse_softmax))
    with warnings.catch_warnings():
        # Of torch's tracer, on checks of the image size; they hold for the example.
        warnings.simplefilter('ignore')
        # Named, as the frontend does not keep it alive.
        decoder = TorchScriptPythonDecoder(
            net, example_input=(example,), trace_kwargs={'check_trace': False}
        )
    source = frontend.load(decoder)
    (images,) = source.get_inputs()
    element = openvino.Type.u8 if dtype == torch.uint8 else openvino.Type.f32
    source.set_element_type(images, element)
    source.set_partial_shape(images, openvino.PartialShape([-1, 3, height, width]))
    graph = frontend.convert(source)
    # Weights that are not constants by themselves would stay in float32 when quantized.
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(graph)
    return graph


def to_int8(graph: openvino.Model, calibration: Tensor) -> openvino.Model:
    """``graph`` with products and convolutions in int8.

    Args:
        graph: of float32.
        calibration: preprocessed images ``(N, 3, H, W)`` that give the ranges of all activations.
    """
    # As in its makers' tests, nncf does not report its use over the network then.
    os.environ.setdefault('NNCF_CI', '1')
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    # Before those that nncf makes.
    core()
    # Otherwise it names every node that stays in float32.
    nncf.set_log_level(logging.WARNING)
    return nncf.quantize(
        graph,
        nncf.Dataset(calibration.split(1), lambda image: image.numpy()),
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(
            patterns=list(FLOAT32_NODES), types=list(FLOAT32_TYPES), validate=False
        ),
        # Clipping what is rare, as it does by default, costs most of the accuracy lost.
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
        ),
    )


def _sparse_softmax(node: Any) -> list[Any]:
    logits, k = node.get_input(0), int(node.get_values_from_const_input(1))
    if logits.partial_shape[-1] == k:
        return ops.softmax(logits, -1).outputs()
    limits = RowLimits([logits], k).output(0)
    threshold, last = ops.split(limits, -1, 2).outputs()
    # The length of a row is known when the graph gets its image size.
    length = ops.gather(ops.shape_of(logits), ops.constant(-1), ops.constant(0))
    positions = ops.range(ops.constant(0), length, ops.constant(1), 'f32')
    too_late = ops.logical_and(ops.equal(logits, threshold), ops.greater(positions, last))
    left_out = ops.logical_or(ops.less(logits, threshold), too_late)
    kept = ops.select(left_out, ops.constant(np.float32(-math.inf)), logits)
    return ops.softmax(kept, -1).outputs()
