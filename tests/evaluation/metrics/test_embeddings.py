from __future__ import annotations

import numpy as np
import pytest
import torch

from msvitreid.evaluation.metrics.embeddings import Embeddings, gather_embeddings


def make_embeddings(sample_idx):
    index = np.array(sample_idx)
    return Embeddings(
        torch.from_numpy(np.stack([index, index + 0.5], axis=1)).float(),
        pids=index // 2,
        camids=index % 3,
        sample_idx=index,
        is_query=index < 4,
        files=index * 7,
        datasets=np.where(index < 6, 'market', 'duke'),
    )


def assert_same(images, expected):
    torch.testing.assert_close(images.features, expected.features, rtol=0, atol=0)
    for field, expected_field in zip(images[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(field, expected_field)
        assert field.dtype.kind == expected_field.dtype.kind


@pytest.mark.parametrize('kept', [[2, 3, 4], [7], [0, 2], [], range(8)])
def test_selected_images(kept):
    mask = np.isin(np.arange(8), kept)
    assert_same(make_embeddings(range(8)).where(mask), make_embeddings(np.array(kept, int)))


def test_images_that_lie_together_are_not_copied():
    images = make_embeddings(range(8))
    part = images.where(images.is_query)
    assert part.features.data_ptr() == images.features.data_ptr()
    assert np.shares_memory(part.pids, images.pids)


def test_batches_come_out_in_dataset_order_without_repeats():
    rng = np.random.default_rng(0)
    batches = [make_embeddings(index) for index in np.split(rng.permutation(300), [90, 100])]
    again = make_embeddings(rng.permutation(200))
    again.features.fill_(-1)  # of repeated images the first counts
    batches.append(again)
    images = gather_embeddings(batches)
    assert_same(images, make_embeddings(range(300)))
    assert batches == []
