"""Starting a command in several processes, one for each GPU, by ``torch.distributed.run``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

EPILOG = """\
Environment: PORT (29500; two runs on one machine need different ones). Several machines, on each:
NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1; the address of the machine with NODE_RANK 0) and
PORT (the same). All other options go to msvitreid {command}; its --help lists them.
"""


def launch_parser(command: str, description: str) -> argparse.ArgumentParser:
    """A parser that reads no option but ``--help``; add the positional arguments."""
    return argparse.ArgumentParser(
        prog=f'msvitreid dist-{command}',
        description=description,
        epilog=EPILOG.format(command=command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def gpu_count(text: str) -> int:
    """A number from 1 on, for argparse."""
    if not (text.isascii() and text.isdecimal()) or text.startswith('0'):
        raise argparse.ArgumentTypeError(
            f'GPUS is {text!r}, give the number of GPUs of this machine, from 1 on'
        )
    return int(text)


def launch(command: str, gpus: int, files: Sequence[str], options: Sequence[str]) -> NoReturn:
    """Replace this process by a launcher of ``gpus`` processes that run ``command``."""
    environment = os.environ.get
    words = [
        sys.executable,
        *('-m', 'torch.distributed.run'),
        f'--nnodes={environment("NNODES") or 1}',
        f'--node_rank={environment("NODE_RANK") or 0}',
        f'--master_addr={environment("MASTER_ADDR") or "127.0.0.1"}',
        f'--master_port={environment("PORT") or 29500}',
        f'--nproc_per_node={gpus}',
        *('--module', 'msvitreid', command),
        *files,
        *('--launcher', 'pytorch'),
        *options,
    ]
    # A signal to this process is one to the launcher, which ends its processes.
    os.execv(words[0], words)
