"""The pictures of a page that is sent as one file: as large and as good as its size allows."""

from __future__ import annotations

import base64
import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps

from cogview_cli.gallery.cards import Inline
from cogview_cli.pictures.verify import PIXEL_LIMIT, sniff
from cogview_cli.pillow import DECODERS, open_image

# Of the metadata, the label of AI content among it, so much is carried over.
LABEL_BYTES = 4096
_SAMPLES = 8
# Browsers do not show these.
_UNSHOWN = (".tif", ".tiff")
_THREADS = min(4, os.cpu_count() or 1)
# What stands before the data of a picture; no type of ours has a longer name.
_PREFIX = "data:image/{};base64,"
PREFIX_BYTES = len(_PREFIX.format("jpeg"))


class Level(NamedTuple):
    """The longest side of a picture in pixels, and the quality of its WebP."""

    side: int
    quality: int


# The smallest one is still readable, lettering included.
LEVELS = tuple(
    Level(*pair)
    for pair in (
        (2048, 92), (2048, 86), (1792, 84), (1536, 82), (1344, 82), (1184, 80), (1024, 80),
        (896, 78), (768, 76), (640, 72), (576, 68), (512, 64),
    )
)  # fmt: skip
THUMBNAIL = Level(400, 72)


class TooLarge(Exception):
    """The pictures do not fit; `size` is how many bytes of addresses they take at least."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Fitted(NamedTuple):
    """The pictures by path, the level they were brought to (None: as they are), and the rest."""

    pictures: dict[str, Inline]
    level: Level | None
    unreadable: list[str]


def fit(folder: Path, paths: Sequence[str], room: int) -> Fitted:
    """The pictures of `folder` as addresses of at most `room` bytes in all.

    As they are if that fits, else at the best of LEVELS that does. Raises TooLarge.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        every = partial(_every, pool, folder)
        smalls = dict(zip(paths, every(THUMBNAIL, paths), strict=True))
        whole = [path for path in paths if smalls[path]]
        room -= sum(address_bytes(data) for data in smalls.values() if data)
        level, larges = _larges(folder, whole, room, every)
    pictures = {
        path: Inline(number, address(smalls[path] or b""), address(larges[path]))
        for number, path in enumerate(whole, 1)
    }
    return Fitted(pictures, level, [path for path in paths if not smalls[path]])


Every = Callable[[Level, Sequence[str]], Iterator[bytes | None]]


def _every(
    pool: ThreadPoolExecutor, folder: Path, level: Level, paths: Sequence[str]
) -> Iterator[bytes | None]:
    """The pictures at one level in order; only a few are ahead of the one that is asked for."""
    waiting: deque[Future[bytes | None]] = deque()
    for path in paths:
        waiting.append(pool.submit(_encoded, folder, level, path))
        if len(waiting) > 2 * _THREADS:
            yield waiting.popleft().result()
    yield from (each.result() for each in waiting)


def _larges(
    folder: Path, paths: list[str], room: int, every: Every
) -> tuple[Level | None, dict[str, bytes]]:
    sizes = [(folder / path).stat().st_size for path in paths]
    if sum(map(encoded_size, sizes)) <= room and all(map(_is_shown, paths)):
        return None, {path: (folder / path).read_bytes() for path in paths}
    for level in LEVELS[_first_level(paths, room, every) :]:
        larges = _at_level(paths, level, room, every)
        if isinstance(larges, dict):
            return level, larges
    assert isinstance(larges, int)
    raise TooLarge(larges - room)


def _first_level(paths: list[str], room: int, every: Every) -> int:
    """The best level at which a few of the pictures promise that all of them fit."""
    step = -(-len(paths) // _SAMPLES)
    samples = paths[::step]
    low, high = 0, len(LEVELS) - 1
    if room <= 0:
        return high
    while low < high:
        middle = (low + high) // 2
        some = _at_level(samples, LEVELS[middle], room, every)
        size = some if isinstance(some, int) else sum(map(address_bytes, some.values()))
        low, high = (
            (low, middle) if size * len(paths) <= room * len(samples) else (middle + 1, high)
        )
    return low


def _at_level(paths: list[str], level: Level, room: int, every: Every) -> dict[str, bytes] | int:
    """The pictures at one level; if they do not fit, how many bytes they take."""
    found: dict[str, bytes] = {}
    size = 0
    for path, data in zip(paths, every(level, paths), strict=True):
        size += address_bytes(data or b"")
        if size > room:
            found.clear()
        else:
            found[path] = data or b""
    return found if size <= room else size


def _encoded(folder: Path, level: Level, path: str) -> bytes | None:
    """A picture as WebP, or as it is where that is smaller; None if it cannot be read."""
    try:
        with open_image(folder / path, DECODERS) as image:
            if image.width * image.height > PIXEL_LIMIT:
                return None
            small = max(image.size) <= level.side
            image.draft("RGB", (level.side, level.side))
            data = _webp(image, level)
    except Exception:
        # Decoders raise anything from SyntaxError to struct.error on hostile data.
        return None
    if small and _is_shown(path) and (folder / path).stat().st_size <= len(data):
        return (folder / path).read_bytes()
    return data


def _is_shown(path: str) -> bool:
    """Whether browsers show the picture as it is."""
    return not path.lower().endswith(_UNSHOWN)


def _webp(image: Image.Image, level: Level) -> bytes:
    image.thumbnail((level.side, level.side), Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image)
    clear = upright.has_transparency_data
    out = io.BytesIO()
    picture = upright.convert("RGBA" if clear else "RGB")
    labels = {} if level == THUMBNAIL else _labels(upright)
    picture.save(out, "WEBP", quality=level.quality, method=4, **labels)
    return out.getvalue()


def _labels(image: Image.Image) -> dict[str, bytes]:
    found = {
        "icc_profile": image.info.get("icc_profile"),
        "exif": image.getexif().tobytes(),
        "xmp": image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"),
    }
    texts = {name: v.encode() if isinstance(v, str) else v for name, v in found.items()}
    return {name: v for name, v in texts.items() if v and len(v) <= LABEL_BYTES}


def address(data: bytes) -> str:
    """A picture as a `data:` address."""
    kind = sniff(data[:32]) or "webp"
    return _PREFIX.format(kind) + base64.b64encode(data).decode("ascii")


def address_bytes(data: bytes) -> int:
    """How long such an address is at most."""
    return encoded_size(len(data))


def encoded_size(size: int) -> int:
    """How long the address of so many bytes is at most."""
    return PREFIX_BYTES + 4 * -(-size // 3)
