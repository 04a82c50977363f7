"""The ``metafile.yml`` of a folder of configs, and the tables that are written from it."""
