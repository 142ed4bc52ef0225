"""A picture that cannot be read is told in our words, whatever its decoder says."""

from __future__ import annotations

import errno
import io
import os
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError

from cogview_cli.batch.grid import told
from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.gen.preview import show_pictures
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.pictures.verify import NotAnImage, TooLarge, check
from cogview_cli.pillow import DECODERS, open_image
from cogview_cli.terminal.output import OutputOptions

WHOLE = "whole"
# What libraries and Python say, and people cannot use.
THEIRS = re.compile(r"[A-Z]\w+Error|<|\bobject\b|image file|decoder|unpack|\[Errno|stream")


def drawn(format: str) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, format)
    return out.getvalue()


PICTURES = {format: drawn(format) for format in DECODERS}


def said(data: bytes) -> str:
    """Why Pillow cannot read these bytes; `WHOLE` if it can."""
    try:
        with open_image(io.BytesIO(data), DECODERS) as image:
            image.load()
    except Exception as error:
        return str(why_unreadable(error))
    return WHOLE


@given(
    format=st.sampled_from(DECODERS),
    cut=st.floats(0, 1),
    noise=st.lists(st.tuples(st.floats(0, 0.99), st.integers(0, 255)), max_size=8),
)
def test_no_word_of_a_decoder_is_passed_on(
    format: str, cut: float, noise: list[tuple[float, int]]
) -> None:
    data = bytearray(PICTURES[format])
    for at, value in noise:
        data[int(at * len(data))] = value
    found = said(bytes(data[: int(cut * len(data))]))
    assert not THEIRS.search(found), found


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UnidentifiedImageError("cannot identify image file <_io.BytesIO>"), "picture-unknown"),
        (OSError("image file is truncated (3 bytes not processed)"), "picture-cut"),
        (OSError("broken data stream when reading image file"), "picture-damaged"),
        (struct.error("unpack requires a buffer of 4 bytes"), "picture-damaged"),
        (MemoryError(), "picture-memory"),
        (TooLarge(Message.of("too-many-pixels", pixels="9x9")), "too-many-pixels"),
    ],
)
def test_each_kind_has_its_words(error: Exception, message: str) -> None:
    assert why_unreadable(error).name == message


def test_a_file_that_cannot_be_opened_is_the_systems_affair() -> None:
    gone = OSError(errno.ENOENT, os.strerror(errno.ENOENT), "1.png")
    assert str(why_unreadable(gone)) == os.strerror(errno.ENOENT)
    assert told(gone) == f"'1.png': {os.strerror(errno.ENOENT)}"
    assert told(UnidentifiedImageError("x")) == "it is no picture, or of a kind that cannot be read"


@pytest.mark.parametrize("format", DECODERS)
def test_the_check_of_what_arrives_says_so_too(format: str, tmp_path: Path) -> None:
    path, data = tmp_path / "part", PICTURES[format]
    for damaged in (data[:40], data[:-9], data[:40] + bytes(len(data) - 40)):
        path.write_bytes(damaged)
        try:
            check(path)
        except NotAnImage as error:
            assert not THEIRS.search(str(error.message)), error.message


def test_a_preview_says_so_in_the_users_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cogview_cli.terminal.preview.terminal", io.StringIO)
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    path = tmp_path / "a.png"
    path.write_bytes(b"no picture")
    show_pictures([str(path)], OutputOptions(), draw=True, view=False)
    assert "不是图片" in capsys.readouterr().err
