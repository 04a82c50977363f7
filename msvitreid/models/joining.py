"""Several model files as one, whose embedding is that of all of them side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from msvitreid.checkpoints.model_file import ModelFile, read_model_file, write_model_file
from msvitreid.errors import ConfigError
from msvitreid.utils.files import require_writable

from .model_description import build_described


def join_model_files(
    files: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> str:
    """Write one model file whose embedding is that of all of ``files``, one after the other.

    Nets that err in different ways, such as one from scratch and one from ImageNet weights, find
    more together than each by itself, for the time of both.

    Args:
        files: at least two model files that prepare images alike: same transforms, size and range
            of values. Mean and deviation may differ.
        out: the file to write.

    Returns:
        The fingerprint.

    Raises:
        ConfigError: fewer than two files, two of the same net, or nets that prepare images in
            different ways.
        CheckpointError: a file cannot be used.
        OutputError: ``out`` cannot be written.
    """
    if len(files) < 2:
        raise ConfigError(f'two model files or more can be joined, got {len(files)}')
    require_writable(out)
    nets = [read_model_file(file) for file in files]
    first = nets[0].description
    for number, (file, net) in enumerate(zip(files, nets, strict=True)):
        if net.fingerprint in [other.fingerprint for other in nets[:number]]:
            raise ConfigError(f'{str(file)!r} is given twice, perhaps under two names')
        for key, ours, theirs in _differences(first, net.description):
            raise ConfigError(
                f'{str(files[0])!r} and {str(file)!r} prepare images in different ways, {key}: '
                f"{ours} and {theirs}; train one of them with the other's image size and "
                'test_pipeline'
            )
    description = {
        'architecture': {
            'type': 'ReIDModel',
            'data_preprocessor': {'type': 'ReIDDataPreprocessor'},
            'backbone': {
                'type': 'JoinedNets',
                'nets': [net.description['architecture'] for net in nets],
            },
            'neck': {'type': 'GlobalPoolingNeck'},
            'head': {'type': 'FeatureHead'},
        },
        'pipeline': first['pipeline'],
        'preprocessing': {**first['preprocessing'], 'mean': [0, 0, 0], 'std': [1, 1, 1]},
        'flip': any(net.description['flip'] for net in nets),
        'dimension': sum(net.description['dimension'] for net in nets),
        'training_data': _distinct([net.description['training_data'] for net in nets]),
        'license': '; '.join(_distinct([[net.description['license']] for net in nets])),
    }
    tensors = {
        f'backbone.nets.{number}.{name}': tensor
        for number, net in enumerate(nets)
        for name, tensor in net.tensors.items()
    }
    model = build_described(ModelFile(description, tensors), out)
    return write_model_file(out, model, description)


def _differences(
    ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Key and both values of what two descriptions say differently of preparing an image."""
    pairs = [('pipeline', ours['pipeline'], theirs['pipeline'])]
    pairs += [
        (key, ours['preprocessing'][key], theirs['preprocessing'][key])
        for key in ('image_size', 'color', 'value_range', 'range')
    ]
    # The size says it in fewer words than the pipeline.
    return sorted((pair for pair in pairs if pair[1] != pair[2]), key=lambda pair: pair[0])


def _distinct(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """All elements that are not empty, each once, in order."""
    found: list[Any] = []
    for element in (element for one in lists for element in one):
        if element and element not in found:
            found.append(element)
    return found
