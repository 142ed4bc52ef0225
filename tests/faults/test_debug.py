"""--debug shows every exchange on stderr, and nothing that is secret, over both transports."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.net.http11 import DirectClient
from cogview_cli.net.response import Limits
from cogview_cli.net.tracing import SHOWN_CHARACTERS, TracedClient, unsigned_text
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import HOST, Scripted, http, in_answer, picture, reset
from tests.faults.world import KEY, SMALL

pytestmark = pytest.mark.faults
over_both = pytest.mark.usefixtures("both_transports")


@over_both
def test_a_good_request_is_shown_from_end_to_end(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "小猫", *SMALL, "--debug")
    shown = ended.err.splitlines()
    assert ended.code == 0 and len(ended.out.splitlines()) == 1
    assert f"> POST {sandbox.base_url}/images/generations" in shown
    assert "> Content-Type: application/json" in shown
    (body,) = (line.removeprefix("> ") for line in shown if line.startswith('> {"'))
    assert json.loads(body) == {"model": "cogview-4-250304", "prompt": "小猫", "size": "512x512"}
    first, second = (line for line in shown if line.startswith("< HTTP 200"))
    assert first.endswith(" s)") and second.endswith(" s)")
    assert any(line.startswith('< {"created":') for line in shown)
    assert any(line.startswith("> GET http://127.0.0.1:") for line in shown)
    assert "< content-type: image/png" in shown


@over_both
def test_without_it_nothing_is_shown(cogview: Run) -> None:
    assert "POST" not in cogview("gen", "小猫", *SMALL, "-v").err


@over_both
def test_neither_key_nor_signature_is_shown(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the server repeats them, in headers and body."""
    key = f"{KEY}.0123456789"
    monkeypatch.setenv("COGVIEW_API_KEY", key)
    with Scripted(gets=[http("200 OK", picture())]) as images:
        link = f"http://{HOST}:{images.port}/1.png?Expires=9&Signature=canary%2Bsig"
        echo = http(
            "200 OK", json.dumps({"data": [{"url": link}], "said": f"Bearer {key}"}).encode(),
            f"X-Echo: {key}", "Set-Cookie: session=canary",
        )  # fmt: skip
        with Scripted([echo]) as api:
            base = f"http://{HOST}:{api.port}/v4"
            ended = cogview("gen", "cat", "--debug", "--base-url", base)
        assert b"Signature=canary%2Bsig" in images.seen and key.encode() in api.seen
    assert ended.code == 0
    assert "canary" not in ended.err, ended
    assert "> Authorization: Bearer ***" in ended.err.splitlines()
    assert "< x-echo: ***" in ended.err.splitlines()
    assert f"http://{HOST}:{images.port}/1.png?***" in ended.err


@over_both
def test_headers_of_ones_own_are_not_shown(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_HEADERS", '{"x-team": "canary-team"}')
    ended = cogview("gen", "cat", *SMALL, "--debug")
    assert ended.code == 0 and "canary-team" not in ended.err
    assert "> x-team: ***" in ended.err.splitlines()


@over_both
def test_an_error_is_shown_with_its_words(cogview: Run) -> None:
    ended = cogview("gen", "cat sandbox:1301", *SMALL, "--debug")
    assert "< HTTP 400" in ended.err and '"1301"' in ended.err
    with Scripted([reset]) as api:
        ended = cogview("gen", "cat", "--debug", "--base-url", f"http://{HOST}:{api.port}/v4")
    assert ended.code == 5
    assert any(line.startswith("* ") for line in ended.err.splitlines())


@over_both
def test_recover_shows_its_downloads(cogview: Run) -> None:
    assert cogview("gen", "cat sandbox:404-download", *SMALL).code == 6
    ended = cogview("recover", "--debug")
    assert "> GET " in ended.err and "POST" not in ended.err


@over_both
def test_a_hostile_server_writes_nothing_on_the_terminal(cogview: Run) -> None:
    evil = http("200 OK", in_answer(url="http://x/\x1b[2J\u202e").replace(b"\\u", b"\\u"))
    with Scripted([evil]) as api:
        ended = cogview("gen", "cat", "--debug", "--base-url", f"http://{HOST}:{api.port}/v4")
    assert not {"\x1b", "\u202e", "\r"} & set(ended.err)


def test_pictures_in_an_answer_are_counted_and_long_texts_cut() -> None:
    said: list[str] = []
    tracer = TracedClient(DirectClient(None, Limits(1.0, None), {}), said.append, str)
    tracer.body("<", b'{"b64_json":"' + b"A" * 90_000 + b'"}')
    tracer.body(">", "猫".encode() * 9000)
    tracer.body("<", b"")
    assert said[0] == '< {"b64_json":"(90000 characters of base64)"}'
    assert said[1].endswith("… 27000 bytes in all") and len(said[1]) < SHOWN_CHARACTERS + 50
    assert len(said) == 2


@given(
    st.sampled_from(["http://", "https://", r"https:\/\/"]), st.text("abc.-_/%+=&\\", max_size=30)
)
def test_no_link_keeps_its_query(scheme: str, path: str) -> None:
    link = f"{scheme}h/{path}"
    for mark in ("?", r"\u003f"):
        shown = unsigned_text(f'{{"url":"{link}{mark}Signature=canary"}}')
        assert "canary" not in shown and shown.startswith(f'{{"url":"{link}')
