"""Pictures of what a dataset holds and of what a model found."""

from .contact_sheet import SheetRow, draw_contact_sheet
from .dataset_plots import draw_dataset_plots
from .ranking_list import RankingListLayout, draw_ranking_lists

__all__ = [
    'RankingListLayout',
    'SheetRow',
    'draw_contact_sheet',
    'draw_dataset_plots',
    'draw_ranking_lists',
]
