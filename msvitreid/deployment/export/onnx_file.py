"""ONNX: written by torch's exporter, computed by ONNX Runtime."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from msvitreid.errors import ConfigError

from .digest import Parts, sealed
from .exported_net import Run
from .formats import INPUT, OUTPUT, ExportFormat, content, example, reason_of
from .whole_net import WholeNet, by_position

#: Operators of other domains are a library's, or name files of their own.
DOMAINS = ('', 'ai.onnx')
#: Weights with fewer numbers are not worth two nodes.
LEAST_HALVED = 64
#: Log messages of ONNX Runtime from this severity on; all errors come as exceptions as well.
FATAL = 4


class ONNXFormat(ExportFormat):
    """One file, without a second one for its weights."""

    name = 'onnx'
    suffix = '.onnx'
    packages = ('onnx', 'onnxruntime', 'onnxscript')
    extra = 'export'
    precisions = ('float32', 'half', 'int8')
    # Of equal numbers ONNX's TopK gives those at the lowest positions first.
    select = staticmethod(by_position)

    def write(
        self,
        net: WholeNet,
        size: tuple[int, int],
        path: Path,
        texts: Mapping[str, str],
        precision: str,
        calibration: Tensor | None,
    ) -> None:
        import onnx

        graph = _converted(net, example(net, size))
        if precision == 'int8':
            from .onnx_int8 import to_int8

            assert calibration is not None
            graph = to_int8(graph, calibration)
        for node in graph.graph.node:
            # They hold lines of source, and paths of the machine.
            node.ClearField('metadata_props')
            node.ClearField('doc_string')
        if precision == 'half':
            halve_weights(graph.graph)
        onnx.helper.set_model_props(graph, dict(texts))
        path.write_bytes(sealed({'': graph.SerializeToString()})[''])

    def read(self, path: Path) -> tuple[dict[str, str], Run, Parts]:
        import onnx
        import onnxruntime

        data = content(path)
        model = onnx.ModelProto()
        try:
            model.ParseFromString(data)
        except Exception as error:
            raise ValueError(f'it is no ONNX ({error})') from error
        _check(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL
        options.intra_op_num_threads = torch.get_num_threads()
        # Of bytes that are ONNX and its own format at once it would take the latter, unchecked.
        options.add_session_config_entry('session.load_model_format', 'ONNX')
        # The bytes that were checked; a path could have changed, and names a folder.
        session = onnxruntime.InferenceSession(
            data, options, providers=['CPUExecutionProvider']
        )
        _check_ends(session)
        texts = {entry.key: entry.value for entry in model.metadata_props}
        return texts, lambda images: session.run([OUTPUT], {INPUT: images})[0], {'': data}


def _converted(net: WholeNet, images: Tensor) -> Any:
    batch = torch.export.Dim('batch')
    with warnings.catch_warnings():
        # Of torch's exporter, about itself.
        warnings.simplefilter('ignore')
        try:
            program = torch.onnx.export(
                net,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: batch},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        except Exception as error:
            raise ConfigError(
                f'the net cannot be converted to ONNX: {reason_of(error)}'
            ) from error
    assert program is not None
    return program.model_proto


def halve_weights(graph: Any) -> None:
    """Keep large weights as float16; a node makes float32 of each, which is computed with."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for weight in graph.initializer:
        numbers = numpy_helper.to_array(weight)
        if numbers.dtype != np.float32 or numbers.size < LEAST_HALVED:
            continue
        halved = f'{weight.name}.half'
        casts.append(
            onnx.helper.make_node('Cast', [halved], [weight.name], to=onnx.TensorProto.FLOAT)
        )
        with np.errstate(over='ignore'):
            weight.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), halved))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _check(model: Any) -> None:
    """Refuse what names other files or other libraries' operators.

    Raises:
        ValueError: the model does.
    """
    if model.functions or model.training_info:
        raise ValueError('it has functions or training steps of its own')
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.domain not in DOMAINS:
                raise ValueError(f'it has the operator {node.domain[:80]}.{node.op_type[:80]}')
        for tensor in _tensors(graph):
            if tensor.data_location or tensor.external_data:
                raise ValueError('it names other files for its weights')


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField('g'):
                yield from _graphs(attribute.g)
            for inner in attribute.graphs:
                yield from _graphs(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            sparse.extend([attribute.sparse_tensor, *attribute.sparse_tensors])
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _check_ends(session: Any) -> None:
    names = [value.name for value in session.get_inputs()]
    if names != [INPUT] or OUTPUT not in [value.name for value in session.get_outputs()]:
        raise ValueError(f'its graph does not lead from {INPUT!r} to {OUTPUT!r}')
