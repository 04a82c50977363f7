"""What a net that is tested or deployed is computed with, by the name ``--backend`` takes."""

from __future__ import annotations

from torch import Tensor, nn

from msvitreid.registry import BACKENDS

from .fused import fuse_for_inference
from .openvino_net import use_openvino


class Backend:
    """Takes a trained net to where it is computed.

    Attributes:
        calibration_images: how many preprocessed training images :meth:`convert` needs.
        packages: of Python, whose versions belong to a result.
        extra: of ``pip install 'msvitreid[EXTRA]'``, which installs the packages.
        device: where the net computes, if that is not where it is.
        compiles: whether ``torch.compile`` can be used on what comes back.
    """

    calibration_images: int = 0
    packages: tuple[str, ...] = ()
    extra: str | None = None
    device: str | None = None
    compiles: bool = False

    def convert(self, model: nn.Module, images: Tensor | None = None) -> nn.Module:
        """A net for inference that gives what ``model`` gives; ``model`` stays as it is.

        Args:
            model: in evaluation mode.
            images: preprocessed training images ``(N, 3, H, W)`` for a backend that needs some.

        Raises:
            ConfigError: a package is missing, or the model cannot be taken there.
        """
        raise NotImplementedError


@BACKENDS.register_module(name='torch')
class TorchBackend(Backend):
    """The net in torch, with MSViT's BatchNorm folded into its convolutions."""

    compiles = True

    def convert(self, model: nn.Module, images: Tensor | None = None) -> nn.Module:
        return fuse_for_inference(model)


@BACKENDS.register_module(name='openvino')
class OpenVINOBackend(Backend):
    """The net in OpenVINO, float32 on the CPU."""

    packages: tuple[str, ...] = ('openvino',)
    extra = 'openvino'
    device = 'CPU'

    def convert(self, model: nn.Module, images: Tensor | None = None) -> nn.Module:
        return use_openvino(model, images)


@BACKENDS.register_module(name='openvino-int8')
class OpenVINOInt8Backend(OpenVINOBackend):
    """The net in OpenVINO, int8 on the CPU: faster and inexact."""

    packages = ('openvino', 'nncf')
    calibration_images = 64
