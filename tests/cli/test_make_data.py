from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.user import run

TOOL = 'dataset_tools/make_synthetic.py'
SMALL = ['--train-ids', 2, '--test-ids', 2, '--cams', 2, '--images-per-id', 2]
SMALL += ['--gallery-per-id', 2, '--queries-per-id', 1, '--size', 48, 24, '--workers', 1]


def test_makes_the_set_and_prints_its_counts(tmp_path: Path) -> None:
    made = run(TOOL, tmp_path / 'set', *SMALL)
    assert made.code == 0
    assert 'train         4 images of 2 identities' in made.out
    assert 'query         2 images of 2 identities' in made.out
    assert 'gallery       4 images of 2 identities' in made.out
    # Bars are for terminals.
    assert made.err == ''
    assert len(list((tmp_path / 'set').rglob('*.jpg'))) == 10
    again = run(TOOL, tmp_path / 'set', *SMALL)
    assert (again.code, again.out) == (0, made.out)


@pytest.mark.parametrize(
    ('option', 'sentence'),
    [
        (['--cams', 1], '--cams is 1, give a whole number of at least 2'),
        (['--train-ids', 0], '--train-ids is 0, give a whole number of at least 2'),
        (['--size', 48, 8], '--size WIDTH is 8, give a whole number of at least 16'),
        (['--workers', 0], '--workers is 0, give at least 1'),
        (['--occluded-share', 2], '--occluded-share is 2.0, give a share between 0 and 1'),
        (
            ['--train-ids', 9999],
            '--train-ids + --test-ids is 10001, but four-digit file names tell only 9999 '
            'identities apart: ask for fewer',
        ),
    ],
)
def test_a_bad_option_is_named_as_it_was_typed(
    tmp_path: Path, option: list[object], sentence: str
) -> None:
    outcome = run(TOOL, tmp_path / 'set', *SMALL, *option)
    assert outcome == (2, '', f'error: {sentence}\n')
    assert not (tmp_path / 'set').exists()


def test_a_set_of_other_options_is_refused_by_them(tmp_path: Path) -> None:
    """Words of the folder's own name stay."""
    root = tmp_path / 'seed 1'
    assert run(TOOL, root, *SMALL).code == 0
    outcome = run(TOOL, root, *SMALL, '--size', 64, 32)
    assert outcome.err == (
        f'error: {root} holds a sample dataset made with --size [48, 24], not [64, 32]: '
        'delete the folder or choose another\n'
    )


def test_a_folder_that_is_something_else_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('')
    outcome = run(TOOL, tmp_path, *SMALL)
    assert outcome.code == 2
    assert outcome.err.startswith(f'error: {tmp_path} exists and is no sample dataset')
    assert outcome.err.count('\n') == 1
