"""Several model files as one, whose embedding is that of all of them side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msvitreid.checkpoints.model_file import ModelFile, read_model_file, write_model_file
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.files import make_folder, require_writable

from .model_description import build_described, embedding_dimension


def join_model_files(
    files: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> str:
    """Write one model file whose embedding is that of all of ``files``, one after the other.

    Nets that err in different ways, such as one from scratch and one from ImageNet weights, may
    find more together than each by itself, for the time of both.

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
    if os.path.realpath(out) in map(os.path.realpath, files):
        raise ConfigError(
            f'{str(out)!r} is one of the files to join; name another one to write'
        )
    require_writable(out)
    nets = [read_model_file(file) for file in files]
    first = nets[0].description
    for number, (file, net) in enumerate(zip(files, nets, strict=True)):
        for same in (i for i in range(number) if nets[i].fingerprint == net.fingerprint):
            raise ConfigError(f'{str(file)!r} is the same net as {str(files[same])!r}')
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
        'flip': first['flip'],
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
    found = embedding_dimension(model, first['preprocessing']['image_size'])
    if found != description['dimension']:
        raise CheckpointError(
            f'the files to join state {description["dimension"]} numbers of an embedding and their '
            f'nets give {found}; write them again, by msvitreid convert'
        )
    make_folder(Path(out).parent)
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
    pairs.append(('flip', ours['flip'], theirs['flip']))
    # The size says it in fewer words than the pipeline.
    return sorted((pair for pair in pairs if pair[1] != pair[2]), key=lambda pair: pair[0])


def _distinct(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """All elements that are not empty, each once, in order."""
    found: list[Any] = []
    for element in (element for one in lists for element in one):
        if element and element not in found:
            found.append(element)
    return found
