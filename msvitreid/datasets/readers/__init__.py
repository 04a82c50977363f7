"""Lists, folders, tables, names and kinds of files; knows no dataset."""
