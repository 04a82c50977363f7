"""A user at the command line, in this process: importing torch for every command is slow."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import runpy
import signal
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

REPOSITORY = Path(__file__).parents[2]

SMALL = {
    'model.pretrained': None,
    'model.backbone.arch': {
        '_delete_': True,
        'dims': (8, 8, 8, 8),
        'blocks': (1, 2, 2, 1),
        'heads': (1, 2, 2),
    },
    'train_dataloader.batch_size': 4,
    'train_dataloader.sampler.num_instances': 2,
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'on_count_mismatch': 'ignore',
    'custom_hooks.0.begin': 1,
}
"""Options that let a published config run on a miniature tree within seconds."""


class Outcome(NamedTuple):
    """What a command leaves in the terminal."""

    code: int
    out: str
    err: str


def leaf(name: str) -> str:
    """Path of ``configs/msvit/<name>.py``."""
    return str(REPOSITORY / 'configs' / 'msvit' / f'{name}.py')


def options(*changes: dict[str, object]) -> list[str]:
    """``--cfg-options`` with the given ones, later over earlier."""
    merged = {key: value for change in changes for key, value in change.items()}
    return ['--cfg-options', *(f'{key}={value}' for key, value in merged.items())]


def run(tool: str, *arguments: object) -> Outcome:
    """Run ``tools/<tool>`` as ``python tools/<tool> ARGUMENTS`` would; uncaught errors rise."""
    script = str(REPOSITORY / 'tools' / tool)
    out, err, code = io.StringIO(), io.StringIO(), 0
    on_sigterm = signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(sys, 'argv', [script, *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(script, run_name='__main__')
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)
            _forget_run()
    return Outcome(code, out.getvalue(), err.getvalue())


def _forget_run() -> None:
    """Drop what mmengine keeps for a process: the next run would log to this one's files.

    Its loaders' workers, which wait for the end of the process, end here too.
    """
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    for handler in {h for logger in MMLogger._instance_dict.values() for h in logger.handlers}:
        if isinstance(handler, logging.FileHandler):
            handler.close()
    for kind in (MMLogger, MessageHub, Visualizer, DefaultScope):
        kind._instance_dict.clear()
