import numpy as np
import torch
from torch.utils.data import DataLoader

from msvitreid.apis import EmbeddedImages, embed_dataset
from msvitreid.structures import ReIDDataSample


class CountingModel(torch.nn.Module):
    """Embeds sample i as the one-hot vector i."""

    def test_step(self, batch):
        assert not self.training
        for sample in batch:
            sample.embedding = torch.eye(5)[sample.sample_idx]
        return batch


def sample(index, split):
    return ReIDDataSample(
        metainfo=dict(img_path=f'{index}.jpg', split=split, sample_idx=index),
        pid=10 + index,
        camid=index % 2,
    )


def test_images_are_parted_by_split_in_the_loaders_order():
    samples = [
        sample(i, split)
        for i, split in enumerate(['query', 'gallery', 'query'] + ['gallery'] * 2)
    ]
    loader = DataLoader(samples, batch_size=2, collate_fn=list)
    images = embed_dataset(CountingModel().train(), loader)
    assert set(images) == {'query', 'gallery'}
    gallery = images['gallery']
    assert isinstance(gallery, EmbeddedImages)
    assert gallery.img_paths == ['1.jpg', '3.jpg', '4.jpg']
    np.testing.assert_array_equal(gallery.pids, [11, 13, 14])
    np.testing.assert_array_equal(gallery.camids, [1, 1, 0])
    assert torch.equal(gallery.embeddings, torch.eye(5)[[1, 3, 4]])
    assert torch.equal(images['query'].embeddings, torch.eye(5)[[0, 2]])
