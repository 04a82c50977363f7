from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from msvitreid.errors import ConfigError
from msvitreid.utils.files import atomic_write, require_suffix
from msvitreid.utils.printable import printable

#: Of files that hold embeddings.
SUFFIXES = ('.npz', '.csv', '.parquet')


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of images, in the order of the input.

    Attributes:
        embeddings: ``(N, D)`` float32, each of length 1; compare them by inner product.
        paths: of each, the path of its file, or ``[3]`` for the fourth input if that is none.
        failed: what could not be embedded: path to reason.
        fingerprint: of the model; embeddings of another one cannot be compared with these.
    """

    embeddings: np.ndarray
    paths: list[str]
    failed: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ''

    def __len__(self) -> int:
        return len(self.paths)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a NumPy archive with the attributes' names; ``failed`` as JSON.

        Raises:
            ConfigError: the name does not end with ``.npz``.
            OutputError: the file cannot be written; its folder must exist.
        """
        with _writing(path, '.npz') as temporary, open(temporary, 'wb') as file:
            np.savez(
                file,
                embeddings=self.embeddings,
                paths=np.array(self.paths, dtype=np.str_),
                failed=np.array(json.dumps(self.failed)),
                fingerprint=np.array(self.fingerprint),
            )

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a table of ``path``, ``fingerprint`` and the numbers, ``e0`` on, exactly.

        Raises:
            ConfigError: the name does not end with ``.csv``.
            OutputError: the file cannot be written; its folder must exist.
        """
        with (
            _writing(path, '.csv') as temporary,
            open(
                temporary, 'w', encoding='utf-8', errors='surrogateescape', newline=''
            ) as file,
        ):
            writer = csv.writer(file)
            names = [f'e{i}' for i in range(self.embeddings.shape[1])]
            writer.writerow(['path', 'fingerprint', *names])
            for name, embedding in zip(self.paths, self.embeddings, strict=True):
                # Nine digits tell all float32 numbers apart.
                numbers = [f'{number:.9g}' for number in embedding.tolist()]
                writer.writerow([name, self.fingerprint, *numbers])

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write columns ``path`` and ``embedding``; the fingerprint is in the file's metadata.

        Raises:
            ConfigError: pyarrow is not installed, or the name does not end with ``.parquet``.
            OutputError: the file cannot be written; its folder must exist.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise ConfigError(
                "to_parquet needs pyarrow: run pip install 'msvitreid[parquet]', or use to_csv"
            ) from error
        values = pyarrow.array(self.embeddings.reshape(-1))
        width = self.embeddings.shape[1]
        with _writing(path, '.parquet') as temporary:
            try:
                paths = pyarrow.array(self.paths, pyarrow.string())
            except UnicodeEncodeError as error:
                raise ConfigError(
                    f'{str(path)!r} cannot hold the path {printable(error.object)!r}, which is '
                    'no Unicode text; write a .csv or .npz file, or rename the image'
                ) from error
            table = pyarrow.table(
                {
                    'path': paths,
                    'embedding': pyarrow.FixedSizeListArray.from_arrays(values, width),
                }
            ).replace_schema_metadata({'fingerprint': self.fingerprint})
            pyarrow.parquet.write_table(table, temporary)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the kind of file that the name says, as the method for that does.

        Raises:
            ConfigError: the name does not end with one of :data:`SUFFIXES`, or see the method.
            OutputError: the file cannot be written; its folder must exist.
        """
        suffix = require_suffix(path, SUFFIXES)
        {'.npz': self.save, '.csv': self.to_csv, '.parquet': self.to_parquet}[suffix](path)


@contextmanager
def _writing(path: str | os.PathLike[str], suffix: str) -> Iterator[Path]:
    require_suffix(path, [suffix])
    with atomic_write(path) as temporary:
        yield temporary
