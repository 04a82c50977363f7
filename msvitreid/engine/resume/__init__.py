"""Which file a run continues from, and whether it is the same experiment.

``newest_checkpoint.py`` and ``last_good_checkpoint.py`` find the file, ``abandoned_checkpoints.py``
sets later ones aside. ``resumable.py`` refuses, accepts or warns of what differs:
``experiment.py`` lists options and data, ``experiment_changes.py`` compares them and
``schedule_changes.py`` the learning rates, ``accepted_changes.py`` carries changes out.
May look at a runner, never start one.
"""
