"""Embed the tracks of a video: one embedding for each, of its boxes weighted by their quality.

TRACKS is the text of the MOT challenge, frame,id,left,top,width,height[,confidence,...], one box a
line; FRAMES is the folder of the video's frames, or a pattern in quotes, whose files end with the
frame's number. How boxes are weighted is in docs/en/tracking.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .image_options import Done, finish, note

EPILOG = """\
exit codes: 0 done, 1 a track has no embedding, 2 wrong usage or files.

example:
  msvitreid embed-tracks model.safetensors MOT17-02/img1 tracks.txt --out tracks.npz
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='msvitreid embed-tracks',
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('model', metavar='MODEL', help='a model file')
    add('frames', metavar='FRAMES', help='folder or pattern of the frames')
    add('tracks', metavar='TRACKS', help='text file of the tracks')
    add('--out', required=True, metavar='FILE', help='.npz or .csv file to write')
    add('--batch-size', type=int, default=32, metavar='N', help='boxes at once (32)')
    add('--device', default='auto', help="'auto' (default), 'cpu' or 'cuda:0'")
    add('--backend', default='torch', help='what computes the net (torch)')
    add('--json', action='store_true', help='print one JSON document')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), embed)


def embed(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import require_outside
    from msvitreid.apis.tracking import TrackerEncoder, embed_tracks, find_frames, read_tracks
    from msvitreid.apis.tracking.tracklets import require_suffix, shown_failures
    from msvitreid.utils.files import make_folder, require_writable

    require_suffix(args.out)
    require_outside(args.out, (args.model, args.frames, args.tracks), '--out')
    require_writable(args.out)
    # What is read at once comes before the model, and long before the frames.
    tracks = read_tracks(args.tracks)
    frames = find_frames(args.frames)
    encoder = TrackerEncoder(
        args.model, batch_size=args.batch_size, device=args.device, backend=args.backend
    )
    found = embed_tracks(encoder, frames, tracks)
    make_folder(Path(args.out).absolute().parent)
    found.write(args.out)
    facts = {
        'out': args.out,
        'tracks': len(found),
        'boxes': len(tracks),
        'used': int(found.used.sum()),
        'frames': len(set(tracks.frames.tolist())),
        'dimension': encoder.embedding_dim,
        'fingerprint': found.fingerprint,
        'failed': {str(id_): why for id_, why in found.failed.items()},
    }
    for line in shown_failures(found.failed):
        note(line)
    text = (
        f'{facts["tracks"]:,} tracks of {facts["boxes"]:,} boxes ({facts["used"]:,} used) in '
        f'{facts["frames"]:,} frames: {args.out}'
    )
    return Done(facts, text, bool(found.failed))
