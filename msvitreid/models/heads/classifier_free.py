"""Heads for inference: built without a class count, they have no classifiers."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

NO_CLASSIFIER = (
    'was built without num_classes, so it has no classifiers to train; train through ReIDRunner, '
    'which counts them, or set model.head.num_classes'
)
"""What a head's ``loss`` says in an error."""


def leave_out_on_loading(head: nn.Module, names: tuple[str, ...]) -> None:
    """Let ``head`` load what a trained one has saved: these children's weights are passed over."""
    hook = partial(_leave_out, names)
    if hasattr(head, 'register_load_state_dict_pre_hook'):
        head.register_load_state_dict_pre_hook(hook)
    else:  # torch 2.4
        register = getattr(head, '_register_load_state_dict_pre_hook')  # noqa: B009
        register(hook, with_module=True)


def _leave_out(
    names: tuple[str, ...],
    module: nn.Module,
    state_dict: dict[str, Tensor],
    prefix: str,
    *_: object,
) -> None:
    starts = tuple(f'{prefix}{name}.' for name in names)
    for key in [key for key in state_dict if key.startswith(starts)]:
        del state_dict[key]
