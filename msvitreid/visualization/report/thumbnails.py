"""Images as small JPEGs in the page itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

from PIL import Image

from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import DatasetError

#: Of a thumbnail, width over height at most.
WIDEST = 1.5


@dataclass(frozen=True)
class Level:
    """How many thumbnails of what kind a page has.

    Attributes:
        lists: queries of each kind.
        places: of a ranking list.
        height: in pixels.
        quality: of the JPEG.
    """

    lists: int
    places: int
    height: int
    quality: int


#: From what is pleasant to what is just of use; the first that fits into the size is taken.
LEVELS = (
    Level(12, 10, 192, 82),
    Level(10, 10, 160, 78),
    Level(8, 10, 128, 75),
    Level(5, 8, 96, 70),
    Level(3, 6, 80, 65),
    Level(2, 5, 64, 60),
    Level(1, 5, 48, 50),
)


@dataclass
class Thumbnails:
    """Makes thumbnails and keeps them, as an image may be in many lists.

    Args:
        level: height and quality.
    """

    level: Level
    _known: dict[str, str] = field(default_factory=dict)

    def uri(self, file: str) -> str:
        """A ``data:`` URI, or '' for an image that is missing or cannot be read."""
        if file not in self._known:
            self._known[file] = self._encode(file)
        return self._known[file]

    def _encode(self, file: str) -> str:
        try:
            image = Image.fromarray(read_image(file))
        except DatasetError:
            return ''
        height = min(self.level.height, image.height)
        width = max(1, min(round(image.width * height / image.height), round(WIDEST * height)))
        jpeg = io.BytesIO()
        image.resize((width, height), Image.Resampling.LANCZOS).save(
            jpeg, 'JPEG', quality=self.level.quality
        )
        return 'data:image/jpeg;base64,' + base64.b64encode(jpeg.getvalue()).decode('ascii')
