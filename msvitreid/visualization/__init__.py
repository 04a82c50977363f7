"""Pictures of what a model found."""

from .ranking_list import RankingListLayout, draw_ranking_lists

__all__ = ['RankingListLayout', 'draw_ranking_lists']
