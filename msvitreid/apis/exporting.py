"""A model file exported, read back, compared, and kept only if it gives the same rankings."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from msvitreid.deployment.export import (
    ExportFormat,
    WholeNet,
    check_include,
    contents_of,
    find_format,
    load_exported,
    require_packages,
)
from msvitreid.deployment.export.contents import Contents
from msvitreid.deployment.export.exported_net import normalized
from msvitreid.deployment.export.publishing import export_folder, finish_killed, publish
from msvitreid.errors import CheckpointError, ConfigError, DatasetError
from msvitreid.models.model_description import load_model
from msvitreid.utils.files import cannot_write, require_writable
from msvitreid.utils.printable import failure

from .image_inputs import image_inputs, prepare
from .inferencer import ReIDInferencer
from .reference import LEAST_COSINE, Measured, Reference

BATCHES = (1, 8)
#: Images for the ranges of int8.
CALIBRATION_IMAGES = 64


@dataclass(frozen=True)
class ExportReport:
    """What came of an export.

    Attributes:
        kept: whether the file was written.
        reason: why not.
        format, precision, include: of the file.
        images: compared.
        failed: images that cannot be read and are left out: path to reason.
        tie: similarities closer than that are equal.
        reference: mAP of the torch net, ``None`` without identities, and images per second.
        batches: batch size to what was measured.
        loss: of mAP, or of the ten nearest images without identities, the larger of all batches.
    """

    kept: bool
    reason: str
    format: str
    precision: str
    include: tuple[str, ...]
    images: int
    failed: dict[str, str]
    tie: float
    reference: tuple[float | None, float]
    batches: dict[int, Measured]
    loss: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **vars(self),
            'include': list(self.include),
            'reference': {
                'mAP': self.reference[0],
                'images_per_second': self.reference[1],
            },
            'batches': {size: measured.as_dict() for size, measured in self.batches.items()},
        }


def export_model(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    check: Any,
    format: str = 'onnx',
    include: Collection[str] | None = None,
    precision: str = 'float32',
    calibration: Any = None,
    max_loss: float = 0.01,
) -> ExportReport:
    """Export a model file, and keep the result only if it ranks the images as torch does.

    Args:
        model: a model file.
        out: the file to write, with the suffix of the format; its folder must exist.
        check: images to compare, paths, folders or patterns.
        format: a name of :func:`~msvitreid.deployment.export.export_formats`.
        include: what is computed in the file; ``None`` is all that an embedding has. See
            :class:`~msvitreid.deployment.export.WholeNet`.
        precision: ``'float32'``; ``'half'``, weights rounded to float16; ``'int8'``.
        calibration: images for the ranges of int8, of the training set.
        max_loss: by which mAP (without identities, the share of the ten nearest images that are
            kept) may fall in half and int8; float32 must keep the rankings.

    Raises:
        ConfigError: an option has no such value, a package is missing, or the net cannot be
            converted.
        CheckpointError: the model file cannot be used.
        DatasetError: a path is missing, or too few images can be read.
        OutputError: the file cannot be written.
    """
    chosen = find_format(format)
    _check_options(chosen, out, precision, calibration, max_loss)
    require_packages(chosen, precision)
    require_writable(out)
    finish_killed(chosen, Path(out))
    _require_own_files(chosen, Path(out))
    net, description = load_model(model)
    size = description['preprocessing']['image_size']
    if size is None:
        raise ConfigError(
            f'{str(model)!r} takes images of any size, and a file is for one; end the test '
            'pipeline of its config with Resize'
        )
    parts = check_include(include, description['flip'])
    reference = Reference(model, check)
    whole = WholeNet(net, parts, chosen.select)
    ranges, failed = None, dict(reference.failed)
    if calibration is not None:
        ranges = _calibration_images(reference.inferencer, calibration, whole, failed)
    made_with = b'' if ranges is None else ranges.numpy().tobytes()
    contents = contents_of(description, chosen.name, parts, precision, made_with)
    with export_folder(Path(out)) as folder:
        path = folder / Path(out).name
        # nncf shows its progress on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            _write(chosen, whole, (size[0], size[1]), path, contents, ranges, Path(out))
        try:
            inferencer = ReIDInferencer(load_exported(path, trusted=True))
        except CheckpointError as error:
            raise ConfigError(f'the net cannot be exported to {format}: {error}') from error
        measured = {n: reference.measure_inferencer(inferencer, n) for n in BATCHES}
        loss = max(_loss(reference, one) for one in measured.values())
        reason = _refusal(precision, measured, loss, max_loss)
        if not reason:
            publish(chosen, path, Path(out))
    return ExportReport(
        not reason,
        reason,
        chosen.name,
        precision,
        parts,
        len(reference.paths),
        failed,
        reference.tie,
        (reference.mean_ap, reference.images_per_second),
        measured,
        loss,
    )


def _check_options(
    chosen: ExportFormat, out: Any, precision: str, calibration: Any, max_loss: float
) -> None:
    if precision not in chosen.precisions:
        raise ConfigError(
            f'format {chosen.name!r} cannot be written in {precision}; it takes '
            f'{", ".join(chosen.precisions)}'
        )
    if Path(out).suffix != chosen.suffix:
        raise ConfigError(f'--out is {str(out)!r}, but must end with {chosen.suffix}')
    if (calibration is not None) != (precision == 'int8'):
        raise ConfigError('int8, and no other precision, needs images to calibrate it with')
    if not 0 <= max_loss <= 1:
        raise ConfigError(f'--max-loss must be from 0 to 1, got {max_loss}')


def _require_own_files(chosen: ExportFormat, out: Path) -> None:
    for other in chosen.files(out)[:-1]:
        if other.exists() and not out.exists():
            raise ConfigError(
                f'--out {str(out)!r} would replace {str(other)!r}, which belongs to something '
                'else; choose another name'
            )


def _calibration_images(
    inferencer: ReIDInferencer, images: Any, whole: WholeNet, failed: dict[str, str]
) -> Tensor:
    """Images as the graph takes them, from all over the list; ``failed`` takes the others."""
    found = list(image_inputs(images))
    step = max(1, len(found) // CALIBRATION_IMAGES)
    usable = []
    for image in found[::step][:CALIBRATION_IMAGES]:
        try:
            usable.append(prepare(image, inferencer.preparation, None))
        except DatasetError as error:
            failed[image.name] = str(error)
    if not usable:
        reasons = [failure(name, failed[name]) for name, _ in found[:1]]
        raise DatasetError('; '.join(['no image to calibrate int8 with can be read', *reasons]))
    pixels = torch.stack(usable)
    if whole.input_dtype == torch.uint8:
        return pixels
    return torch.from_numpy(normalized(pixels.numpy(), inferencer.description))


def _loss(reference: Reference, measured: Measured) -> float:
    if reference.mean_ap is None or measured.mean_ap is None:
        return 1 - measured.overlap_at_10
    return reference.mean_ap - measured.mean_ap


def _refusal(
    precision: str, measured: dict[int, Measured], loss: float, max_loss: float
) -> str:
    """Why a file is not kept, or nothing."""
    if precision != 'float32':
        return f'it loses {loss:.4f}, more than {max_loss:g}' if loss > max_loss else ''
    for size, one in measured.items():
        if one.rankings_changed:
            return f'{one.rankings_changed} rankings are others at batch {size}'
        if one.cosine_min < LEAST_COSINE:
            return f'the smallest cosine is {one.cosine_min:.6f} at batch {size}'
    return ''


def _write(
    chosen: ExportFormat,
    net: WholeNet,
    size: tuple[int, int],
    path: Path,
    contents: Contents,
    ranges: Tensor | None,
    out: Path,
) -> None:
    try:
        chosen.write(net, size, path, contents.as_texts(), contents.precision, ranges)
    except OSError as error:
        raise cannot_write(out, error) from error
