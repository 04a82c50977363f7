from __future__ import annotations

from pathlib import Path

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
    assert '4/4' in made.err
    assert len(list((tmp_path / 'set').rglob('*.jpg'))) == 10
    again = run(TOOL, tmp_path / 'set', *SMALL)
    assert (again.code, again.out) == (0, made.out)


def test_a_bad_option_ends_in_a_sentence(tmp_path: Path) -> None:
    outcome = run(TOOL, tmp_path / 'set', *SMALL, '--cams', 1)
    assert outcome == (
        2,
        '',
        'error: num_cams is 1, give a whole number of at least 2\n',
    )
    assert not (tmp_path / 'set').exists()


def test_a_folder_that_is_something_else_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / 'mine.txt').write_text('')
    outcome = run(TOOL, tmp_path, *SMALL)
    assert outcome.code == 2
    assert outcome.err.startswith(f'error: {tmp_path} exists and is no sample dataset')
    assert outcome.err.count('\n') == 1
