"""Is this file a whole picture? And the same picture in another format. The only user of Pillow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.pictures import png

if TYPE_CHECKING:
    from PIL import Image, PngImagePlugin

PIXEL_LIMIT = 2**25
READABLE = ("PNG", "JPEG", "WEBP")
SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_XMP_KEY = "XML:com.adobe.xmp"
_USER_COMMENT, _DESCRIPTION, _EXIF_FOLDER = 0x9286, 0x010E, 0x8769


class NotAnImage(StoredError):
    """The bytes are not a whole PNG, JPEG or WebP picture."""


class TooLarge(StoredError):
    """A picture with more pixels than any model makes: perhaps a decompression bomb."""


class ImageInfo(NamedTuple):
    """`format` is `png`, `jpeg` or `webp`; sizes in pixels."""

    format: str
    width: int
    height: int


def sniff(head: bytes) -> str | None:
    """The format by the first bytes; the rest lies (cogview_cli/api/README.md#picture-files)."""
    if head.startswith(png.MAGIC):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return None


def check(path: Path) -> ImageInfo:
    """Decodes the whole picture. Raises NotAnImage or TooLarge."""
    data = path.read_bytes()
    found = sniff(data[:16])
    if found is None:
        raise NotAnImage(Message.of("unknown-format"))
    if not _has_end(found, data):
        raise NotAnImage(Message.of("data-cut", format=found.upper()))
    try:
        return _decode(found, data)
    except TooLarge:
        raise
    except Exception as error:
        # Decoders raise anything from SyntaxError to struct.error on hostile data.
        why = Message.of("undecodable", format=found.upper(), why=error)
        raise NotAnImage(why) from error


def _open(source: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Opens a picture. Pillow is loaded here: a request need not wait for it to be sent."""
    from PIL import Image

    # The size is checked against PIXEL_LIMIT before any decoding, as an error, in every thread.
    Image.MAX_IMAGE_PIXELS = None
    return Image.open(source, formats=formats)


def _decode(found: str, data: bytes) -> ImageInfo:
    with _open(io.BytesIO(data), (found.upper(),)) as image:
        width, height = image.size
        if width * height > PIXEL_LIMIT:
            raise TooLarge(Message.of("too-many-pixels", pixels=f"{width}x{height}"))
        image.verify()
    # verify() checks PNG sums that load() passes over; load() finds what verify() does not.
    if found == "png" and png.rows_are_whole(data):
        return ImageInfo(format=found, width=width, height=height)
    with _open(io.BytesIO(data), (found.upper(),)) as image:
        image.load()
    return ImageInfo(format=found, width=width, height=height)


def _has_end(found: str, data: bytes) -> bool:
    if found == "png":
        return png.has_end(data)
    if found == "webp":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    return b"\xff\xd9" in data


def convert(source: Path, target: Path, format: str) -> ImageInfo:
    """Writes `source` as `format`, carrying EXIF, XMP, ICC and PNG text over.

    The AI-content label lives in that metadata (cogview_cli/api/README.md#labels).
    Where the new format has no text chunks, they go as JSON into the EXIF user comment,
    or into the description if that is taken.
    """
    with _open(source, READABLE) as image:
        image.load()
        plain = image.mode == "RGB" or (format != "jpeg" and image.mode != "CMYK")
        picture = image if plain else image.convert("RGB")
        picture.save(target, format=format.upper(), **_metadata(image, format), **_QUALITY[format])
        return ImageInfo(format=format, width=image.width, height=image.height)


_QUALITY: dict[str, dict[str, Any]] = {
    "png": {},
    "jpeg": {"quality": 95, "subsampling": 0},
    "webp": {"quality": 95},
}


def _metadata(image: Image.Image, format: str) -> dict[str, Any]:
    texts = {
        name: str(value) for name, value in getattr(image, "text", {}).items() if name != _XMP_KEY
    }
    xmp = _xmp(image)
    kept: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if format == "png":
        kept["pnginfo"] = _png_texts(texts, xmp, image)
        kept["exif"] = image.getexif()
        return kept
    kept["exif"] = _exif_with(image.getexif(), texts)
    if xmp:
        kept["xmp"] = xmp
    return kept


def _xmp(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp") or image.info.get(_XMP_KEY)
    return found.encode("utf-8") if isinstance(found, str) else found


def _png_texts(
    texts: dict[str, str], xmp: bytes | None, image: Image.Image
) -> PngImagePlugin.PngInfo:
    from PIL import PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        texts = {"Comment": comment.decode("utf-8", "replace"), **texts}
    for name, value in texts.items():
        chunks.add_itxt(name, value)
    if xmp:
        chunks.add_itxt(_XMP_KEY, xmp.decode("utf-8", "replace"))
    return chunks


def _exif_with(exif: Image.Exif, texts: dict[str, str]) -> bytes:
    folder, packed = exif.get_ifd(_EXIF_FOLDER), json.dumps(texts)
    if texts and _USER_COMMENT not in folder:
        folder[_USER_COMMENT] = b"ASCII\0\0\0" + packed.encode("ascii")
    elif texts:
        described = exif.get(_DESCRIPTION)
        exif[_DESCRIPTION] = f"{described}\n{packed}" if described else packed
    return exif.tobytes()
