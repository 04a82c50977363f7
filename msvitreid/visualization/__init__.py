"""Pictures of what a dataset holds, of what a model found, and of how runs compare."""

from ._captions import missing_tile
from .contact_sheet import SheetRow, draw_contact_sheet
from .dataset_plots import draw_dataset_plots
from .ranking_list import RankingListLayout, draw_ranking_lists
from .run_plots import draw_runs
from .run_record import RunRecord, read_run

__all__ = [
    'RankingListLayout',
    'RunRecord',
    'SheetRow',
    'draw_contact_sheet',
    'draw_dataset_plots',
    'draw_ranking_lists',
    'draw_runs',
    'missing_tile',
    'read_run',
]
