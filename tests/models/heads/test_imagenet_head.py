import pytest
import torch

from msvitreid.models import ImageNetHead


class Sample(dict):
    """What the head uses of mmpretrain's data sample."""

    def __getattr__(self, name):
        return self[name]

    def set_pred_score(self, value):
        self['pred_score'] = value
        return self

    def set_pred_label(self, value):
        self['pred_label'] = value
        return self


@pytest.fixture
def head():
    torch.manual_seed(0)
    return ImageNetHead(num_classes=5, in_channels=8).eval()


def test_logits_of_the_last_map(head):
    maps = [torch.rand(2, 4, 9, 9), torch.rand(2, 8, 3, 3)]
    logits = head(maps)
    assert logits.shape == (2, 5)
    torch.testing.assert_close(logits, head([maps[1].mean(dim=(2, 3), keepdim=True)]))


def test_labels_and_mixed_scores_give_the_same_loss(head):
    maps = [torch.rand(2, 8, 3, 3)]
    labels = [Sample(gt_label=torch.tensor([c])) for c in (1, 4)]
    scores = [Sample(gt_score=torch.eye(5)[c]) for c in (1, 4)]
    expected = torch.nn.functional.cross_entropy(head(maps), torch.tensor([1, 4]))
    torch.testing.assert_close(head.loss(maps, labels)['loss'], expected)
    torch.testing.assert_close(head.loss(maps, scores)['loss'], expected)


def test_predict(head):
    maps = [torch.rand(2, 8, 3, 3)]
    predicted = head.predict(maps, [Sample(), Sample()])
    logits = head(maps)
    assert [p['pred_label'].item() for p in predicted] == logits.argmax(1).tolist()
    assert predicted[0]['pred_score'].sum().item() == pytest.approx(1)
