"""The re-identification net written out operation by operation, as the reference has it.

Nothing is fused and memory is NCHW: the other side of every fast path's test, and the
denominator of the benchmarks. It runs with the weights of our own modules, so gradients
arrive in the same parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.models import ReIDModel
from msvitreid.models.backbones.blocks import CNNBlock, SparseAttentionBlock
from msvitreid.models.backbones.sparse_grid_attention import (
    MAX_LOGIT_SCALE,
    SparseGridAttention,
)
from msvitreid.models.backbones.squeeze_excitation import SqueezeExcitation

NEG_INF = float('-inf')


def features(model: ReIDModel, images: Tensor) -> list[Tensor]:
    """BatchNorm outputs of a preprocessed ``(N, 3, H, W)`` batch, each ``(N, C)``."""
    x = conv_x(model.backbone.stem, images)
    for stage in model.backbone.stages:
        x = blocks(stage, x)
    maps = [conv_x(b.conv_head, blocks(b.stage, x)) for b in model.backbone.branches]
    vectors = [rms(maps[0]), rms(maps[1]), maps[0].amax(dim=(2, 3))]
    parts = model.neck.num_parts
    vectors += [maps[1][:, :, i::parts].amax(dim=(2, 3)) for i in range(parts)]
    head = model.head
    return [
        batch_norm(norm, F.linear(vector, linear.weight))
        for norm, linear, vector in zip(head.norms, head.linears, vectors, strict=True)
    ]


def embed(model: ReIDModel, images: Tensor) -> Tensor:
    """Unit embeddings, summed over the image and its mirror image."""
    total = torch.cat(features(model, images), 1) + torch.cat(
        features(model, images.flip(3)), 1
    )
    return total / total.norm(dim=1, keepdim=True)


def loss(model: ReIDModel, images: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy on every vector and batch-hard soft-margin triplet on the first three."""
    outputs = features(model, images)
    terms = [
        F.cross_entropy(F.linear(feature, classifier.weight), labels)
        for feature, classifier in zip(outputs, model.head.classifiers, strict=True)
    ]
    terms += [triplet(feature, labels) for feature in outputs[: len(model.head.losses_triplet)]]
    return sum(terms) / len(terms)


def triplet(feature: Tensor, labels: Tensor) -> Tensor:
    """Anchor by anchor."""
    feature = feature / feature.norm(dim=1, keepdim=True)
    distances = torch.cdist(feature, feature, compute_mode='donot_use_mm_for_euclid_dist')
    terms = []
    for i, label in enumerate(labels):
        same = labels == label
        other = ~same
        same[i] = False
        terms.append(F.softplus(distances[i][same].max() - distances[i][other].min()))
    return torch.stack(terms).mean()


def blocks(stage: nn.Module, x: Tensor) -> Tensor:
    for block in stage:
        x = cnn_block(block, x) if isinstance(block, CNNBlock) else attention_block(block, x)
    return x


def conv_x(layer: nn.Module, x: Tensor) -> Tensor:
    conv = layer.conv
    x = F.conv2d(x, conv.weight, None, conv.stride, conv.padding, 1, conv.groups)
    x = batch_norm(layer.norm, x)
    return layer.act(x) if hasattr(layer, 'act') else x


def batch_norm(norm: nn.Module, x: Tensor) -> Tensor:
    return F.batch_norm(
        x,
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        norm.momentum,
        norm.eps,
    )


def cnn_block(block: CNNBlock, x: Tensor) -> Tensor:
    main = conv_x(block.main[1], conv_x(block.main[0], x))
    main = conv_x(block.main[3], squeeze_excitation(block.main[2], main))
    if isinstance(block.skip, nn.Identity):
        return block.drop_path(main) + x
    return block.drop_path(main) + conv_x(block.skip[1], conv_x(block.skip[0], x))


def squeeze_excitation(block: SqueezeExcitation, x: Tensor) -> Tensor:
    mean = x.mean(dim=(2, 3), keepdim=True)
    hidden = F.relu(F.conv2d(mean, block.reduce.weight, block.reduce.bias))
    return x * torch.sigmoid(F.conv2d(hidden, block.expand.weight, block.expand.bias))


def attention_block(block: SparseAttentionBlock, x: Tensor) -> Tensor:
    x_ = conv_x(block.proj_in, x)
    q, k, v = conv_x(block.q, x_), conv_x(block.k, x_), conv_x(block.v, x_)
    attended = attention(block.attn, q, k, x_)
    return x + block.drop_path(conv_x(block.proj, block.act(attended + v)))


def attention(layer: SparseGridAttention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    height, width = q.shape[2:]
    q, k, v = group(layer, q), group(layer, k), group(layer, v)
    q = q / q.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    k = k / k.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    logits = q @ k.transpose(-2, -1)
    logits = logits * layer.logit_scale.clamp(max=MAX_LOGIT_SCALE).exp()
    if layer.num_kept < logits.shape[-1]:
        values, places = logits.topk(layer.num_kept, dim=-1)
        logits = torch.full_like(logits, NEG_INF).scatter(-1, places, values)
    out = torch.softmax(logits, dim=-1) @ v
    rows, columns = layer.split_size
    batch, _, heads, _, dims = out.shape
    spread = (height // rows, width // columns)
    out = out.view(batch, *spread, heads, rows, columns, dims)
    return out.permute(0, 3, 6, 4, 1, 5, 2).reshape(batch, heads * dims, height, width)


def group(layer: SparseGridAttention, x: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(B, groups, heads, tokens, d)``."""
    batch, channels, height, width = x.shape
    rows, columns = layer.split_size
    heads = layer.num_heads
    x = x.reshape(
        batch, heads, channels // heads, rows, height // rows, columns, width // columns
    )
    x = x.permute(0, 4, 6, 1, 3, 5, 2)
    return x.reshape(batch, -1, heads, rows * columns, channels // heads)


def rms(x: Tensor) -> Tensor:
    return x.square().mean(dim=(2, 3)).sqrt()
