"""The digest that an exported file carries of all its bytes.

It is SHA-256 of the file with :data:`BLANK` in place of the digest itself, and of what belongs to
the file. A graph or weights of another model under the same description, and damage, are noticed.
It is no signature: who changes a file on purpose can compute it again.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping

DIGEST_KEY = 'msvitreid_digest'
BLANK = 'here is the SHA-256 of all files with this text in place of it..'
"""As long as a digest, so that no length in a file changes with it."""

Parts = Mapping[str, bytes]
"""Contents of files, or of the entries of an archive, by name."""


def digest_of(parts: Parts, stated: str) -> str:
    """SHA-256 of contents that carry the digest ``stated``, 64 digits."""
    sha256 = hashlib.sha256()
    for name in sorted(parts):
        content = parts[name]
        if re.fullmatch('[0-9a-f]{64}', stated):
            content = content.replace(stated.encode(), BLANK.encode())
        sha256.update(f'{name} {len(content)} '.encode())
        sha256.update(content)
    return sha256.hexdigest()


def sealed(parts: Parts) -> dict[str, bytes]:
    """The contents with their digest in the place of :data:`BLANK`, which one of them has."""
    digest = digest_of(parts, '')
    return {
        name: content.replace(BLANK.encode(), digest.encode())
        for name, content in parts.items()
    }


def is_sealed(parts: Parts) -> bool:
    """Whether one of the contents carries the digest of all."""
    found = {text for part in parts.values() for text in re.findall(b'[0-9a-f]{64}', part)}
    return any(digest_of(parts, text.decode()) == text.decode() for text in found)


def sealed_archive(data: bytes) -> bytes:
    """A zip archive with the digest of its entries in the place of :data:`BLANK`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return written_archive(
            sealed({name: archive.read(name) for name in archive.namelist()})
        )


def written_archive(parts: Parts) -> bytes:
    """A zip archive of entries, not compressed, as torch reads them."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, 'w') as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return copy.getvalue()
