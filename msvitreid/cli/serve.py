"""Serve a page and a REST interface to search a gallery, and to review what is found.

It is for this machine only (http://127.0.0.1) unless --host says otherwise; then a token is
needed, which is made and printed if --token gives none. The connection is not encrypted. Marks of
the review are kept in GALLERY.marks.sqlite; without --images nothing else is written. SIGTERM and
Ctrl-C end it after the running requests.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import counted

from .image_options import (
    EXIT_CODES,
    add_metadata_options,
    add_model_options,
    load_inferencer,
    note,
    report_failures,
)
from .index_commands import columns_of
from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.apis import ReIDInferencer

EXAMPLE = """\
example:
  msvitreid serve people.gallery model.safetensors --images crops/ --camera-from '_c([0-9]+)'
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('serve', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('gallery', metavar='GALLERY', help='folder or URL of a gallery')
    add('model', metavar='MODEL', help='the model that the gallery was made with')
    add(
        '--images',
        nargs='+',
        default=[],
        metavar='FOLDER',
        help='first make the gallery of these images, or add those it lacks, as index add does',
    )
    add_metadata_options(parser)
    add('--card', metavar='FILE', help='calibration card of this model, for thresholds by FMR')
    add('--marks', metavar='FILE', help='where marks are kept (GALLERY.marks.sqlite)')
    add('--root', metavar='FOLDER', help='where the images of the gallery are, if moved')
    add('--host', default='127.0.0.1', metavar='ADDRESS', help='(default: %(default)s)')
    add(
        '--port',
        type=port,
        default=8000,
        metavar='N',
        help='(default: %(default)s; 0: any free one)',
    )
    add('--token', metavar='TEXT', help='what clients must know, 16 characters or more')
    add(
        '--allow-host',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME',
        help='a further name by which the server is called, as in a URL',
    )
    add_model_options(parser)
    return parser.parse_args(argv)


def port(text: str) -> int:
    """A number of a port, for argparse."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f'{text!r} is no number from 0 to 65535')
    return int(text)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    marks_file = marks_path(args)
    for option in ('metadata', 'camera_from', 'pid_from'):
        if getattr(args, option) is not None and not args.images:
            name = '--' + option.replace('_', '-')
            raise ConfigError(f'{name} is about images to be added; name them by --images')
    token = args.token
    if token is None and not is_loopback(args.host):
        token = secrets.token_urlsafe(32)
    require_packages()

    import uvicorn

    from msvitreid.apis.verification import CalibrationCard
    from msvitreid.gallery import open_gallery
    from msvitreid.serving import MarkStore, create_app
    from msvitreid.serving.connections import BoundedConnection

    with ExitStack() as stack:
        # Before the model is read, which takes a while.
        listening = stack.enter_context(listen(args.host, args.port))
        inferencer = None
        if args.images:
            inferencer = load_inferencer(args)
            add_images(args, inferencer)
        gallery = stack.enter_context(open_gallery(args.gallery, readonly=True))
        card = None
        if args.card is not None:
            card = CalibrationCard.load(args.card, gallery.fingerprint)
        inferencer = inferencer or load_inferencer(args)
        marks = MarkStore(marks_file)
        stack.callback(marks.close)
        hosts = ['localhost', '127.0.0.1', '::1', args.host, *args.allow_host]
        if not is_loopback(args.host):
            hosts.append(socket.gethostname())
        app = create_app(
            gallery,
            inferencer,
            card,
            marks=marks,
            token=token,
            hosts=hosts,
            root=args.root,
        )
        config = uvicorn.Config(
            app,
            http=BoundedConnection,
            ws='none',
            access_log=False,
            log_level='warning',
            server_header=False,
            proxy_headers=False,
            limit_concurrency=500,
            timeout_graceful_shutdown=30,
        )
        # When the server has ended, uvicorn raises the signal again: the end is not an error.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        stack.callback(signal.signal, signal.SIGTERM, before)
        print(f'{counted(len(gallery), "image")}; marks: {marks_file}')
        if token is not None and args.token is None:
            print(f'token: {token}')
        print(f'serving {url(listening, args.host)}', flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def add_images(args: argparse.Namespace, inferencer: ReIDInferencer) -> None:
    """Make the gallery, or add what it lacks; images that cannot be used are named.

    Raises:
        ReIDError: the gallery would be in a folder of images, or is of another model.
    """
    from msvitreid.apis.indexing import (
        index_images,
        list_image_files,
        open_or_create_gallery,
        require_outside,
    )

    inputs = [*args.images, *([args.metadata] if args.metadata else [])]
    require_outside(args.gallery, inputs, 'the gallery')
    listed = list_image_files(args.images)
    columns, _ = columns_of(args, listed)
    note(f'{counted(len(listed.files), "image")} found; those the gallery lacks are embedded')
    model = inferencer.dimension, inferencer.fingerprint
    with open_or_create_gallery(args.gallery, *model) as gallery:
        report = index_images(gallery, inferencer, listed, columns, batch_size=args.batch_size)
    report_failures(report.failed)
    note(report.text)


def require_packages() -> None:
    """Check that the packages of the extra are there.

    Raises:
        ConfigError: one is missing.
    """
    for name in ('fastapi', 'uvicorn', 'python_multipart'):
        if find_spec(name) is None:
            raise ConfigError(f"serve needs the package {name}; pip install 'msvitreid[serve]'")


def marks_path(args: argparse.Namespace) -> str:
    """The file of marks, which is not in the gallery's folder.

    Raises:
        ConfigError: it is there, or the gallery is a URL and has no place next to it.
    """
    if args.marks is None:
        if '://' in args.gallery:
            raise ConfigError(f'{args.gallery!r} is a URL; say where marks are kept by --marks')
        return os.path.normpath(args.gallery) + '.marks.sqlite'
    folder = Path(args.gallery).resolve()
    if folder in Path(args.marks).resolve().parents:
        raise ConfigError(
            f'--marks {args.marks!r} is in the folder of the gallery; choose another'
        )
    return args.marks


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, number: int) -> socket.socket:
    """The socket of an address.

    Raises:
        ConfigError: it is none of this machine, or taken.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        return socket.create_server((host, number), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise ConfigError(
            f'--host {host!r} --port {number} cannot be used ({reason}); choose others'
        ) from error


def url(listening: Any, host: str) -> str:
    """What to open in a browser."""
    shown = {'0.0.0.0': socket.gethostname(), '::': socket.gethostname()}.get(host, host)
    return f'http://{f"[{shown}]" if ":" in shown else shown}:{listening.getsockname()[1]}/'
