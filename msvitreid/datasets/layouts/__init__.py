"""One class for each published layout of files."""
