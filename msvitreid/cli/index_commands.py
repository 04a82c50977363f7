"""What the commands of msvitreid index do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import counted, printable

from .image_options import (
    Done,
    joined_processes,
    load_inferencer,
    metadata_text,
    note,
    report_failures,
    table,
)

if TYPE_CHECKING:
    from msvitreid.apis.indexing import IndexReport, ListedImages
    from msvitreid.gallery import GalleryStore

#: Ids that are named one by one.
SHOWN = 20


def add(args: argparse.Namespace) -> Done | None:
    from msvitreid.apis.indexing import (
        index_images,
        list_image_files,
        open_or_create_gallery,
        require_outside,
    )

    require_precision(args.precision)
    inputs = [*args.inputs, *([args.metadata] if args.metadata else [])]
    require_outside(args.gallery, inputs, 'the gallery')
    with joined_processes() as is_first:
        listed = list_image_files(args.inputs, args.root)
        columns, facts = columns_of(args, listed, is_first)
        inferencer = load_inferencer(args)
        model = inferencer.dimension, inferencer.fingerprint
        options: dict[str, Any] = {
            'prune': args.prune,
            'on_error': args.on_error,
            'batch_size': args.batch_size,
            'commit_every': args.commit_every,
        }
        if not is_first:
            index_images(None, inferencer, listed, columns, **options)
            return None
        with open_or_create_gallery(args.gallery, *model, args.precision) as gallery:
            report = index_images(gallery, inferencer, listed, columns, **options)
            return _indexed(gallery, args.gallery, report, facts)


def remove(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import parse_conditions, require_columns
    from msvitreid.gallery import open_gallery

    where = parse_conditions(args.where)
    with open_gallery(args.gallery) as gallery:
        ids = list(args.ids)
        if where:
            found = gallery.scan(where, embeddings=False)
            ids = [item.id for items in found for item in items]
            if not ids:
                require_columns(gallery, where)
        gallery.remove(ids)
        document = {'removed': len(ids), 'items': len(gallery)}
    return Done(document, f'{counted(len(ids), "image")} removed, {document["items"]:,} left')


def list_items(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import parse_conditions, require_columns
    from msvitreid.gallery import open_gallery

    where = parse_conditions(args.where)
    with open_gallery(args.gallery, readonly=True) as gallery:
        found = gallery.scan(where, embeddings=False)
        items = [item for batch in found for item in batch]
        if where and not items:
            require_columns(gallery, where)
        facts = _facts(gallery, args.gallery)
    rows = [(item.id, metadata_text(item.metadata)) for item in items]
    document = {
        **facts,
        'listed': [
            {'id': item.id, 'hash': item.hash, 'metadata': item.metadata} for item in items
        ],
    }
    head = f'{counted(facts["items"], "image")}, {facts["dimension"]} numbers of '
    head += f'{facts["precision"]}, model {facts["fingerprint"]}'
    return Done(document, '\n'.join([printable(head), *([table(rows)] if rows else [])]))


def verify(args: argparse.Namespace) -> Done:
    from msvitreid.gallery import open_gallery

    with open_gallery(args.gallery, readonly=True) as gallery:
        report = gallery.verify()
    for problem in report.problems:
        note(f'damaged: {problem}')
    text = f'{counted(report.items, "image")}, {counted(len(report.problems), "problem")}'
    document = {'items': report.items, 'problems': report.problems}
    return Done(document, text, bool(report.problems))


def copy(args: argparse.Namespace) -> Done:
    from msvitreid.apis.indexing import open_or_create_gallery
    from msvitreid.gallery import open_gallery

    require_precision(args.precision)
    with open_gallery(args.gallery, readonly=True) as gallery:
        model = gallery.dimension, gallery.fingerprint
        precision = _precision(args, gallery)
        with open_or_create_gallery(args.target, *model, precision) as target:
            report = gallery.copy_to(target)
            document = {
                'added': report.added,
                'updated': report.updated,
                'skipped': report.skipped,
                'items': len(target),
            }
    text = f'{counted(report.added, "image")} added, {report.updated:,} updated, '
    text += f'{report.skipped:,} were there; {document["items"]:,} in {args.target}'
    return Done(document, text)


def compact(args: argparse.Namespace) -> Done:
    from msvitreid.gallery import open_gallery

    with open_gallery(args.gallery) as gallery:
        gallery.compact()
        return Done({'items': len(gallery)}, f'{counted(len(gallery), "image")}, compacted')


def build(args: argparse.Namespace) -> Done:
    from msvitreid.gallery import open_gallery

    with open_gallery(args.gallery) as gallery:
        recall = gallery.build_index(args.kind, args.min_recall)
    return Done(
        {'kind': args.kind, 'recall': recall}, f'{args.kind}: measured recall@10 {recall:.4f}'
    )


def reembed(args: argparse.Namespace) -> Done | None:
    from msvitreid.apis.indexing import open_or_create_gallery, reembed_gallery
    from msvitreid.gallery import open_gallery

    require_precision(args.precision)
    with joined_processes() as is_first, open_gallery(args.gallery, readonly=True) as gallery:
        inferencer = load_inferencer(args)
        options: dict[str, Any] = {
            'root': args.root,
            'on_error': args.on_error,
            'batch_size': args.batch_size,
            'commit_every': args.commit_every,
        }
        if inferencer.fingerprint == gallery.fingerprint:
            raise ConfigError(
                f'{args.gallery!r} is of the model {args.model!r} already; give the new model, or '
                'copy the gallery by msvitreid index copy'
            )
        if not is_first:
            reembed_gallery(gallery, None, inferencer, **options)
            return None
        model = inferencer.dimension, inferencer.fingerprint
        precision = _precision(args, gallery)
        with open_or_create_gallery(args.target, *model, precision) as target:
            report = reembed_gallery(gallery, target, inferencer, **options)
            return _indexed(target, args.target, report, {})


def require_precision(precision: str | None) -> None:
    """Check --precision before the work, which may take hours."""
    from msvitreid.gallery.checks import check_precision

    if precision is not None:
        check_precision(precision)


def _precision(args: argparse.Namespace, gallery: GalleryStore) -> str | None:
    """Of the target: a new one has that of the gallery, if nothing else is said."""
    from msvitreid.gallery import gallery_exists

    return args.precision or (None if gallery_exists(args.target) else gallery.precision)


def columns_of(
    args: argparse.Namespace, listed: ListedImages, is_first: bool = True
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Metadata of the images, and what is to be said about the table."""
    from msvitreid.apis.indexing import (
        columns_from_names,
        joined_columns,
        read_metadata_table,
    )

    patterns = {'camera': args.camera_from, 'pid': args.pid_from}
    named = columns_from_names(listed, patterns)
    for column, pattern in patterns.items():
        without = [id_ for id_, one in named.items() if column not in one]
        if pattern is not None and without and is_first:
            note(f'without the {column} that {pattern!r} finds: {_named(without, "image")}')
    if args.metadata is None:
        return named, {}
    read = read_metadata_table(args.metadata, listed)
    if is_first:
        kinds = ', '.join(f'{column} ({kind})' for column, kind in read.kinds.items())
        note(f'columns of {args.metadata}: {kinds or "none"}')
        if read.unknown:
            note(f'in {args.metadata} but not among the images: {_named(read.unknown, "path")}')
        if read.without:
            note(f'without a line in {args.metadata}: {_named(read.without, "image")}')
    facts = {'columns': read.kinds, 'unknown_paths': read.unknown, 'without_line': read.without}
    return joined_columns(named, read.columns), facts


def _indexed(
    gallery: GalleryStore, name: str, report: IndexReport, facts: dict[str, Any]
) -> Done:
    report_failures(report.failed)
    if report.missing:
        done = 'removed' if report.removed else 'kept (--prune removes them)'
        note(f'not there any more, {done}: {_named(report.missing, "image")}')
    document = {
        **_facts(gallery, name),
        'added': report.added,
        'updated': report.updated,
        'described': report.described,
        'skipped': report.skipped,
        'removed': report.removed,
        'missing': report.missing,
        'failed': report.failed,
        **facts,
    }
    text = f'{report.text}; {counted(document["items"], "image")} in {name}'
    return Done(document, text, bool(report.failed))


def _facts(gallery: GalleryStore, name: str) -> dict[str, Any]:
    return {
        'gallery': name,
        'items': len(gallery),
        'dimension': gallery.dimension,
        'precision': gallery.precision,
        'fingerprint': gallery.fingerprint,
    }


def _named(names: list[str], noun: str) -> str:
    """``3 images (a.jpg, b.jpg, c.jpg)``."""
    shown = ', '.join(printable(name) for name in names[:SHOWN])
    return f'{counted(len(names), noun)} ({shown}{", ..." if len(names) > SHOWN else ""})'
