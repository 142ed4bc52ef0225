"""The key is blotted out of what a server sends, in whatever spelling."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.redaction import LEAST_LENGTH, Redactor

KEY = "0123abcd.Ab-Cd_Ef/Gh+Ij="
RED = Redactor(KEY)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "JSON in capitals": lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    "JSON, some": lambda text: text.replace("-", "\\u002d").replace(".", "\\u002E"),
    "JSON, one at the end": lambda text: text[:-1] + f"\\u{ord(text[-1]):04x}",
    "JSON with its slash": lambda text: text.replace("/", "\\/"),
    "JSON in JSON": lambda text: "".join(f"\\\\u{ord(char):04x}" for char in text),
    "JSON in JSON in JSON": lambda text: text.replace("-", "\\\\\\\\u002d"),
    "JavaScript": lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
    "percent": lambda text: "".join(f"%{ord(char):02x}" for char in text),
    "percent, some": lambda text: text.replace("-", "%2d"),
    "percent twice": lambda text: text.replace("-", "%252D"),
    "percent in JSON": lambda text: text.replace("-", "\\u00252D"),
    "HTML": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML in hex": lambda text: "".join(f"&#x{ord(char):04X};" for char in text),
    "HTML twice": lambda text: text.replace("-", "&amp;#45;"),
    "HTML in JSON": lambda text: text.replace("-", "\\u0026#45;"),
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le",
             "utf-32-be")  # fmt: skip


def read_in_every_way(text: str) -> str:
    """What a program could make of it, all of it in a row."""
    seen = [text]
    for _ in range(4):
        text = re.sub(r"\\+(?:u00|x)([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
        text = html.unescape(re.sub(r"\\+(?=[/+=.])", "", text))
        seen += [text, unquote(text)]
        text = unquote(text) if KEY not in unquote(text) else text
    return "".join(seen)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_blotted_and_nothing_else(spelling: str, encoding: str) -> None:
    spelled = SPELLINGS[spelling](KEY)
    for before, after in (
        ('{"error":{"message":"bad 猫 Bearer ', '"}}'),
        ('{"data":[{"url":"https://cdn.example/1.png?k=', '&Signature=a%2Bb\\u0026x=\\"1\\""}]}'),
        ("", '\\"'),
        ("<h1>", "</h1>"),
    ):
        raw = f"{before}{spelled}{after}{spelled}".encode(encoding)
        wanted = f"{before}***{after}***"
        assert RED.blotted(raw).decode(encoding) == wanted
        assert KEY in read_in_every_way(spelled) and KEY not in read_in_every_way(wanted)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_text_is_blotted_too(spelling: str) -> None:
    found = RED.blotted_text(f"\ud800 {SPELLINGS[spelling](KEY)} 猫")
    assert ascii(found) == r"'\ud800 *** \u732b'"


@pytest.mark.parametrize(
    "key", ["0123abcd.%41bcdefgh", r"0123abcd\\u0041bcdefgh", "0123&#45;abcdefgh"]
)
def test_a_key_that_looks_like_escapes_is_found_all_the_same(key: str) -> None:
    red = Redactor(key)
    for spelled in (
        key,
        json.dumps(key)[1:-1],
        quote(key),
        html.escape(key),
        key.replace("b", "%62"),
    ):
        assert red.blotted_text(f"<{spelled}>") == "<***>", spelled


@given(st.lists(st.sampled_from([KEY, "\\", "%", "&#", "u00", "2d", "25", "é", "\0", *"0123;xX"])))
def test_nothing_raises_and_the_key_is_gone(parts: list[str]) -> None:
    assert KEY.encode() not in RED.blotted("".join(parts).encode())


@given(st.binary(max_size=400))
def test_what_holds_no_key_stays(data: bytes) -> None:
    assert RED.blotted(data) == data


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_wide_key_inside_other_data_is_blotted(encoding: str) -> None:
    data = b'{"narrow":1}\x01' + KEY.encode(encoding) + b"\x01 the end"
    assert KEY.encode() not in RED.blotted(data).translate(None, b"\0")


def test_a_key_across_the_pieces_of_a_long_answer_is_blotted() -> None:
    spelled = SPELLINGS["JSON"](KEY).encode()
    for shift in range(0, len(spelled) + 40, 7):
        data = b"a" * (2**20 - shift) + spelled + b"b" * 10
        assert RED.blotted(data) == b"a" * (2**20 - shift) + b"***" + b"b" * 10


def test_a_short_key_is_left_alone() -> None:
    assert Redactor("k" * (LEAST_LENGTH - 1)).blotted(b"k" * 40) == b"k" * 40
    assert Redactor("").blotted(b"any") == b"any"


@pytest.mark.parametrize(
    "filler", [b"\\", b"%25", b"\\\\\\u005c", b"&amp;", b"&#0", b"\\u0030", b"\0", b"0\0", b"a%41"]
)
def test_no_answer_takes_long_to_look_through(filler: bytes) -> None:
    data = filler * (2**19 // len(filler))
    began = time.process_time()
    RED.blotted(data)
    assert time.process_time() - began < 5


def test_a_picture_in_base64_is_not_looked_at_byte_by_byte() -> None:
    body = json.dumps({"b64_json": base64.b64encode(bytes(range(256)) * 2**15).decode()}).encode()
    began = time.process_time()
    assert RED.blotted(body) == body
    assert time.process_time() - began < 1
