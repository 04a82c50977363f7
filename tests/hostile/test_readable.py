"""Odd or large inputs that are read, and what becomes of them."""

from __future__ import annotations

import logging
from collections import OrderedDict

import pytest
import torch
from torch import nn

from msvitreid.checkpoints import extract_state_dict, fill_model, read_checkpoint
from msvitreid.datasets.readers.csv_list import read_csv
from msvitreid.errors import CheckpointError

from .checkpoints import tensor
from .limits import limits


@pytest.mark.slow
def test_a_list_of_a_million_rows(tmp_path):
    with open(tmp_path / 'list.csv', 'w') as file:
        file.write('path,pid,camid,split\n')
        file.writelines(
            f'{row % 1000:04d}/{row:08d}.jpg,{row // 20},{row % 6},train\n'
            for row in range(1_000_000)
        )
    with limits():
        records = read_csv(tmp_path / 'list.csv', tmp_path, 'train')['train']
    assert len(records) == 1_000_000
    assert records[-1] == (f'{tmp_path}/0999/00999999.jpg', 49_999, 3)


def test_cells_are_texts_and_nothing_else(tmp_path):
    names = [
        '=cmd|" /C calc"!A0',
        '@SUM(A1)',
        '+1',
        '${HOME}',
        '$(id)',
        '{{_base_.x}}',
        '~root',
    ]
    lines = ''.join(
        f'"{name.replace(chr(34), chr(34) * 2)}",{i}\n' for i, name in enumerate(names)
    )
    (tmp_path / 'list.csv').write_text(f'\ufeffpath,pid\r\n{lines}', encoding='utf-8')
    records = read_csv(tmp_path / 'list.csv', tmp_path, 'train')['train']
    assert [record.img_path for record in records] == [f'{tmp_path}/{name}' for name in names]


def test_a_link_may_lead_out_of_the_dataset(tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'crops').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'data' / 'list.csv').write_text('path,pid\ncrops/a.jpg,1\n')
    (record,) = read_csv(tmp_path / 'data' / 'list.csv', tmp_path / 'data', 'train')['train']
    assert record.img_path == f'{tmp_path}/data/crops/a.jpg'


def test_a_tensor_of_few_stored_numbers_takes_little_memory(tmp_path, caplog):
    """A trillion elements that are all the same one."""
    path = tmp_path / 'weights.pth'
    path.write_bytes(tensor(size=(10**6, 10**6), stride=(0, 0))())
    with limits(), caplog.at_level(logging.ERROR):
        weights = extract_state_dict(read_checkpoint(path), path)
        assert weights['weight'].shape == (10**6, 10**6)
        with pytest.raises(CheckpointError, match=r'\(1000000, 1000000\) instead of \(3, 2\)'):
            fill_model(nn.Linear(2, 3, bias=False), weights, path)


def test_tensors_without_data_fill_no_net(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'weight': torch.empty(3, 3, device='meta')}, path)
    with pytest.raises(CheckpointError, match="'weight' has no data"):
        fill_model(
            nn.Linear(3, 3, bias=False), extract_state_dict(read_checkpoint(path), path), path
        )


@pytest.mark.parametrize('kind', [dict, OrderedDict])
def test_config_texts_in_a_checkpoint_stay_texts(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "__import__('os').mkdir('snapped')"
    meta = kind(config=text, cfg=text, epoch=3)
    torch.save({'meta': meta, 'state_dict': {}}, tmp_path / 'a.pth')
    # mmengine runs the one called config when it resumes, so that one is taken out.
    assert read_checkpoint(tmp_path / 'a.pth')['meta'] == {'cfg': text, 'epoch': 3}
    assert not (tmp_path / 'snapped').exists()
