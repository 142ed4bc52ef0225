"""The same picture in another format, with all of its labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cogview_cli.pictures.verify import READABLE, ImageInfo, open_picture

if TYPE_CHECKING:
    from PIL import Image, PngImagePlugin

_XMP_KEY = "XML:com.adobe.xmp"
_USER_COMMENT, _DESCRIPTION, _EXIF_FOLDER = 0x9286, 0x010E, 0x8769


def convert(
    source: Path, target: Path | BinaryIO, format: str, found: str | None = None
) -> ImageInfo:
    """Writes `source` as `format`, carrying EXIF, XMP, ICC and PNG text over.

    The AI-content label lives in that metadata (cogview_cli/api/README.md#labels). Where the new
    format has no text chunks, they go as JSON into the EXIF user comment,
    or into the description if that is taken. `found` is the format of `source`, if it is
    known. Raises anything: codecs do, on metadata above all.
    """
    with open_picture(source, (found.upper(),) if found else READABLE) as image:
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
