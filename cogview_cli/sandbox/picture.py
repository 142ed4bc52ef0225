"""Draws the sandbox's pictures and labels them as the vendor does.

The labels: cogview_cli/api/README.md#labels. Only this module and `lettering` need Pillow, which
is imported when the first picture is drawn.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cogview_cli.sandbox import lettering
from cogview_cli.textcheck.wanted import wanted_texts

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:TC260="{namespace}">'
    "<TC260:AIGC>{label}</TC260:AIGC>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_USER_COMMENT = 0x9286
_EXIF_IFD = 0x8769
RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Everything that decides a picture's bytes."""

    prompt: str
    width: int
    height: int
    watermark: bool = True
    format: str = "PNG"
    text_fault: str = ""


def digest(sketch: Sketch) -> bytes:
    """The bytes that decide how the picture looks."""
    return hashlib.sha256(sketch.prompt.encode("utf-8", "surrogatepass")).digest()


@lru_cache(maxsize=16)
def render(sketch: Sketch) -> bytes:
    """The finished file: same sketch, same bytes."""
    image = _scene(digest(sketch), sketch.width, sketch.height)
    _write_name(image)
    lettering.write(image, wanted_texts(sketch.prompt) or (), sketch.text_fault)
    if sketch.watermark:
        _capsule(image)
    return _encode(image, sketch)


def _scene(seed: bytes, width: int, height: int) -> Image.Image:
    """A sky, a sun and three ranges of hills, drawn at half the size, so edges are soft."""
    from PIL import Image, ImageDraw

    small = _sky(seed, width // 2, height // 2)
    draw = ImageDraw.Draw(small, "RGBA")
    _sun(draw, seed, small.size)
    for layer in range(3):
        _hills(draw, seed, layer, small.size)
    return small.resize((width, height), Image.Resampling.BILINEAR)


def _sky(seed: bytes, width: int, height: int) -> Image.Image:
    from PIL import Image

    corners = Image.new("RGB", (2, 3))
    for row in range(3):
        for column in range(2):
            hue = seed[0] / 255 + row * 0.09 + column * 0.05
            corners.putpixel((column, row), _colour(hue, 0.45 - row * 0.1, 0.72 + row * 0.13))
    return corners.resize((width, height), Image.Resampling.BICUBIC)


def _colour(hue: float, saturation: float, value: float) -> RGB:
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, min(value, 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def _sun(draw: ImageDraw.ImageDraw, seed: bytes, size: tuple[int, int]) -> None:
    x, y = size[0] * (0.2 + seed[1] / 425), size[1] * (0.2 + seed[2] / 1000)
    radius = min(size) * (0.09 + seed[3] / 3000)
    for factor, alpha in ((2.2, 28), (1.5, 44), (1.0, 200)):
        reach = radius * factor
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(255, 246, 220, alpha))


def _hills(draw: ImageDraw.ImageDraw, seed: bytes, layer: int, size: tuple[int, int]) -> None:
    width, height = size
    phase, waves = seed[4 + layer] / 40, 7.5 + seed[8 + layer] / 18
    base, swing = height * (0.56 + 0.14 * layer), height * 0.07

    def ridge_at(x: int) -> float:
        way = x / width
        return base + swing * math.sin(phase + waves * way) * math.cos(phase + 3 * way)

    ridge = [(x, ridge_at(x)) for x in range(0, width + 8, 8)]
    colour = _colour(seed[0] / 255 + 0.42 + layer * 0.04, 0.42, 0.62 - layer * 0.14)
    draw.polygon([*ridge, (width + 8, height), (0, height)], fill=(*colour, 190))


def _write_name(image: Image.Image) -> None:
    from PIL import ImageDraw, ImageFont

    unit = min(image.size)
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(size=unit // 9)
    spot = (image.width / 2, image.height * 0.46)
    draw.text((spot[0] + 2, spot[1] + 3), "SANDBOX", (0, 0, 0, 70), font, anchor="mm")
    draw.text(spot, "SANDBOX", (255, 255, 255, 225), font, anchor="mm")


def _capsule(image: Image.Image) -> None:
    """The visible mark, bottom right; more than 5 % of the shortest side high."""
    from PIL import ImageDraw, ImageFont

    unit = min(image.size) / 100
    right, bottom = image.width - 3 * unit, image.height - 3 * unit
    box = (right - 13 * unit, bottom - 7 * unit, right, bottom)
    draw = ImageDraw.Draw(image, "RGBA")
    draw.rounded_rectangle(box, radius=3.5 * unit, fill=(20, 22, 28, 165))
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    draw.text(middle, "AI", "white", ImageFont.load_default(size=5 * unit), anchor="mm")


def aigc_label(sketch: Sketch) -> str:
    """The hidden mark: JSON under the key AIGC."""
    fields = {
        "Label": "1",
        "ContentProducer": "SANDBOX",
        "ProduceID": digest(sketch).hex()[:32],
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps({"AIGC": fields})


def _xmp(sketch: Sketch) -> str:
    return _XMP.format(namespace=NAMESPACE, label=aigc_label(sketch).replace("&", "&amp;"))


def _encode(image: Image.Image, sketch: Sketch) -> bytes:
    out = io.BytesIO()
    encoders = {"PNG": _save_png, "JPEG": _save_exif, "WEBP": _save_exif}
    encoders[sketch.format](image, sketch, out)
    return out.getvalue()


def _save_png(image: Image.Image, sketch: Sketch, out: io.BytesIO) -> None:
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    if sketch.watermark:
        chunks.add_itxt("AIGC", aigc_label(sketch))
        chunks.add_itxt("XML:com.adobe.xmp", _xmp(sketch))
    image.save(out, "PNG", pnginfo=chunks, compress_level=1)


def _save_exif(image: Image.Image, sketch: Sketch, out: io.BytesIO) -> None:
    from PIL import Image as Images

    if not sketch.watermark:
        image.save(out, sketch.format, quality=88)
        return
    exif = Images.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"ASCII\0\0\0" + aigc_label(sketch).encode()
    image.save(out, sketch.format, quality=88, exif=exif, xmp=_xmp(sketch).encode())
