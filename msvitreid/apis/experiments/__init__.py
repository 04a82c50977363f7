"""Experiments: variants of a config times seeds, trained, tested and compared with a base.

``table.py`` reads what is to run, ``running.py`` runs it and can be stopped at any time:
``training.py`` trains or joins a net, ``testing.py`` tests it query by query, ``results.py``
keeps what came out. ``summary.py`` makes tables of that.
"""

from .results import Experiment, Run, TestedRun, finished_tests
from .running import run_experiment
from .summary import Comparison, compare, markdown_summary, runs_csv, summary_csv
from .table import ExperimentTable, Variant, read_table

__all__ = [
    'Comparison',
    'Experiment',
    'ExperimentTable',
    'Run',
    'TestedRun',
    'Variant',
    'compare',
    'finished_tests',
    'markdown_summary',
    'read_table',
    'run_experiment',
    'runs_csv',
    'summary_csv',
]
