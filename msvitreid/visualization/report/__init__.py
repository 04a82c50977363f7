"""A report of runs as one HTML file that needs nothing else, and its numbers as JSON.

``measure_run`` and ``read_result_facts`` collect facts, ``write_report`` makes the page. No net is
computed here, and nothing is fetched from anywhere.
"""

from .data import Report, RunFacts
from .measuring import TestedRun, measure_run
from .results import read_result_facts
from .writing import write_report

__all__ = [
    'Report',
    'RunFacts',
    'TestedRun',
    'measure_run',
    'read_result_facts',
    'write_report',
]
