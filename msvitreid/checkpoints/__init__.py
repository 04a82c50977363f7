"""The files of a run: which checkpoints a work directory holds, and which process may write there.

Nothing here knows a runner; :mod:`msvitreid.engine` calls it.
"""
