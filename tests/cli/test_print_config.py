from __future__ import annotations

from mmengine.config import Config

from tests.tools.user import leaf, options, run

TOOL = 'analysis_tools/print_config.py'


def parsed(text, tmp_path):
    (tmp_path / 'printed.py').write_text(text)
    return Config.fromfile(tmp_path / 'printed.py')


def test_it_prints_what_runs(tmp_path):
    given = options({'data_root': '/data', 'train_dataloader.batch_size': 32})
    outcome = run(TOOL, leaf('msvit-l_cub200'), *given)
    assert outcome.code == 0
    cfg = parsed(outcome.out, tmp_path)
    # Its own, a base's, an option's and what is repeated from one place to others.
    assert cfg.optim_wrapper.optimizer.lr == 0.001
    assert cfg.model.backbone.arch == 'l'
    assert cfg.train_dataloader.sampler.batch_size == cfg.train_dataloader.batch_size == 32
    assert cfg.test_dataloader.dataset.data_root == '/data'
    assert cfg.val_dataloader.persistent_workers is True


def test_the_written_config_is_the_same_one(tmp_path):
    out = tmp_path / 'new' / 'config.py'
    changed = options({'model.neck.num_parts': 3, 'train_dataloader.batch_size': 32})
    outcome = run(TOOL, leaf('msvit-s_market1501'), *changed, '--out', out)
    assert (outcome.code, outcome.out) == (0, '')
    assert run(TOOL, out, '--diff', leaf('msvit-s_market1501')).out.count('\n') == 4
    assert run(TOOL, leaf('msvit-s_market1501'), *changed, '--diff', out).out == (
        'no difference\n'
    )


def test_diff_of_two_configs():
    left, right = leaf('msvit-s_cub200'), leaf('msvit-s_cars196')
    rows = run(TOOL, left, '--diff', right).out.splitlines()
    assert rows[0].split() == [left, right]
    assert [row.split() for row in rows[1:]] == [
        ['train_dataloader.dataset.type', "'CUB200'", "'Cars196'"],
        ['val_dataloader.dataset.type', "'CUB200'", "'Cars196'"],
        ['test_dataloader.dataset.type', "'CUB200'", "'Cars196'"],
        ['optim_wrapper.optimizer.lr', '0.001', '0.05'],
    ]
    assert {row.index("'C") for row in rows[1:4]} == {rows[0].index(left)}


def test_options_count_for_the_first_config_only():
    config = leaf('msvit-s_market1501')
    outcome = run(TOOL, config, '--diff', config, *options({'train_dataloader.batch_size': 32}))
    assert [row.split() for row in outcome.out.splitlines()[1:]] == [
        ['train_dataloader.batch_size', '32', '24'],
        ['train_dataloader.sampler.batch_size', '32', '24'],
    ]


def test_mistakes_are_one_sentence(tmp_path):
    gone = run(TOOL, leaf('msvit-s_market1501'), '--diff', tmp_path / 'gone.py')
    assert (gone.code, gone.err) == (
        2,
        f"error: config '{tmp_path / 'gone.py'}' does not exist\n",
    )
    text = run(TOOL, leaf('msvit-s_market1501'), '--out', 'config.txt')
    assert text.code == 2
    assert text.err.endswith("error: --out must name a .py file, got 'config.txt'\n")
