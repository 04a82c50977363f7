"""How every command starts and fails."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from msvitreid.errors import PREEMPTED, ReIDError
from msvitreid.utils.config_values import parse_value
from msvitreid.utils.files import OUT_OF_SPACE
from msvitreid.utils.printable import escaped


def run_tool(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run ``main(None)``; a :class:`ReIDError` becomes one line on stderr and exit code 2.

    So does a file that cannot be read or written. Ctrl-C is a line and exit code 130.
    """
    try:
        main(None)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    except ReIDError as error:
        sentence = _sentence(error)
    except OSError as error:
        if error.filename is not None:
            sentence = escaped(f'{error.filename}: {error.strerror}')
        elif error.errno in OUT_OF_SPACE:
            sentence = f'a file cannot be written ({error.strerror}); free some space'
        else:
            raise
    else:
        return
    print(f'error: {sentence}', file=sys.stderr)
    sys.exit(2)


def make_parser(name: str, doc: str | None, *epilog: str) -> argparse.ArgumentParser:
    """The parser of ``msvitreid NAME``, whose help has these texts, line by line."""
    return argparse.ArgumentParser(
        prog=f'msvitreid {name}',
        description=doc,
        epilog='\n'.join(epilog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def quiet_log(name: str, level: str = 'WARNING') -> None:
    """Log from ``level`` on only, in a process that does not log as ``name`` already."""
    from mmengine.logging import MMLogger

    if not MMLogger.check_instance_created(name):
        MMLogger.get_instance(name, log_level=level)


def exit_when_preempted() -> None:
    """From now on, let SIGTERM end the process with code 75, "try again".

    For the time in which there is nothing to save: see :class:`PreemptionHook`.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(PREEMPTED))


def add_config_argument(
    parser: argparse.ArgumentParser,
    what: str = 'name of a config, e.g. msvit-s_market1501, or path of a file',
) -> None:
    """Add the positional ``CONFIG``, of which ``find_config`` makes a path."""
    parser.add_argument('config', metavar='CONFIG', help=what)


def add_data_root_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-root FOLDER_OR_CSV``, which :func:`data_options` reads."""
    parser.add_argument(
        '--data-root',
        metavar='FOLDER_OR_CSV',
        help="the data's folder, or of your own data a list in it, such as split.csv",
    )


def data_options(args: argparse.Namespace) -> dict[str, Any]:
    """``--cfg-options`` of a command, and before them what ``--data-root`` stands for."""
    if args.data_root is None:
        return args.cfg_options
    return {**folder_or_list(args.data_root), **args.cfg_options}


def folder_or_list(given: str) -> dict[str, str]:
    """``data_root`` of a folder, and ``csv`` as well of a list in it."""
    if not given.lower().endswith('.csv') or os.path.isdir(given):
        return {'data_root': given}
    folder, name = os.path.split(given)
    return {'data_root': folder or '.', 'csv': name}


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options KEY=VALUE ...``."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=_ConfigOptions,
        default={},
        metavar='KEY=VALUE',
        help='override the config, e.g. data_root=/data train_dataloader.batch_size=32',
    )


def add_launcher_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher``, and the ``--local-rank`` that older launchers pass."""
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, dest='local_rank')


class _ConfigOptions(argparse.Action):
    """Collects ``KEY=VALUE`` pairs as mmengine's ``DictAction`` does; values may be dicts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest))
        for pair in values:
            key, equals, text = pair.partition('=')
            if not (key and equals):
                parser.error(f'{option_string} takes KEY=VALUE, got {pair!r}')
            try:
                options[key] = parse_value(text)
            except ValueError as error:
                parser.error(f'{option_string} {key}: {error}')
            read = options[key]
            if isinstance(read, str) and ' ' in text.strip() and ' ' not in read:
                print(
                    f'{option_string} {key}: spaces are left out, as mmengine does; '
                    f'{text!r} is read as {read!r}; quotes keep them: {key}="..."',
                    file=sys.stderr,
                )
        setattr(namespace, self.dest, options)


def _sentence(error: ReIDError) -> str:
    """The error's own words, without the traceback a DataLoader worker wraps around them.

    They are one line, and leave the terminal alone, whatever the names of files in them are.
    """
    text = str(error)
    if text.startswith('Caught '):
        text = re.split(r'^[\w.]+Error: ', text, flags=re.MULTILINE)[-1].strip()
    return escaped(text)
