"""Pictures: only whole ones pass, bombs do not, and conversion keeps every label."""

from __future__ import annotations

import io
import json
import struct
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cogview_cli.pictures.convert import convert
from cogview_cli.pictures.verify import Damaged, ImageInfo, NotAnImage, TooLarge, check, sniff

FORMATS = ("png", "jpeg", "webp")
LABEL = json.dumps({"Label": "1", "ContentProducer": "x", "ProduceID": "7"})
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><AIGC>{LABEL}</AIGC></x:xmpmeta>'.encode()
ICC = b"\x00\x00\x00\x84" + b"prof" * 32
USER_COMMENT, EXIF_FOLDER, SOFTWARE = 0x9286, 0x8769, 0x0131


def gradient(mode: str = "RGB") -> Image.Image:
    plane = Image.linear_gradient("L").resize((64, 48))
    return Image.merge("RGB", (plane, plane.rotate(90), plane.rotate(180))).convert(mode)


def encoded(format: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (picture or gradient()).save(buffer, format=format.upper(), **options)
    return buffer.getvalue()


@cache
def sample(format: str) -> bytes:
    return encoded(format)


def verdict(folder: Path, data: bytes) -> ImageInfo:
    path = folder / "picture"
    path.write_bytes(data)
    return check(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_a_whole_picture_passes_with_its_format_and_size(tmp_path: Path, format: str) -> None:
    info = verdict(tmp_path, sample(format))
    assert (info.format, info.width, info.height) == (format, 64, 48)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kept", [0.02, 0.1, 0.5, 0.9, 0.99])
def test_a_picture_cut_anywhere_is_refused(tmp_path: Path, format: str, kept: float) -> None:
    data = sample(format)
    with pytest.raises(NotAnImage):
        verdict(tmp_path, data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    ("format", "missing"),
    [("png", 1), ("png", 12), ("webp", 1), ("webp", 12), ("jpeg", 3), ("jpeg", 12)],
)
def test_a_picture_without_its_last_bytes_is_refused(
    tmp_path: Path, format: str, missing: int
) -> None:
    with pytest.raises(NotAnImage):
        verdict(tmp_path, sample(format)[:-missing])


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lost_its_end_mark_alone_has_all_its_pixels(
    tmp_path: Path, missing: int
) -> None:
    info = verdict(tmp_path, sample("jpeg")[:-missing])
    assert (info.format, info.width, info.height, info.ended) == ("jpeg", 64, 48, False)


@pytest.mark.parametrize("missing", range(3, 60))
def test_a_jpeg_without_end_mark_is_not_believed_if_a_bit_of_a_row_is_missing(
    tmp_path: Path, missing: int
) -> None:
    with pytest.raises(Damaged):
        verdict(tmp_path, sample("jpeg")[:-missing])


def test_a_progressive_jpeg_without_end_mark_may_lack_a_scan(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        verdict(tmp_path, encoded("jpeg", progressive=True)[:-2])


# The pixels count, whatever else the file holds.

LONG = zlib.compress(b"words " * 400_000)


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with these chunks behind its header."""
    return data[:33] + b"".join(chunks) + data[33:]


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"k\0\0" + LONG),
        chunk(b"iTXt", b"k\0\1\0\0\0" + LONG),
        chunk(b"iCCP", b"k\0\0" + LONG),
        chunk(b"tEXt", b"k\0" + b"x" * 3 * 2**20),
        chunk(b"zTXt", b"k\0\0not packed"),
        chunk(b"eXIf", b"garbage"),
        chunk(b"gAMA", b""),
    ],
    ids=["zTXt", "iTXt", "iCCP", "tEXt", "broken zTXt", "broken eXIf", "broken gAMA"],
)
def test_text_and_profiles_are_no_part_of_the_judgement(tmp_path: Path, extra: bytes) -> None:
    assert verdict(tmp_path, with_chunks(sample("png"), extra)).format == "png"


def test_a_flipped_bit_in_a_text_is_still_found(tmp_path: Path) -> None:
    data = bytearray(with_chunks(sample("png"), chunk(b"tEXt", b"k\0value")))
    data[data.index(b"value")] ^= 1
    with pytest.raises(Damaged, match="tEXt"):
        verdict(tmp_path, bytes(data))


# Formats that the API does not promise.

OTHERS = {"gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF"}


@pytest.mark.parametrize("format", OTHERS)
def test_another_format_is_known_and_whole_or_not(tmp_path: Path, format: str) -> None:
    data = encoded(OTHERS[format])
    info = verdict(tmp_path, data)
    assert (info.format, info.width, info.height) == (format, 64, 48)
    for missing in (1, 40, len(data) // 2):
        with pytest.raises(Damaged):
            verdict(tmp_path, data[:-missing])


@pytest.mark.parametrize("format", OTHERS)
def test_a_bomb_is_one_in_any_format(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.pictures.verify.PIXEL_LIMIT", 64 * 48 - 1)
    with pytest.raises(TooLarge, match="64x48"):
        verdict(tmp_path, encoded(OTHERS[format]))


def test_an_avif_is_judged_by_its_boxes_where_there_is_no_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.pictures.verify._decodes", lambda _format: False)
    data = encoded("avif")
    assert verdict(tmp_path, data) == ImageInfo("avif", 64, 48)
    with pytest.raises(Damaged):
        verdict(tmp_path, data[:-1])


def heic(*boxes: bytes) -> bytes:
    """The outside of an HEIC file."""
    size = b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", 640, 480)
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + size + b"".join(boxes)


def test_an_heic_is_judged_by_its_boxes(tmp_path: Path) -> None:
    whole = heic(b"\0\0\0\x0cmdatabcd")
    assert verdict(tmp_path, whole) == ImageInfo("heic", 640, 480)
    with pytest.raises(Damaged):
        verdict(tmp_path, whole[:-1])


def test_a_jpeg_with_a_whole_thumbnail_and_half_a_picture_is_refused(tmp_path: Path) -> None:
    """The end mark of a thumbnail inside the EXIF data is not the end of the picture."""
    exif = Image.Exif()
    exif[SOFTWARE] = "end\xff\xd9"
    data = encoded("jpeg", exif=exif.tobytes() + b"\xff\xd8\xff\xd9")
    assert verdict(tmp_path, data).format == "jpeg"
    with pytest.raises(NotAnImage):
        verdict(tmp_path, data[: len(data) * 3 // 4])


@pytest.mark.parametrize("seed", range(12))
def test_a_flipped_bit_in_a_png_is_found(tmp_path: Path, seed: int) -> None:
    data = bytearray(sample("png"))
    at = 8 + seed * (len(data) - 8 - 12) // 12  # anywhere before IEND
    data[at] ^= 1 << seed % 8
    with pytest.raises((NotAnImage, TooLarge)):
        verdict(tmp_path, bytes(data))


@pytest.mark.parametrize("side", [12_000, 50_000])
def test_a_picture_larger_than_any_model_makes_is_not_decoded(tmp_path: Path, side: int) -> None:
    with pytest.raises(TooLarge, match=f"{side}x{side}"):
        verdict(tmp_path, png_of(side, side))


def test_a_png_whose_pixels_are_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage):
        verdict(tmp_path, png_of(2048, 2048))


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>expired</html>", b"GIF89a", b"%PDF-1.7", b"BM" + b"\0" * 60, b"RIFF\0\0\0\0WAVE"],
)
def test_anything_else_is_not_a_picture(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(NotAnImage):
        verdict(tmp_path, data)


@given(st.sampled_from(FORMATS), st.binary(max_size=60), st.integers(12, 400))
@settings(deadline=None, max_examples=60)
def test_hostile_data_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, format: str, junk: bytes, at: int
) -> None:
    data = sample(format)
    folder = tmp_path_factory.getbasetemp()
    with suppress(NotAnImage, TooLarge):
        verdict(folder, data[:at] + junk + data[at + len(junk) :])


@pytest.mark.parametrize("format", FORMATS)
def test_the_format_is_that_of_the_bytes(format: str) -> None:
    assert sniff(sample(format)[:16]) == format
    assert sniff(b"") is None


def labelled(format: str) -> bytes:
    exif = Image.Exif()
    exif[SOFTWARE] = "maker"
    exif.get_ifd(EXIF_FOLDER)[USER_COMMENT] = b"ASCII\0\0\0" + LABEL.encode()
    options: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": ICC}
    if format == "png":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encoded("png", pnginfo=texts, **options)
    return encoded(format, xmp=XMP, **options)


def converted(folder: Path, data: bytes, format: str) -> Image.Image:
    source, target = folder / "source", folder / "target"
    source.write_bytes(data)
    info = convert(source, target, format)
    assert check(target) == info
    with Image.open(target) as image:
        image.load()
        return image


@pytest.mark.parametrize("before", FORMATS)
@pytest.mark.parametrize("after", FORMATS)
def test_conversion_carries_exif_xmp_and_icc(tmp_path: Path, before: str, after: str) -> None:
    image = converted(tmp_path, labelled(before), after)
    assert image.info["icc_profile"] == ICC
    xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    assert LABEL in (xmp.decode() if isinstance(xmp, bytes) else xmp)
    exif = image.getexif()
    assert exif[SOFTWARE] == "maker"
    assert LABEL.encode() in exif.get_ifd(EXIF_FOLDER)[USER_COMMENT]


@pytest.mark.parametrize("kind", ["add_text", "add_itxt"])
def test_a_png_keeps_its_texts_as_texts(tmp_path: Path, kind: str) -> None:
    texts = PngImagePlugin.PngInfo()
    getattr(texts, kind)("AIGC", LABEL)
    image = converted(tmp_path, encoded("png", pnginfo=texts), "png")
    assert image.info["AIGC"] == LABEL


@pytest.mark.parametrize("after", ["jpeg", "webp"])
@pytest.mark.parametrize("with_exif", [False, True])
def test_png_texts_survive_where_there_are_no_text_chunks(
    tmp_path: Path, after: str, with_exif: bool
) -> None:
    """Also when the EXIF data has a comment, or a description, of its own."""
    texts, exif = PngImagePlugin.PngInfo(), Image.Exif()
    texts.add_itxt("AIGC", "标识 7")
    if with_exif:
        exif[0x010E] = "described"
        exif.get_ifd(EXIF_FOLDER)[USER_COMMENT] = b"ASCII\0\0\0theirs"
    found = converted(tmp_path, encoded("png", pnginfo=texts, exif=exif), after).getexif()
    comment = found.get_ifd(EXIF_FOLDER).get(USER_COMMENT, b"")
    everything = comment.decode("ascii") + found.get(0x010E, "")
    assert json.dumps({"AIGC": "标识 7"}) in everything
    assert not with_exif or ("theirs" in everything and "described" in everything)


@pytest.mark.parametrize("after", FORMATS)
@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA"])
def test_pictures_of_every_mode_convert(tmp_path: Path, mode: str, after: str) -> None:
    assert converted(tmp_path, encoded("png", gradient(mode)), after).size == (64, 48)


@pytest.mark.parametrize("after", FORMATS)
def test_a_jpeg_of_four_inks_converts(tmp_path: Path, after: str) -> None:
    assert converted(tmp_path, encoded("jpeg", gradient("CMYK")), after).size == (64, 48)


def test_a_conversion_without_loss_keeps_the_pixels(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(sample("webp"))) as image:
        before = image.convert("RGB").tobytes()
    assert converted(tmp_path, sample("webp"), "png").convert("RGB").tobytes() == before
