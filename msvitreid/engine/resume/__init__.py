"""Which file a run continues from, and whether it is the same experiment.

May look at a runner, never start one.
"""
