"""Every form of input, backend and format of a model against files embedded by torch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.deployment.export import (
    ExportFormat,
    WholeNet,
    check_include,
    contents_of,
    export_formats,
    load_exported,
)
from msvitreid.errors import ReIDError
from msvitreid.models.model_description import load_model
from msvitreid.registry import BACKENDS
from msvitreid.utils.versions import not_installed, versions

from .inferencer import ReIDInferencer
from .reference import BATCH, Measured, Reference

BATCHES = (1, BATCH)


@dataclass(frozen=True)
class Finding:
    """One way to an embedding, and how far it agrees with the reference.

    Attributes:
        name: of the way.
        measured: ``None`` where it could not be tried.
        note: why not, or what was wrong.
        is_fault: whether it should have worked and gives something else.
    """

    name: str
    measured: Measured | None
    note: str = ''
    is_fault: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found.

    Attributes:
        findings: in the order tried.
        images: compared.
        failed: images that cannot be read and are left out: path to reason.
        tie: similarities closer than that are equal.
        images_per_second: of the reference.
        versions: of packages.
        devices: that torch sees.
    """

    findings: list[Finding]
    images: int
    failed: dict[str, str]
    tie: float
    images_per_second: float
    versions: dict[str, str]
    devices: list[str]

    @property
    def is_healthy(self) -> bool:
        return not any(finding.is_fault for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        findings = [
            {**vars(one), 'measured': one.measured and one.measured.as_dict()}
            for one in self.findings
        ]
        return {**vars(self), 'findings': findings, 'healthy': self.is_healthy}


def examine(
    model: str | os.PathLike[str], images: Any, formats: Collection[str] | None = None
) -> Diagnosis:
    """Embed images in every way there is here, and compare the rankings.

    Args:
        model: a model file.
        images: paths, folders or patterns, at least four images that can be read.
        formats: to export to; ``None`` tries all.

    Raises:
        CheckpointError, DatasetError: see :class:`~msvitreid.apis.reference.Reference`.
    """
    reference = Reference(model, images)
    findings = [
        *_input_forms(reference),
        *_backends(reference, model),
        *_formats(reference, model, export_formats() if formats is None else formats),
    ]
    packages = {
        name
        for part in (*_all_backends().values(), *export_formats().values())
        for name in part.packages
    }
    return Diagnosis(
        findings,
        len(reference.paths),
        reference.failed,
        reference.tie,
        reference.images_per_second,
        versions(*sorted(packages)),
        ['cpu', *(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))],
    )


def _input_forms(reference: Reference) -> Iterator[Finding]:
    inferencer, paths = reference.inferencer, reference.paths
    value_range = inferencer.preparation.value_range

    def pixels() -> Iterator[np.ndarray]:
        return (read_image(path, value_range) for path in paths)

    def tensors() -> Iterator[torch.Tensor]:
        return (torch.from_numpy(image).permute(2, 0, 1) for image in pixels())

    def pillow() -> Iterator[Image.Image]:
        for path in paths:
            with Image.open(path) as image:
                yield image

    def boxes() -> np.ndarray:
        found = []
        for image in pixels():
            # Somewhere in a frame, as a detector finds it.
            frame = np.pad(image, ((7, 9), (5, 3), (0, 0)))
            height, width = image.shape[:2]
            box = [[5, 7, 5 + width, 7 + height]]
            found.append(inferencer.embed_boxes(frame, box, 'rgb').embeddings)
        return np.concatenate(found)

    forms: dict[str, Callable[[], np.ndarray]] = {
        'array RGB': lambda: inferencer(pixels(), color='rgb'),
        'array BGR': lambda: inferencer((im[:, :, ::-1] for im in pixels()), color='bgr'),
        'PIL image': lambda: inferencer(pillow()),
        'tensor': lambda: inferencer(tensors(), color='rgb'),
        'box of a frame': boxes,
    }
    for name, embed in forms.items():
        yield _tried(name, lambda embed=embed: reference.measure(embed))  # type: ignore[misc]


def _backends(reference: Reference, model: Any) -> Iterator[Finding]:
    for name, backend in _all_backends().items():
        missing = not_installed(*backend.packages)
        if missing:
            yield Finding(f'backend {name}', None, _install(missing, backend.extra))
            continue
        if backend.calibration_images:
            yield Finding(
                f'backend {name}',
                None,
                f'not exact; measure it by msvitreid test CONFIG CHECKPOINT --backend {name}',
            )
            continue
        yield from _at_batches(
            f'backend {name}',
            reference,
            lambda name=name: ReIDInferencer(model, device='cpu', backend=name),  # type: ignore[misc]
        )


def _formats(reference: Reference, model: Any, names: Collection[str]) -> Iterator[Finding]:
    for name, chosen in export_formats().items():
        if name not in names:
            continue
        missing = chosen.missing()
        if missing:
            yield Finding(f'format {name}', None, _install(missing, chosen.extra))
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f'net{chosen.suffix}'
            yield from _at_batches(
                f'format {name}',
                reference,
                lambda chosen=chosen, path=path: _exported(model, chosen, path),  # type: ignore[misc]
            )


def _exported(model: Any, chosen: ExportFormat, path: Path) -> ReIDInferencer:
    net, description = load_model(model)
    height, width = description['preprocessing']['image_size']
    include = check_include(None, description['flip'])
    contents = contents_of(description, chosen.name, include, 'float32')
    whole = WholeNet(net, include, chosen.select)
    chosen.write(whole, (height, width), path, contents.as_texts(), 'float32', None)
    return ReIDInferencer(load_exported(path, trusted=True))


def _at_batches(
    name: str, reference: Reference, make: Callable[[], ReIDInferencer]
) -> Iterator[Finding]:
    try:
        inferencer = make()
    except (ReIDError, RuntimeError, TypeError) as error:
        yield Finding(name, None, ' '.join(str(error).split())[:200], is_fault=True)
        return
    for size in BATCHES:
        yield _tried(
            f'{name}, batch {size}',
            lambda size=size: reference.measure_inferencer(inferencer, size),  # type: ignore[misc]
        )


def _tried(name: str, measure: Callable[[], Measured]) -> Finding:
    try:
        measured = measure()
    except ReIDError as error:
        return Finding(name, None, str(error), is_fault=True)
    note = '' if measured.agrees else 'gives another ranking'
    return Finding(name, measured, note, is_fault=not measured.agrees)


def _all_backends() -> dict[str, Any]:
    # Importing deployment registered ours; strangers' are there if they were imported.
    return {name: BACKENDS.build({'type': name}) for name in BACKENDS.module_dict}


def _install(missing: Collection[str], extra: str | None) -> str:
    how = f"'msvitreid[{extra}]'" if extra else ' '.join(missing)
    return f'{", ".join(missing)} not installed: pip install {how}'
