"""Embed the tracks of a video: one embedding for each, of its boxes weighted by their quality.

TRACKS is the text of the MOT challenge, frame,id,left,top,width,height[,confidence,...], one box a
line; FRAMES is the folder of the video's frames, or a pattern in quotes, whose files end with the
frame's number. How boxes are weighted is in docs/en/tracking.md. The embeddings are written to a
file (--out), into a gallery (--gallery), or both.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .image_options import (
    NOT_DONE,
    Done,
    add_json_option,
    add_model_options,
    finish,
    load_inferencer,
    report_failures,
)
from .running import make_parser

EXAMPLE = """\
example:
  msvitreid embed-tracks model.safetensors MOT17-02/img1 tracks.txt --out tracks.npz
  msvitreid embed-tracks model.safetensors MOT17-02/img1 tracks.txt --gallery tracks.gallery \\
      --video MOT17-02 --camera 2
"""
EXIT_CODES = f"""\
exit codes:
  0  done
  1  done, but for the tracks without an embedding and the frames named on stderr
{NOT_DONE}"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('embed-tracks', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('model', metavar='MODEL', help='a model file, or a config')
    add('frames', metavar='FRAMES', help='folder or pattern of the frames')
    add('tracks', metavar='TRACKS', help='text file of the tracks')
    add('--out', metavar='FILE', help='.npz or .csv file to write')
    add(
        '--gallery',
        metavar='GALLERY',
        help='folder or URL of the gallery to write into; it is made if it is missing',
    )
    add(
        '--video',
        metavar='NAME',
        help='first part of the ids in the gallery, NAME/TRACK (default: path of TRACKS)',
    )
    add('--camera', metavar='NAME', help='column camera of the items in the gallery')
    add_model_options(parser)
    add_json_option(parser)
    args = parser.parse_args(argv)
    if args.out is None and args.gallery is None:
        parser.error('give --out, --gallery or both')
    if args.gallery is None and (args.video is not None or args.camera is not None):
        parser.error('--video and --camera are of the items of a --gallery')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), embed)


def embed(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import open_or_create_gallery, require_outside
    from msvitreid.apis.tracking import (
        TrackerEncoder,
        add_tracks,
        embed_tracks,
        find_frames,
        read_tracks,
    )
    from msvitreid.apis.tracking.tracklets import SUFFIXES
    from msvitreid.utils.files import make_folder, require_suffix, require_writable

    inputs = [one for one in (args.model, args.weights, args.frames, args.tracks) if one]
    if args.out is not None:
        require_suffix(args.out, SUFFIXES, '--out')
        require_outside(args.out, inputs + [args.gallery] * bool(args.gallery), '--out')
        require_writable(args.out)
    if args.gallery is not None:
        require_outside(args.gallery, inputs, 'the gallery')
    # What is read at once comes before the model, and long before the frames.
    tracks = read_tracks(args.tracks)
    frames = find_frames(args.frames)
    inferencer = load_inferencer(args)
    encoder = TrackerEncoder(inferencer, batch_size=args.batch_size)
    found = embed_tracks(encoder, frames, tracks)
    if args.out is not None:
        make_folder(Path(args.out).absolute().parent)
        found.write(args.out)
    facts = {
        'out': args.out,
        'gallery': args.gallery,
        'tracks': len(found),
        'boxes': len(tracks),
        'used': int(found.used.sum()),
        'frames': len(set(tracks.frames.tolist())),
        'dimension': encoder.embedding_dim,
        'fingerprint': found.fingerprint,
        'failed': {str(id_): why for id_, why in found.failed.items()},
        'unreadable': found.unreadable,
    }
    if args.gallery is not None:
        model = inferencer.dimension, inferencer.fingerprint
        with open_or_create_gallery(args.gallery, *model) as gallery:
            video = args.video or str(Path(args.tracks).with_suffix(''))
            facts['added'], facts['updated'] = add_tracks(gallery, found, video, args.camera)
    report_failures(found.unreadable)
    report_failures({f'track {id_}': why for id_, why in found.failed.items()})
    places = ' and '.join(filter(None, (args.out, args.gallery)))
    text = (
        f'{facts["tracks"]:,} tracks of {facts["boxes"]:,} boxes ({facts["used"]:,} used) in '
        f'{facts["frames"]:,} frames: {places}'
    )
    return Done(facts, text, bool(found.failed or found.unreadable))
