from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence

# What readers may take for more, or for less, than it is.
INTEGERS = (
    b'\0\0\0\0',
    b'\xff\xff\xff\xff',
    b'\x7f\xff\xff\xff',
    b'\xff\xff\xff\x7f',
    b'\0\0\1\0',
)
CHARACTERS = '0123456789_-+c.sS /\\~\0\n\r\x1b"\',;=²½٣五\u200b\u202e\ufeff\udc80'


def mutated_bytes(
    random_: random.Random, originals: Sequence[bytes], count: int
) -> Iterator[bytes]:
    """Files with something wrong in one to sixteen places, in the header every other time."""
    for _ in range(count):
        data = bytearray(random_.choice(originals))
        for _ in range(random_.choice((1, 1, 2, 4, 16))):
            if not data:
                break
            at = random_.randrange(len(data) if random_.random() < 0.5 else min(len(data), 300))
            change = random_.randrange(6)
            if change == 0:
                data[at] = random_.randrange(256)
            elif change == 1:
                data[at] ^= 1 << random_.randrange(8)
            elif change == 2:
                del data[at : at + random_.randrange(1, 20)]
            elif change == 3:
                data[at:at] = random_.randbytes(random_.randrange(1, 20))
            elif change == 4:
                data[at : at + 4] = random_.choice(INTEGERS)
            elif random_.random() < 0.3:
                del data[at:]
        yield bytes(data)


def mutated_names(
    random_: random.Random, originals: Sequence[str], count: int
) -> Iterator[str]:
    """Names with something wrong, and every tenth of nothing but random characters."""
    for number in range(count):
        if number % 10 == 0:
            length = random_.randrange(30)
            yield ''.join(chr(random_.randrange(sys.maxunicode + 1)) for _ in range(length))
            continue
        name = random_.choice(originals)
        for _ in range(random_.choice((1, 1, 2, 4))):
            at = random_.randrange(len(name) + 1)
            change = random_.randrange(5)
            if change == 0:
                name = name[:at] + random_.choice(CHARACTERS) + name[at + 1 :]
            elif change == 1:
                name = name[:at] + random_.choice(CHARACTERS) + name[at:]
            elif change == 2:
                name = name[:at] + name[at + random_.randrange(1, 6) :]
            elif change == 3:
                name = name[:at] + name[at:][:3] * random_.choice((2, 9, 2000)) + name[at:]
            else:
                name = name[:at] + chr(random_.randrange(sys.maxunicode + 1)) + name[at:]
        yield name
