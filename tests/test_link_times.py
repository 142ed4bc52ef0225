"""How long links live, by their server's clock; and pictures taken out of answers."""

from __future__ import annotations

import base64
import json
import os
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.image_urls import link_end, server_date, without_pictures
from cogview_cli.api.links import are_dead, links_end
from cogview_cli.api.protocol import Answer, Reply, decode

NOW, DAY = 1_760_000_000, 86400


@pytest.mark.parametrize(
    ("query", "came", "end"),
    [
        (f"Expires={NOW + DAY}", NOW, NOW + DAY),
        (f"Expires={NOW - 1}", NOW, NOW + 30 * DAY),
        (f"Expires={NOW}", NOW, NOW + 30 * DAY),
        (f"Expires={(NOW + DAY) * 1000}", NOW, NOW + 30 * DAY),
        (f"Expires={NOW + 3000 * DAY}", NOW, NOW + 30 * DAY),
        ("X-Amz-Date=20251009T085320Z&X-Amz-Expires=60", NOW, NOW + 30 * DAY),
        ("", NOW, NOW + 30 * DAY),
        (f"Expires={NOW + DAY}", None, NOW + DAY),
        ("", None, None),
    ],
)
def test_a_links_end(query: str, came: float | None, end: float | None) -> None:
    assert link_end(f"https://h/x.png?{query}", came) == end


@given(st.integers(0, 4_000_000_000))
def test_a_servers_date(seconds: int) -> None:
    assert server_date({"date": formatdate(seconds, usegmt=True)}) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0", "Wed, 32 Nov 2026 21:13:13 GMT", "Wed, 25 Foo 2026 21:13:13 GMT",
     "Wed, 25 Nov 2026 29:13:13 GMT", "Wed, 25 Nov 2026 21:13:13 +0800",
     "Wed, 25 Nov 0000 00:00:00 GMT"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert server_date({"date": text}) is None


def answer(*data: dict[str, str], date: float | None = NOW, **more: object) -> Answer:
    raw = json.dumps({"created": 1, "data": list(data), **more}).encode()
    headers = {} if date is None else {"date": formatdate(date, usegmt=True)}
    return Answer(status=200, headers=headers, raw=raw)


def test_an_answer_lives_as_long_as_its_longest_link() -> None:
    urls = [{"url": f"https://h/{days}.png?Expires={NOW + days * DAY}"} for days in (3, 9, 5)]
    assert links_end(answer(*urls)) == NOW + 9 * DAY
    assert links_end(answer({"url": "https://h/x.png"}, *urls, date=None)) is None
    assert links_end(answer({"b64_json": "AAAA"})) is None
    assert not are_dead(answer(*urls), None)
    assert not are_dead(answer(*urls), NOW + 9 * DAY) and are_dead(answer(*urls), NOW + 10 * DAY)


BYTES = os.urandom(3000)


@pytest.mark.parametrize(
    "value",
    [
        base64.b64encode(BYTES).decode(),
        base64.urlsafe_b64encode(BYTES).decode().rstrip("="),
        "data:image/png;base64," + base64.b64encode(BYTES).decode(),
        base64.encodebytes(BYTES).decode(),
    ],
    ids=["plain", "url-safe", "data url", "in lines"],
)
@pytest.mark.parametrize("field", ["b64_json", "url", "b64_image"])
@pytest.mark.parametrize("slashes", [False, True])
def test_a_picture_is_taken_out_and_the_rest_stays(value: str, field: str, slashes: bool) -> None:
    more = {"id": "r", "revised_prompt": "一只猫 “\\" * 300, "usage": {"n": 1}}
    raw = answer({field: value, "url2": "https://h/x"}, **more).raw
    raw = raw.replace(b"/", b"\\/") if slashes else raw
    kept = without_pictures(raw)
    assert len(kept) < len(raw) - 3000
    before, after = json.loads(raw), json.loads(kept)
    assert after["data"][0].pop(field) == "(saved and taken out)"
    before["data"][0].pop(field)
    assert after == before
    assert isinstance(decode(Answer(status=200, headers={}, raw=kept)), Reply)
    assert without_pictures(kept) == kept


long = st.text('AB+/=\\"-', min_size=1990, max_size=2010)


@given(st.lists(st.dictionaries(st.text() | long, st.text() | long), max_size=3))
def test_what_is_json_stays_json(value: object) -> None:
    for ascii_only in (False, True):
        raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace")
        json.loads(without_pictures(raw))
