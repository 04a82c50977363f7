"""Metafiles, and the pages that are written from them."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from tests.tools.user import REPOSITORY, run

TOOL = 'model_zoo/write_tables.py'

# The authors' tables: rank-1, rank-5, rank-10 and mAP, or recall@1, 2, 4, 8 and NMI.
PUBLISHED = """
msvit-s_occluded-duke 69.7738 81.9457 85.7014 61.1958
msvit-l_occluded-duke 71.3765 82.5792 85.5656 62.4352
msvit-s_p-duke 91.9556 95.0069 96.3477 84.2074
msvit-l_p-duke 91.8632 95.0994 96.0703 84.4234
msvit-s_market1501 96.1698 98.6045 99.1983 90.9755
msvit-l_market1501 96.1105 98.4264 98.9905 90.5942
msvit-s_duke 92.4147 96.0054 96.8582 84.7815
msvit-l_duke 92.9533 96.1400 97.1275 85.4566
msvit-s_cuhk03-detected 84.8571 93.2857 96.5000 81.6581
msvit-l_cuhk03-detected 86.1429 93.9286 96.3571 83.0185
msvit-s_cuhk03-labeled 87.4286 95.5000 97.0714 85.0546
msvit-l_cuhk03-labeled 88.6429 95.6429 97.6429 86.6022
msvit-s_msmt17 87.7005 93.4300 95.0510 70.5762
msvit-l_msmt17 87.6833 93.9189 95.2140 71.9252
msvit-s_cars196 93.8507 96.3719 97.6510 98.5365 81.5310
msvit-l_cars196 93.5924 96.0644 97.4665 98.2659 79.8309
msvit-s_cub200 71.4889 80.4018 87.2890 92.1843 72.5097
msvit-l_cub200 72.6367 81.6678 88.0317 92.6739 73.7156
"""

METAFILE = """
Collections:
  - Name: Net
    README: configs/net/README.md
Models:
  - Name: net-s_zoo
    In Collection: Net
    Config: configs/net/net-s_zoo.py
    Metadata: &s
      Image Size: 64x32
      Parameters: 1234567
      MACs: 98765432
    Results:
      - Dataset: Zoo
        Published By: Adam and Eve, 2020
        Metrics:
          rank-1: 50.10
          mAP: 40
  - Name: net-s_park
    In Collection: Net
    Config: configs/net/net-s_park.py
    Metadata: *s
    Results: &park
      - Dataset: Park
        Test: all search all
  - Name: net-l_park
    In Collection: Net
    Config: configs/net/net-l_park.py
    Metadata:
      Image Size: 64x32
      Parameters: 2000000
      MACs: 3000000000
    Results: *park
"""
PAGE = """# Nets
<!-- table: figures -->
<!-- end of table -->
between
<!-- table: no figures -->
old
<!-- end of table -->
<!-- table: sizes -->
<!-- end of table -->
after
"""
WRITTEN = """# Nets
<!-- table: figures -->
| dataset | config | rank-1 | mAP | published by |
| --- | --- | ---: | ---: | --- |
| Zoo | [net-s_zoo](net-s_zoo.py) | 50.10 | 40 | Adam and Eve, 2020 |
<!-- end of table -->
between
<!-- table: no figures -->
| dataset | configs | test |
| --- | --- | --- |
| Park | [net-s_park](net-s_park.py), [net-l_park](net-l_park.py) | all search all |
<!-- end of table -->
<!-- table: sizes -->
| net | image | parameters (M) | MACs (G) |
| --- | --- | ---: | ---: |
| net-s | 64x32 | 1.23 | 0.10 |
| net-l | 64x32 | 2.00 | 3.00 |
<!-- end of table -->
after
"""


@pytest.fixture(autouse=True)
def as_a_script(monkeypatch):
    """``python FILE`` puts the file's folder on the path, ``runpy`` doesn't."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'model_zoo'))


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / 'configs' / 'net'
    folder.mkdir(parents=True)
    for name in ('net-s_zoo', 'net-s_park', 'net-l_park'):
        (folder / f'{name}.py').touch()
    (folder / 'metafile.yml').write_text(METAFILE)
    (folder / 'README.md').write_text(PAGE)
    (tmp_path / 'model-index.yml').write_text('Import:\n  - configs/net/metafile.yml\n')
    return tmp_path


def test_the_tables_of_this_repository_are_up_to_date():
    outcome = run(TOOL, '--check')
    assert (outcome.code, outcome.err) == (0, '')


def test_the_page_has_the_published_figures():
    page = (REPOSITORY / 'configs' / 'msvit' / 'README.md').read_text(encoding='utf-8')
    rows = [
        line.split(' | ') for line in page.splitlines() if line.endswith(' | its authors |')
    ]
    assert [[row[1].partition(']')[0].removeprefix('['), *row[2:-1]] for row in rows] == [
        line.split() for line in PUBLISHED.split('\n') if line
    ]


def test_the_page_of_the_pre_trained_nets_has_the_logged_figures():
    page = (REPOSITORY / 'pretrain' / 'README.md').read_text(encoding='utf-8')
    folder = '../configs/pretrain'
    for size, top1 in (('s', '80.53'), ('l', '82.66')):
        name = f'msvit-{size}_8xb128_in1k'
        row = f"| ImageNet-1k | [{name}]({folder}/{name}.py) | {top1} | its authors' log, EMA |"
        assert row in page.splitlines()
    assert page.count('log, EMA |') == 2


@pytest.mark.parametrize('method', ['msvit', 'baselines', 'pretrain'])
def test_parameters_and_macs_are_what_is_counted(method, tmp_path):
    path = REPOSITORY / 'configs' / method / 'metafile.yml'
    models = yaml.safe_load(path.read_text(encoding='utf-8'))['Models']
    # Configs of one net and size of image have one entry's numbers: the first is counted.
    kinds = {}
    for model in models:
        cost = model['Metadata']
        kinds.setdefault((model['Name'].split('_')[0], cost['Image Size']), []).append(model)
    assert len(kinds) == {'msvit': 6, 'baselines': 4, 'pretrain': 4}[method]
    for (_, image_size), alike in kinds.items():
        (cost,) = {tuple(model['Metadata'].values()) for model in alike}
        out = tmp_path / 'out.json'
        assert (
            run(
                'analysis_tools/get_complexity.py',
                REPOSITORY / alike[0]['Config'],
                '--out',
                out,
            ).code
            == 0
        )
        found = json.loads(out.read_text())
        height, width = found['image_size']
        total = found['total']
        assert cost == (f'{height}x{width}', total['parameters'], total['macs'])
        assert cost[0] == image_size


def test_writing(checkout):
    outcome = run(TOOL, '--root', checkout)
    assert (
        outcome.out == "configs/net/README.md: 'figures' and 'no figures' and 'sizes' written\n"
    )
    page = checkout / 'configs' / 'net' / 'README.md'
    assert page.read_text() == WRITTEN
    assert run(TOOL, '--root', checkout).out == ''
    assert run(TOOL, '--root', checkout, '--check').code == 0


def test_a_stale_table_is_an_error_and_stays(checkout):
    page = checkout / 'configs' / 'net' / 'README.md'
    stale = WRITTEN.replace('50.10', '50.1')
    page.write_text(stale)
    outcome = run(TOOL, '--root', checkout, '--check')
    assert (outcome.code, outcome.err) == (
        2,
        "error: configs/net/README.md: its table 'figures' is not what "
        'configs/net/metafile.yml gives; run python tools/model_zoo/write_tables.py\n',
    )
    assert page.read_text() == stale


@pytest.mark.parametrize(
    ('file', 'old', 'new', 'sentence'),
    [
        ('metafile.yml', 'net-s_zoo', 'net-s_sea', 'has an entry for configs/net/net-s_sea.py'),
        ('metafile.yml', 'Config: configs/net/net-s_zoo', 'Config: configs/net/net-x', 'names'),
        ('metafile.yml', 'net-l_park', 'net-s_park', 'has no entry for configs/net/net-l_park'),
        ('metafile.yml', 'mAP: 40', 'mAP: high', 'Models.0.Results.0.Figures.Metrics.mAP: '),
        ('metafile.yml', 'mAP: 40', 'mAP: nan', 'mAP: Value error, not a number from 0 to 100'),
        ('metafile.yml', 'mAP: 40', 'mAP: [40]', 'Metrics.mAP: Input should be a valid string'),
        ('metafile.yml', '1234567', '7.5M', 'Metadata.Parameters: Input should be a valid int'),
        ('metafile.yml', '98765432', '-1', 'Metadata.MACs: Input should be greater than 0'),
        ('metafile.yml', '98765432', '{}', 'Metadata.MACs: Input should be a valid int'),
        ('metafile.yml', '64x32', '[64, 32]', 'Image Size: Input should be a valid string'),
        ('metafile.yml', '*s', 's', 'Models.1.Metadata: Input should be a valid dict'),
        ('metafile.yml', '*park', 'park', 'Models.2.Results: Input should be a valid list'),
        ('metafile.yml', '*park', '[a]', 'Models.2.Results.0.Figures: Input should be a valid'),
        ('metafile.yml', '- Name: net-s_z', '- N: net-s_z', 'Models.0.Name: Field required'),
        ('metafile.yml', '- Name: Net\n', '  Name: Net\n', 'Collections: Input should be a valid'),
        ('metafile.yml', 'README', 'Page', 'Collections.0.README: Field required'),
        ('metafile.yml', 'Models:', '  - {Name: B, README: b}\nModels:', "must have one 'README'"),
        ('metafile.yml', 'Published By', 'By', 'Figures.Published By: Field required'),
        ('metafile.yml', 'MACs: 98765432', '', 'Models.0.Metadata.MACs: Field required'),
        ('metafile.yml', '- Name: Net', '- Name: N', "is in collection 'Net', which the file"),
        ('metafile.yml', '&park', '*park', 'configs/net/metafile.yml is no YAML: '),
        ('README.md', 'table: sizes', 'sizes', "has 0 blocks for the table 'sizes'; write one"),
        ('README.md', 'table: sizes', 'table: size', "has a block for the table 'size', which"),
        ('README.md', 'table: sizes', 'table: figures', "has 2 blocks for the table 'figures'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(file, old, new, sentence, checkout):
    path = checkout / 'configs' / 'net' / file
    path.write_text(path.read_text().replace(old, new))
    outcome = run(TOOL, '--root', checkout)
    assert outcome.code == 2
    assert sentence in outcome.err
    assert outcome.err.startswith(f'error: configs/net/{file}')
    assert outcome.err.count('\n') == 1


@pytest.mark.parametrize(
    ('file', 'content', 'sentence'),
    [
        ('configs/net/metafile.yml', '- a\n- b\n', ': the file: Input should be a valid dict'),
        ('configs/net/metafile.yml', '', ': Collections: Field required'),
        ('configs/net/metafile.yml', '\udcff', ' is no YAML: '),
        ('model-index.yml', 'text', ': the file: Input should be a valid dict'),
        ('model-index.yml', '', ': Import: Field required'),
        ('model-index.yml', 'Import: a.yml', ': Import: Input should be a valid list'),
        (
            'model-index.yml',
            'Import:\n  - a: b\n',
            ': Import.0: Input should be a valid string',
        ),
    ],
)
def test_a_file_of_other_content(file, content, sentence, checkout):
    (checkout / file).write_text(content, errors='surrogateescape')
    outcome = run(TOOL, '--root', checkout)
    assert outcome.code == 2
    assert outcome.err.startswith(f'error: {file}{sentence}')
    assert outcome.err.count('\n') == 1


def test_a_page_elsewhere(checkout):
    """Its links lead to the configs."""
    path = checkout / 'configs' / 'net' / 'metafile.yml'
    path.write_text(METAFILE.replace('configs/net/README.md', 'weights/about.md'))
    page = checkout / 'weights' / 'about.md'
    page.parent.mkdir()
    page.write_text(PAGE)
    assert run(TOOL, '--root', checkout).out.startswith("weights/about.md: 'figures' and ")
    assert page.read_text() == WRITTEN.replace('](net-', '](../configs/net/net-')
    assert (checkout / 'configs' / 'net' / 'README.md').read_text() == PAGE


def test_an_entry_that_is_there_twice(checkout):
    path = checkout / 'configs' / 'net' / 'metafile.yml'
    head, entries = METAFILE.split('Models:')
    again = entries.partition('  - Name: net-s_park')[0].replace('&s', '&again')
    path.write_text(f'{head}Models:{entries}{again}')
    outcome = run(TOOL, '--root', checkout)
    assert outcome.err == (
        'error: configs/net/metafile.yml has 2 entries for configs/net/net-s_zoo.py\n'
    )


def test_the_index_names_all_metafiles_and_no_other(checkout):
    shutil.copytree(checkout / 'configs' / 'net', checkout / 'configs' / 'other')
    outcome = run(TOOL, '--root', checkout)
    assert outcome.err == (
        'error: model-index.yml does not name configs/other/metafile.yml; add it there\n'
    )
    for name in ('net', 'other'):
        shutil.rmtree(checkout / 'configs' / name)
    outcome = run(TOOL, '--root', checkout)
    assert outcome.err == (
        'error: model-index.yml names configs/net/metafile.yml, which does not exist\n'
    )


def test_a_page_must_be_there(checkout):
    (checkout / 'configs' / 'net' / 'README.md').unlink()
    outcome = run(TOOL, '--root', checkout)
    assert outcome.err == (
        'error: configs/net/README.md does not exist, and configs/net/metafile.yml names it\n'
    )
