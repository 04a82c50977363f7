"""What the commands on images and galleries have in common."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from msvitreid.utils.printable import aligned, escaped, failure, printable

from .arguments import positive

if TYPE_CHECKING:
    from msvitreid.apis import ReIDInferencer

#: Images that cannot be used, of which a line each is printed.
SHOWN_FAILURES = 20

INPUTS_HELP = 'folders, image files, patterns in quotes, or @LIST.txt with a path in each line'
NOT_DONE = '  2  not done, because of what one sentence on stderr says\n'
EXIT_CODES = f"""\
exit codes:
  0  done
  1  done, but for the images named on stderr
{NOT_DONE}"""


class Done(NamedTuple):
    """What a command has to say: as JSON and as text, and whether a part of it failed."""

    document: dict[str, Any]
    text: str
    has_failed: bool = False


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add what :func:`load_inferencer` reads, but for the positional MODEL."""
    add = parser.add_argument
    add(
        '--weights',
        metavar='CHECKPOINT',
        help='where MODEL is a config (name or path): its checkpoint, e.g. averaged.pth',
    )
    add('--batch-size', type=positive, default=32, metavar='N', help='(default: 32)')
    add('--device', default='auto', help='auto (default), cpu, cuda or cuda:1')
    add('--backend', default='torch', metavar='NAME', help='torch (default) or openvino')


def add_metadata_options(parser: argparse.ArgumentParser) -> None:
    """Add where columns of the images, such as their cameras, come from."""
    add = parser.add_argument
    add('--metadata', metavar='TABLE.csv', help='with a column path (the id), and any others')
    for column, example in (('camera', '_c([0-9]+)'), ('pid', '([0-9]+)_c')):
        add(
            f'--{column}-from',
            metavar='REGEX',
            help=f"finds an image's {column} in its id, e.g. '{example}'",
        )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--json',
        action='store_true',
        help='print one JSON document, and nothing else, on stdout',
    )


def add_error_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--on-error',
        choices=['skip', 'raise'],
        default='skip',
        help='images that cannot be read: listed and left out (default), or the end',
    )


def load_inferencer(args: argparse.Namespace) -> ReIDInferencer:
    """The model that the options name; under torchrun each process on a GPU of its own."""
    import torch

    from msvitreid.apis import ReIDInferencer

    device = args.device
    if device == 'auto' and 'LOCAL_RANK' in os.environ and args.backend == 'torch':
        count = torch.cuda.device_count()
        device = f'cuda:{int(os.environ["LOCAL_RANK"]) % count}' if count else 'cpu'
    return ReIDInferencer(args.model, args.weights, device, args.backend)


@contextlib.contextmanager
def joined_processes() -> Iterator[bool]:
    """The processes of ``torchrun`` as a group; gives whether this is the first one.

    Without torchrun there is one.
    """
    if 'TORCHELASTIC_RUN_ID' not in os.environ:
        yield True
        return
    from mmengine.dist import is_main_process
    from torch import distributed

    from msvitreid.engine.distributed.gloo import join_processes

    join_processes('pytorch', timedelta(hours=1))
    try:
        yield is_main_process()
    finally:
        distributed.destroy_process_group()


def finish(
    args: argparse.Namespace, command: Callable[[argparse.Namespace], Done | None]
) -> None:
    """Run a command and print what it says; exit with 1 if a part failed.

    What others print meanwhile goes to stderr. None is nothing to say, of all processes but the
    first.
    """
    with contextlib.redirect_stdout(sys.stderr), _cleared_up_at_sigterm():
        done = command(args)
    if done is None:
        return
    as_json = getattr(args, 'json', False)
    text = done.text
    if as_json:
        text = json.dumps(_without_nan(done.document), indent=1, allow_nan=False)
    try:
        print(text, end='\n' * bool(text), flush=True)
    except BrokenPipeError:
        # The reader, such as head, has what it wanted; flushing at the end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if done.has_failed:
        sys.exit(1)


@contextlib.contextmanager
def _cleared_up_at_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an error does, so that temporary files are removed.

    Under torchrun, and in a thread, the signal is left to others.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or 'TORCHELASTIC_RUN_ID' in os.environ:
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _without_nan(value: Any) -> Any:
    """A document in which null stands for the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(text: str) -> None:
    print(escaped(text), file=sys.stderr)


def report_failures(failed: Mapping[str, str]) -> None:
    """Name images that cannot be used on stderr."""
    for path, reason in list(failed.items())[:SHOWN_FAILURES]:
        note(f'failed: {failure(path, reason)}')
    if len(failed) > SHOWN_FAILURES:
        note(f'and {len(failed) - SHOWN_FAILURES:,} more; --json lists all')


def table(rows: Sequence[Sequence[str]], indent: str = '') -> str:
    """Lines of aligned columns, without what a terminal would obey."""
    cells = [[printable(cell) for cell in row] for row in rows]
    return aligned(cells, text=True, indent=indent)


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Columns in one line; the path, which repeats the id, is left out."""
    return ' '.join(f'{name}={value}' for name, value in metadata.items() if name != 'path')
