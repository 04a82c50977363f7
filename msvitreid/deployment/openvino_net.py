from __future__ import annotations

from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel

from .packed_conv import pack_convolutions

#: Images that run together: more of them do not fit into the caches any more.
PIECE = 4


def use_openvino(
    model: nn.Module, calibration: Tensor | None = None, threads: int | None = None
) -> ReIDModel:
    """A copy of ``model`` for inference on the CPU, whose net runs in OpenVINO.

    ``embed``, ``predict`` and ``mode='tensor'`` work as before. In float32 the features are
    the same up to rounding, and attention keeps exactly the keys that torch keeps, of equal
    logits those at the lowest positions. The copy cannot be trained and does not follow later
    changes of ``model``;
    copies of it are compiled again.

    Args:
        model: a :class:`ReIDModel` in evaluation mode, on the CPU, in float32.
        calibration: preprocessed images ``(N, 3, H, W)``, best 64 or more of the training
            set's. With them the net computes in int8, which is faster and inexact, on images
            of that size.
        threads: at least 1; torch's number by default.

    Raises:
        ConfigError: a package is missing, or the model, the images or the threads are others.
    """
    if threads is not None and threads < 1:
        raise ConfigError(
            f'use_openvino takes at least 1 thread, got threads={threads}; leave threads out for '
            "torch's number"
        )
    _require_packages('openvino', *(() if calibration is None else ('nncf',)))
    _check(model)
    deployed = cast(ReIDModel, fuse_for_inference(model))
    net = OpenVINONet(
        pack_convolutions(_Features(deployed)), threads or torch.get_num_threads()
    )
    if calibration is not None:
        net.quantize(calibration)
    deployed.backbone, deployed.neck, deployed.head = net, nn.Identity(), nn.Identity()
    return deployed.eval()


class OpenVINONet(nn.Module):
    """Images to features through OpenVINO, compiled for an image size when it first comes.

    Batches run in pieces of :data:`PIECE` images, as many at a time as there are threads;
    what remains runs image by image, with all threads. So a graph is compiled for two shapes
    at most, whatever batches come.

    Args:
        features: a float32 net of images to a tuple of features ``(N, C)``.
        threads: to compute with.
    """

    def __init__(self, features: nn.Module, threads: int) -> None:
        super().__init__()
        # In a tuple, or its weights would be this module's.
        self._features = (features,)
        self.threads = threads
        self.is_int8 = False
        self._graphs: dict[tuple[int, int], Any] = {}
        self._compiled: dict[tuple[int, ...], tuple[Any, list[int]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # OpenVINO's queues cannot be copied; a copy makes its own.
        return {**self.__dict__, '_compiled': {}}

    def quantize(self, calibration: Tensor) -> None:
        """Compute in int8 from now on, on images of the calibration's size only.

        Raises:
            ConfigError: there are no images, or they are not finite float32 ones on the CPU.
        """
        from .openvino_graph import to_int8

        _check_images(calibration)
        if len(calibration) == 0:
            raise ConfigError('calibration holds no images; give some of the training set')
        if not calibration.isfinite().all():
            raise ConfigError(
                'calibration holds NaN or infinite numbers, which have no range; give preprocessed '
                'images of the training set'
            )
        height, width = calibration.shape[2:]
        self._graphs = {(height, width): to_int8(self._graph(height, width), calibration)}
        self._compiled = {}
        self.is_int8 = True

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(N, 3, H, W)`` to features, each ``(N, C)``.

        Raises:
            ConfigError: the net is in training mode, the images are not float32 ones on the
                CPU or of a size that it does not take.
        """
        if self.training:
            raise ConfigError('a net in OpenVINO cannot be trained; call its eval()')
        _check_images(images)
        batch = images.detach().contiguous().numpy()
        whole = len(batch) - len(batch) % PIECE
        parts = [self._run(batch[:whole], PIECE)] if whole else []
        if whole < len(batch) or not whole:
            parts.append(self._run(batch[whole:], 1))
        return [torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True)]

    def _run(self, batch: np.ndarray, piece: int) -> list[np.ndarray]:
        queue, widths = self._compile((piece, *batch.shape[1:]))
        outputs = [np.empty((len(batch), width), np.float32) for width in widths]

        def keep(request: Any, start: int) -> None:
            for i, output in enumerate(outputs):
                output[start : start + piece] = request.get_output_tensor(i).data

        queue.set_callback(keep)
        for start in range(0, len(batch), piece):
            queue.start_async({0: batch[start : start + piece]}, start)
        queue.wait_all()
        return outputs

    def _compile(self, shape: tuple[int, ...]) -> tuple[Any, list[int]]:
        """A queue for pieces of this shape, and the lengths of their features."""
        if shape not in self._compiled:
            import openvino

            from .openvino_graph import core

            graph = self._graph(*shape[2:]).clone()
            graph.reshape(list(shape))
            options = {
                # Otherwise it computes in bfloat16 where the processor has it.
                'INFERENCE_PRECISION_HINT': 'f32',
                'INFERENCE_NUM_THREADS': self.threads,
                'NUM_STREAMS': 1 if shape[0] == 1 else self.threads,
            }
            net = core().compile_model(graph, 'CPU', options)
            widths = [output.shape[1] for output in net.outputs]
            self._compiled[shape] = openvino.AsyncInferQueue(net), widths
        return self._compiled[shape]

    def _graph(self, height: int, width: int) -> Any:
        if (height, width) not in self._graphs:
            if self.is_int8:
                ((rows, columns),) = self._graphs
                raise ConfigError(
                    f'an int8 net calibrated with {rows}x{columns} images got {height}x{width} '
                    'ones; calibrate it with images of that size'
                )
            from .openvino_graph import to_graph

            self._graphs[height, width] = to_graph(self._features[0], height, width)
        return self._graphs[height, width]


class _Features(nn.Module):
    """Backbone, neck and head as one net with a tuple of outputs."""

    def __init__(self, model: ReIDModel) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = model.backbone, model.neck, model.head

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.head(self.neck(self.backbone(images))))


def _require_packages(*names: str) -> None:
    for name in names:
        if find_spec(name) is None:
            raise ConfigError(
                f'OpenVINO needs the package {name}, which is not installed: '
                "pip install 'msvitreid[openvino]'"
            )


def _check(model: nn.Module) -> None:
    if not isinstance(model, ReIDModel):
        raise ConfigError(f'use_openvino takes a ReIDModel, got {type(model).__name__}')
    if isinstance(model.backbone, OpenVINONet):
        raise ConfigError(
            'the model runs in OpenVINO already; give use_openvino the one that it was made of'
        )
    if model.training:
        raise ConfigError('use_openvino takes a model in evaluation mode; call its eval()')
    parameter = next(model.parameters())
    if parameter.device.type != 'cpu' or parameter.dtype != torch.float32:
        raise ConfigError(
            f'OpenVINO runs float32 nets on the CPU, the model is {parameter.dtype} on '
            f"{parameter.device}; hide the GPU by CUDA_VISIBLE_DEVICES= or call the model's "
            'cpu() and float()'
        )


def _check_images(images: Tensor) -> None:
    is_batch = images.dim() == 4 and images.shape[1] == 3
    if not is_batch or images.dtype != torch.float32 or images.device.type != 'cpu':
        raise ConfigError(
            'OpenVINO takes float32 images (N, 3, H, W) on the CPU, got '
            f'{images.dtype} of shape {tuple(images.shape)} on {images.device}'
        )
