"""Several model files as one, whose embedding is that of all of them side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from msvitreid.checkpoints.model_file import (
    OF_EMBEDDING,
    ModelFile,
    fingerprint,
    read_model_file,
    write_model_file,
)
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.files import make_folder, require_writable

from .backbones.joined_nets import MOST_NETS
from .model_description import build_described, embedding_dimension


def join_model_files(
    files: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> str:
    """Write one model file whose embedding is that of all of ``files``, one after the other.

    Nets that err in different ways, such as one from scratch and one from ImageNet weights, may
    find more together than each by itself, for the time of both. A joined file stands for the
    nets in it, so that joining step by step is joining at once.

    Args:
        files: at least two model files that prepare images alike: same transforms, size and range
            of values. Mean and deviation may differ.
        out: the file to write.

    Returns:
        The fingerprint.

    Raises:
        ConfigError: fewer than two files, one net twice, more than 16 nets, or nets that prepare
            images in different ways.
        CheckpointError: a file cannot be used.
        OutputError: ``out`` cannot be written.
    """
    if isinstance(files, str | os.PathLike) or len(files) < 2:
        raise ConfigError(f'a list of two model files or more can be joined, got {files!r}')
    if os.path.realpath(out) in map(os.path.realpath, files):
        raise ConfigError(
            f'{str(out)!r} is one of the files to join; name another one to write'
        )
    require_writable(out)
    read = [read_model_file(file) for file in files]
    first = read[0].description
    nets: dict[str, _Net] = {}
    for file, one in zip(files, read, strict=True):
        for key, ours, theirs in _differences(first, one.description):
            raise ConfigError(
                f'{str(files[0])!r} and {str(file)!r} prepare images in different ways, {key}: '
                f'{ours} and {theirs}; {_advice(key)}'
            )
        for net in _nets_of(one, str(file)):
            if (same := nets.setdefault(net.identity, net)) is not net:
                raise ConfigError(f'{net.file!r} contains the same net as {same.file!r}')
            if len(nets) > MOST_NETS:
                raise ConfigError(f'at most {MOST_NETS} nets can be joined, got more')
    description = {
        'architecture': _joined([net.architecture for net in nets.values()]),
        'pipeline': first['pipeline'],
        'preprocessing': {**first['preprocessing'], 'mean': [0, 0, 0], 'std': [1, 1, 1]},
        'flip': first['flip'],
        'dimension': sum(one.description['dimension'] for one in read),
        'training_data': _distinct([one.description['training_data'] for one in read]),
        'license': '; '.join(_distinct([[one.description['license']] for one in read])),
    }
    tensors = {
        f'backbone.nets.{number}.{name}': tensor
        for number, net in enumerate(nets.values())
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


class _Net(NamedTuple):
    architecture: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    file: str

    @property
    def identity(self) -> str:
        # In float32, whatever the file keeps them in.
        tensors = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in self.tensors.items()
        }
        described = {**dict.fromkeys(OF_EMBEDDING), 'architecture': self.architecture}
        return fingerprint(tensors, described)


def _joined(nets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The architecture of joined nets."""
    return {
        'type': 'ReIDModel',
        'data_preprocessor': {'type': 'ReIDDataPreprocessor'},
        'backbone': {'type': 'JoinedNets', 'nets': nets},
        'neck': {'type': 'GlobalPoolingNeck'},
        'head': {'type': 'FeatureHead'},
    }


def _nets_of(found: ModelFile, file: str) -> list[_Net]:
    """The nets of a file that :func:`join_model_files` wrote; any other file is one net."""
    architecture = found.description['architecture']
    backbone = architecture.get('backbone')
    nets = backbone.get('nets') if isinstance(backbone, Mapping) else None
    if isinstance(nets, list) and len(nets) <= MOST_NETS and architecture == _joined(nets):
        prefixes = [f'backbone.nets.{number}.' for number in range(len(nets))]
        parts = [
            {
                name.removeprefix(prefix): tensor
                for name, tensor in found.tensors.items()
                if name.startswith(prefix)
            }
            for prefix in prefixes
        ]
        if sum(map(len, parts)) == len(found.tensors):
            return [_Net(net, part, file) for net, part in zip(nets, parts, strict=True)]
    return [_Net(architecture, found.tensors, file)]


def _advice(key: str) -> str:
    if key == 'flip':
        return (
            'set model.flip_test to the same value in their configs and write one of them again'
        )
    return "train one of them with the other's image size and test_pipeline"


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
