from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.structures import ReIDDataSample

from .build_part import build_part
from .fill_in import ExpectedMaps, count_channels, count_vectors, fill_in
from .weights.pretrained import load_pretrained


@MODELS.register_module()
@checked
class ReIDModel(BaseModel):
    """A re-identification net: preprocessor, backbone, neck, head.

    Args:
        backbone: config; images to a tuple of maps.
        neck: config; maps to a list of vectors.
        head: config; vectors to features, and the loss. Where it takes ``num_vectors`` and
            ``in_channels`` and its config is silent, they are those of neck and backbone.
        data_preprocessor: config; :class:`ReIDDataPreprocessor` by default.
        pretrained: path of ImageNet weights that initialize backbone and head: the
            authors' classifier file as it is or converted; ``None`` starts from scratch.
        flip_test: add the features of the mirrored image when predicting.
        init_cfg: mmengine initialization of the whole.

    Raises:
        ConfigError: a part is no config of a component, or an option has no such value.
    """

    #: Options that do not matter to a trained net.
    training_options = ('pretrained',)

    def __init__(
        self,
        backbone: Mapping[str, Any],
        neck: Mapping[str, Any],
        head: Mapping[str, Any],
        data_preprocessor: Mapping[str, Any] | None = None,
        pretrained: str | None = None,
        flip_test: bool = True,
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        preprocessor = build_part(
            'model.data_preprocessor',
            {} if data_preprocessor is None else data_preprocessor,
            type='ReIDDataPreprocessor',
        )
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.backbone = build_part('model.backbone', backbone)
        self.neck = build_part('model.neck', neck)
        filled = fill_in(
            head,
            num_vectors=lambda: count_vectors(self.neck, self.backbone),
            in_channels=lambda: count_channels(self.backbone),
        )
        self.head = build_part('model.head', filled)
        added = {key: value for key, value in filled.items() if key not in head}
        self._expected_maps = ExpectedMaps(self.backbone, added)
        self.pretrained = pretrained
        self.flip_test = flip_test

    def init_weights(self) -> None:
        super().init_weights()
        if self.pretrained is not None:
            load_pretrained(self, self.pretrained)

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """Depth of a parameter's layer and the number of layers, as the backbone counts.

        mmpretrain's ``LearningRateDecayOptimWrapperConstructor`` asks for it.

        Raises:
            ConfigError: the backbone does not say.
        """
        depth = getattr(self.backbone, 'get_layer_depth', None)
        if depth is None:
            raise ConfigError(
                'optim_wrapper.constructor sets rates by layer, but '
                f'{type(self.backbone).__name__} has no get_layer_depth(param_name, prefix); '
                'leave out constructor and paramwise_cfg.layer_decay_rate'
            )
        return depth(param_name, prefix='backbone.')

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[ReIDDataSample] | None = None,
        mode: str = 'tensor',
    ) -> list[Tensor] | dict[str, Tensor] | Sequence[ReIDDataSample]:
        """Run a preprocessed float batch ``(N, 3, H, W)``.

        Returns:
            in mode 'tensor' the list of features, each ``(N, C)``; in mode 'loss' a dict
            of losses; in mode 'predict' the data samples, each with its ``embedding``.
        """
        if mode == 'tensor':
            return self.head(self.vectors(inputs))
        if mode == 'loss':
            return self.head.loss(self.vectors(inputs), data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ConfigError(f"mode {mode!r} is unknown; use 'tensor', 'loss' or 'predict'")

    def vectors(self, images: Tensor) -> list[Tensor]:
        """Pooled vectors of the images, before the head.

        Raises:
            ConfigError: the backbone does not give the maps that it announces, or what the neck
                cannot pool.
        """
        maps = self.backbone(images)
        # A net of another runtime, which takes the backbone's place, announces nothing.
        if type(self.backbone) is self._expected_maps.kind:
            self._expected_maps.check(maps)
        try:
            return self.neck(maps)
        except IndexError as error:
            shapes = [tuple(x.shape) for x in maps if x.dim() != 4]
            if not shapes:
                raise
            raise ConfigError(
                f'{type(self.neck).__name__} takes maps (N, C, H, W), and '
                f'{type(self.backbone).__name__} gives {shapes[0]}'
            ) from error

    def embed(self, images: Tensor, flip: bool = True) -> Tensor:
        """Unit embeddings ``(N, D)`` of a preprocessed float batch ``(N, 3, H, W)``.

        The features are concatenated, summed over the image and (with ``flip``) its mirror
        image, and L2-normalized; compare them by inner product.
        """
        embedding = torch.cat(self.head(self.vectors(images)), dim=1)
        if flip:
            embedding = embedding + torch.cat(self.head(self.vectors(images.flip(-1))), dim=1)
        return F.normalize(embedding.to(torch.promote_types(embedding.dtype, torch.float32)))

    def predict(
        self, images: Tensor, data_samples: Sequence[ReIDDataSample] | None = None
    ) -> Sequence[ReIDDataSample]:
        """Data samples (new ones if none are given), each with its ``embedding`` ``(D,)``."""
        embeddings = self.embed(images, flip=self.flip_test)
        samples = data_samples or [ReIDDataSample() for _ in embeddings]
        for sample, embedding in zip(samples, embeddings, strict=True):
            sample.embedding = embedding
        return samples
