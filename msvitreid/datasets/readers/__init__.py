"""Lists, folders, tables, names and kinds of files; knows no dataset.

``datasets/base.py`` chooses a reader of own data by the options ``csv`` and ``camera_pattern``.
"""
