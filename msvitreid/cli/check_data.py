"""Check a dataset before it is used: counts, identities, images, duplicates, stray files."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msvitreid.cli.running import (
    add_config_options,
    add_data_root_option,
    data_options,
    folder_or_list,
    make_parser,
    quiet_log,
)
from msvitreid.errors import ConfigError
from msvitreid.utils.config_files import config_names, configs_folder, find_config

HANDED_DOWN = ('data_root', 'on_count_mismatch', 'split')

EPILOG = """\
faults (exit code 1):
  a count that differs from the published one, where that is certain
  images that are missing, empty, no images, or cut short
  files of a kind that is not read, and images in folders that are not read, where images are
  16-bit images, most of which use a part of their range only
  files of the same bytes (or one file) in train and test, or in query and gallery unless the
    Market rule leaves them out
  identities in both train and test (not for MSMT17, which numbers both from 0)
  queries that the protocol leaves no match (in VehicleID information: one image of a vehicle is
    drawn for the gallery, so that one with no other image is never a query)
  query and gallery that share no camera, so that no image is left out by its camera
information (exit code 0):
  a count unlike a published one that is not certain
  training identities with one image, or with images from one camera only
  other files of the same bytes inside train or inside test
  other files that are passed over: hidden ones, Thumbs.db, __MACOSX, lists and notes, pid -1,
    images on no list, images in a folder that is not read
exit code 2, with one sentence: the dataset cannot be used at all, because its root or a folder
  is missing, a split is empty, or a name or list cannot be read.
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('check-data', __doc__, EPILOG)
    parser.add_argument(
        'target',
        metavar='NAME_OR_CONFIG',
        help='a dataset, e.g. market1501, or the name or path of a config, whose training and test '
        'sets are checked',
    )
    parser.add_argument(
        'root',
        nargs='?',
        metavar='ROOT',
        help="the dataset's folder, of your own data a list in it such as split.csv, or the "
        'folder of all datasets (default: what the config or MSVITREID_DATA_ROOT says)',
    )
    add_data_root_option(parser)
    parser.add_argument('--json', metavar='FILE', help='write everything that was found here')
    parser.add_argument('--workers', type=int, metavar='N', help='threads (default: all CPUs)')
    parser.add_argument(
        '--no-decode',
        action='store_true',
        help='do not decode the images: of unreadable ones only missing and empty ones are found',
    )
    parser.add_argument(
        '--ignore-counts',
        action='store_true',
        help='do not compare counts, for a set that is meant to be another size; a config that '
        'says on_count_mismatch is obeyed without this',
    )
    add_config_options(parser)
    args = parser.parse_args(argv)
    if args.root is not None and args.data_root is not None:
        parser.error('ROOT and --data-root mean the same; give only one')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.json is not None and os.path.isdir(args.json):
        raise ConfigError(f'--json {args.json!r} is a folder; name a file to write')

    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from msvitreid.datasets import inspection
    from msvitreid.utils.files import require_writable, write_text_atomically

    if args.json is not None:
        require_writable(args.json)
    # The table says what the datasets would log while they are read.
    quiet_log('check_dataset', 'ERROR')
    given = {} if args.root is None else folder_or_list(args.root)
    if args.ignore_counts:
        given['on_count_mismatch'] = 'ignore'
    configs = [{**config, **given} for config in find_configs(args.target, data_options(args))]
    contents = inspection.read_contents(configs)

    work = {'workers': args.workers, 'progress': True}
    findings = inspection.unreadable_findings(contents, not args.no_decode, **work)
    findings += inspection.duplicate_findings(contents, **work)
    findings += inspection.shared_name_findings(contents)
    for one in contents:
        findings += inspection.left_out_findings(one)
        findings += inspection.count_findings(one)
        findings += inspection.shared_identity_findings(one)
        findings += inspection.unmatched_query_findings(one)
        findings += inspection.separate_camera_findings(one)
        findings += inspection.scarce_identity_findings(one)
    findings += inspection.stray_findings(contents)

    # The table first: what hours have found is not to be lost with a file that fails.
    print(inspection.as_text(contents, findings), flush=True)
    if args.json is not None:
        write_text_atomically(args.json, inspection.as_json(contents, findings))
    if any(finding.is_fault for finding in findings):
        sys.exit(1)


def find_configs(target: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Configs of the datasets that a name or a config stands for.

    Raises:
        ConfigError: there is no such dataset or config; near names are suggested.
    """
    if target.endswith('.py') or os.path.isfile(target):
        return _of_config(find_config(target), options)
    classes = dataset_classes()
    aliases = _aliases(classes)
    if name := aliases.get(_plain(target)):
        # A set for testing only names no source of training images.
        tests_only = 'train' not in (classes[name].sources or ('train',))
        splits = ('test',) if tests_only else ('train', 'test')
        return [{'type': name, 'split': split, **options} for split in splits]
    bases = {_plain(name): name for name in _base_names(aliases)}
    if name := bases.get(_plain(target)):
        return [
            {**config, **options} for config in _of_config(str(_bases() / f'{name}.py'), {})
        ]
    if target in config_names():
        return _of_config(find_config(target), options)
    raise ConfigError(_unknown(target, {**aliases, **bases}))


def _unknown(target: str, known: Mapping[str, str]) -> str:
    """What to say of a name that is none of the known ones."""
    if os.path.isdir(target):
        return (
            f'{target!r} is a folder, not a dataset; say before it what lies there, for your '
            f'own data: reiddataset {target}'
        )
    # Of a dataset's name case and punctuation do not count.
    nameable = {**{_plain(name): name for name in config_names()}, **known}
    close = difflib.get_close_matches(_plain(target), nameable, n=3)
    near = [nameable[name] for name in close]
    suggestion = ' or '.join(map(repr, dict.fromkeys(near)))
    names = sorted(set(known.values()), key=str.lower)
    return (
        f'{target!r} is no file or folder here, and neither a config nor a dataset'
        + (f'; did you mean {suggestion}' if near else '')
        + f'; known datasets are {", ".join(names)}'
    )


def _of_config(path: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The training and test datasets of a config file, wrappers taken apart."""
    from msvitreid.engine import complete_config, load_config

    cfg = complete_config(load_config(path, options))
    found = [
        config
        for loader, split in (('train_dataloader', 'train'), ('test_dataloader', 'test'))
        for config in _members((cfg.get(loader) or {}).get('dataset') or {}, {'split': split})
    ]
    if not found:
        raise ConfigError(f'config {path!r} names no dataset; is it a base to inherit from?')
    return found


def _members(node: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The datasets in a wrapper's config, which says for them what they do not say themselves."""
    given = {**given, **{key: node[key] for key in HANDED_DOWN if key in node}}
    inner = [node['dataset']] if 'dataset' in node else node.get('datasets', ())
    for member in inner:
        yield from _members(member, given)
    if not inner and 'type' in node:
        # The name is what a joined set calls its member.
        yield {key: value for key, value in {**given, **node}.items() if key != 'name'}


def dataset_classes() -> dict[str, Any]:
    """The datasets that can be read by a name of their own."""
    from msvitreid.datasets import JoinedDataset, ReIDDataset
    from msvitreid.registry import DATASETS

    return {
        name: kind
        for name, kind in DATASETS.module_dict.items()
        if issubclass(kind, ReIDDataset) and kind is not JoinedDataset
    }


def _aliases(classes: Mapping[str, Any]) -> dict[str, str]:
    """What a class may be called, its own name or one of its folder -> its name."""
    folders = {
        _plain(folder): name for name, kind in classes.items() for folder in kind.folder_names
    }
    return {**folders, **{_plain(name): name for name in classes}}


def _base_names(aliases: Mapping[str, str]) -> list[str]:
    """Names of the configs' dataset parts that are not a class's: npdetected, nplabeled."""
    from msvitreid.engine import load_config
    from msvitreid.registry.type_names import own_type

    def names_a_set(file: Path) -> bool:
        dataset = load_config(file).get('test_dataloader', {}).get('dataset', {})
        if own_type(dataset) in (None, '', 'ReIDDataset'):  # another's, or the user's own data
            return False
        # Without options it is a class's, in another size.
        return bool(dataset.keys() - {'type', 'split', 'pipeline'})

    return [
        file.stem
        for file in sorted(_bases().glob('*.py'))
        if _plain(file.stem) not in aliases and names_a_set(file)
    ]


def _bases() -> Path:
    return configs_folder() / '_base_' / 'datasets'


def _plain(name: str) -> str:
    return ''.join(filter(str.isalnum, name.lower()))
