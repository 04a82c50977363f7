from __future__ import annotations

from torch import Tensor, nn

from msvitreid.errors import ConfigError


def loss_value(loss: nn.Module, prediction: Tensor, labels: Tensor) -> Tensor:
    """What a loss of the config gives, which must be one number: ``()``.

    Raises:
        ConfigError: it is something else, such as one number an image.
    """
    value = loss(prediction, labels)
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.reshape(())
    given = f'a tensor {tuple(value.shape)}' if isinstance(value, Tensor) else repr(value)
    raise ConfigError(
        f'{type(loss).__name__} must give one number for a batch, a tensor without dimensions, '
        f'got {given}; take the mean over the images in its forward'
    )
