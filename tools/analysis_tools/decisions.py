"""Measure how well decisions hold on other people: halves of the identities of a list.

One half calibrates, the other is decided about, in random splits: whether the false match rate lies
in the card's interval, known or new, and clusters. Prints JSON. For docs/benchmarks/decisions.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.clustering import cluster
from msvitreid.apis.clustering.clusters import METHODS
from msvitreid.apis.verification import CalibrationCard, calibrate
from msvitreid.evaluation.functional import clustering_metrics, identification_metrics

#: Images of each camera of a known identity that are in the gallery.
KNOWN_SHARE = 0.5
CLUSTER_FIGURES = ('b3-precision', 'b3-recall', 'b3-F', 'pair-F', 'AMI', 'clusters', 'classes')


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('model')
    parser.add_argument(
        'list', type=Path, help='CSV: path, pid, camid, split; train is left out'
    )
    parser.add_argument('--fmr', type=float, default=1e-2)
    parser.add_argument('--splits', type=int, default=20)
    parser.add_argument('--resamples', type=int, default=500)
    args = parser.parse_args(argv)
    with open(args.list, encoding='utf-8', newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['split'] != 'train']
    pids = np.unique([row['pid'] for row in rows], return_inverse=True)[1]
    camids = np.unique([row['camid'] for row in rows], return_inverse=True)[1]
    found = ReIDInferencer(args.model).embed([args.list.parent / row['path'] for row in rows])
    features = found.embeddings
    splits = [
        one_split(features, pids, camids, args.fmr, args.resamples, seed)
        for seed in range(args.splits)
    ]
    print(json.dumps({'images': len(rows), **summary(splits)}, indent=1))


def one_split(
    features: np.ndarray,
    pids: np.ndarray,
    camids: np.ndarray,
    fmr: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Figures of one random half, at the thresholds of the other."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(pids))
    in_first = np.isin(pids, names[: len(names) // 2])
    half = features[in_first], pids[in_first], camids[in_first]
    card = calibrate(
        *half, fmr=fmr, fnmr=0.1, fingerprint='of this run', resamples=resamples, seed=seed
    )
    other = features[~in_first], pids[~in_first], camids[~in_first]
    rate = false_match_rate(other[0], other[1], card.same_threshold)
    low, high = card.fmr_interval
    return {
        'fmr': rate,
        'in_interval': low <= rate <= high,
        **known_or_new(card, *other, rng),
        'clusters': {
            method: clustering_metrics(
                other[1], cluster(other[0], card.same_threshold, method=method).labels
            )
            for method in METHODS
        },
    }


def false_match_rate(features: np.ndarray, pids: np.ndarray, threshold: float) -> float:
    """The share of pairs of two identities that are at or above a threshold."""
    row, column = np.triu_indices(len(pids), 1)
    differs = pids[row] != pids[column]
    similarity = (features @ features.T)[row, column]
    return float((similarity[differs] >= threshold).mean())


def known_or_new(
    card: CalibrationCard,
    features: np.ndarray,
    pids: np.ndarray,
    camids: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    """A gallery of the last camera, with some of the identities, searched by the other cameras."""
    names = rng.permutation(np.unique(pids))
    is_gallery = camids == camids.max()
    enrolled = is_gallery & np.isin(pids, names[: int(len(names) * KNOWN_SHARE)])
    queries = ~is_gallery
    size = int(enrolled.sum())
    nearest = min(card.galleries, key=lambda one: abs(one.images - size))
    figures = identification_metrics(
        features[queries] @ features[enrolled].T,
        pids[queries],
        pids[enrolled],
        nearest.threshold,
    )
    return {'gallery': size, **{key: figures[key] for key in ('FPIR', 'FNIR', 'TPIR@1')}}


def summary(splits: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over the splits."""

    def values(key: str) -> Iterator[float]:
        return (float(split[key]) for split in splits)

    return {
        'splits': len(splits),
        'fmr': mean(values('fmr')),
        'in_interval': mean(values('in_interval')),
        'gallery': mean(values('gallery')),
        'FPIR': mean(values('FPIR')),
        'highest FPIR': max(values('FPIR')),
        'FNIR': mean(values('FNIR')),
        'clusters': {
            method: {
                figure: round(mean(split['clusters'][method][figure] for split in splits), 3)
                for figure in CLUSTER_FIGURES
            }
            for method in splits[0]['clusters']
        },
    }


if __name__ == '__main__':
    main()
