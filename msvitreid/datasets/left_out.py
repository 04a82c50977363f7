"""What lies where images are read, and is not read."""

from __future__ import annotations

import os

from msvitreid.utils.printable import escaped, printable

from .readers.image_kinds import is_image_name

DEEPER = 'images in deeper folders'
LOOSE = 'images outside of the folders of identities'

#: What desktops, archives and storage servers leave.
CLUTTER_FOLDERS = ('__macosx', '@eadir', '$recycle.bin', 'system volume information')
CLUTTER_FILES = ('thumbs.db', 'desktop.ini', 'ehthumbs.db', 'icon\r')
#: Lists, labels and notes, which accompany images and are none.
TEXT_SUFFIXES = (
    '.txt', '.csv', '.tsv', '.json', '.jsonl', '.xml', '.yaml', '.yml', '.toml', '.ini',
    '.md', '.rst', '.html', '.log', '.mat', '.md5', '.sha256',
)  # fmt: skip
TEXT_NAMES = ('readme', 'license', 'licence', 'copying', 'makefile')


class LeftOut(dict[str, list[str]]):
    """Paths of files that a dataset passes over, by what they are: '.heic files', ...

    Hidden files, what desktops leave, and lists and notes are not among them.
    """

    def add(self, what: str, path: str) -> None:
        self.setdefault(what, []).append(path)

    def merge(self, other: LeftOut) -> None:
        """Add what another dataset, or another split of this one, passes over."""
        for what, paths in other.items():
            self[what] = sorted({*self.get(what, ()), *paths})

    def add_file(self, path: str) -> None:
        """Add a file that is not called as an image, if it could be one."""
        name = os.path.basename(path)
        if not is_clutter(name) and not is_text(name):
            suffix = os.path.splitext(name)[1].lower()
            self.add(f'{suffix} files' if suffix else 'files without a suffix', path)

    def add_folder(self, path: str) -> None:
        """Add the images in a folder that is not read, and in those below; no link is followed."""
        folders = [path]
        while folders:
            for entry in _scanned(folders.pop()):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif is_image_name(entry.name):
                    self.add(DEEPER, entry.path)

    def __str__(self) -> str:
        counts = sorted(self.items(), key=lambda item: (-len(item[1]), item[0]))
        return ', '.join(
            f'{len(paths):,} {escaped(_in_number(what, len(paths)))} (as {printable(paths[0])})'
            for what, paths in counts
        )


def _scanned(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError:  # it is not read anyway
        return []
    return sorted(found, key=lambda entry: entry.name)


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden, or left by a desktop, an archiver or a server."""
    return name.startswith('.') or name.lower() in (*CLUTTER_FOLDERS, *CLUTTER_FILES)


def is_text(name: str) -> bool:
    """Whether a file is called as a list or a note."""
    return name.lower().endswith(TEXT_SUFFIXES) or name.lower() in TEXT_NAMES


def _in_number(what: str, count: int) -> str:
    for many, one in (('images', 'image'), ('files', 'file')) if count == 1 else ():
        what = what.replace(many, one, 1)
    return what
