"""The training loop that can be resumed within an epoch, and how it is asked to stop.

``bn_statistics.py`` estimates BatchNorm's statistics for an averaged net.
"""
