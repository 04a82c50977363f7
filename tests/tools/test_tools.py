"""Each tool is a command: its file has a few lines, and calls it."""

import runpy

import pytest

from .user import REPOSITORY

TOOLS = REPOSITORY / 'tools'
COMMANDS = {
    'train.py': 'train',
    'test.py': 'test',
    'demo.py': 'demo',
    'analysis_tools/benchmark.py': 'benchmark',
    'analysis_tools/compare_runs.py': 'compare_runs',
    'analysis_tools/get_complexity.py': 'complexity',
    'analysis_tools/print_config.py': 'print_config',
    'dataset_tools/browse_dataset.py': 'browse',
    'dataset_tools/check_dataset.py': 'check_data',
    'dataset_tools/make_synthetic.py': 'make_data',
    'dataset_tools/split_dataset.py': 'split',
    'model_converters/official_weights.py': 'convert',
}


@pytest.mark.parametrize('tool', COMMANDS)
def test_a_tool_is_its_command(tool):
    assert len((TOOLS / tool).read_text().splitlines()) < 10
    main = runpy.run_path(str(TOOLS / tool))['main']
    assert main.__module__ == f'msvitreid.cli.{COMMANDS[tool]}'
