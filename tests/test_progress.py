"""How long a `gen` has been at work, against how long it usually takes."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from cogview_cli.api.request import ImageRequest
from cogview_cli.gen.progress import GenProgress
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.output import OutputOptions
from cogview_cli.terminal.reporter import Reporter


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(clock: Clock, *, count: int = 1, **fields: str) -> GenProgress:
    request = ImageRequest(prompt="cat", **{"model": "cogview-4-250304", **fields})
    return GenProgress(request, count, Reporter(OutputOptions()), OutputOptions(), now=clock)


def test_elapsed_against_the_time_of_model_and_quality() -> None:
    clock = Clock()
    standard, hd = progress(clock), progress(clock, quality="hd")
    other = progress(clock, model="another")
    clock.now = 7.0
    assert standard.text() == "cogview-4-250304 is drawing: 0:07 of about 5–10 s"
    assert hd.text() == "cogview-4-250304 is drawing: 0:07 of about 20 s"
    assert other.text() == "another is drawing: 0:07"


def test_of_several_it_says_how_many_are_done() -> None:
    several = progress(Clock(), count=4)
    several.done()
    assert several.text().endswith(", 1 of 4 done")


def test_trouble_is_told_for_a_while() -> None:
    clock = Clock()
    line = progress(clock)
    line.note("1302: account busy; trying again in 2.0 s")
    clock.now = 3.0
    assert line.text().endswith("; 1302: account busy; trying again in 2.0 s")
    clock.now = 20.0
    assert line.text() == "cogview-4-250304 is drawing: 0:20 of about 5–10 s"


def test_a_line_that_hides_the_terminal_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """While rich before 15 shows a line, its stand-in for stderr is no terminal."""
    monkeypatch.setattr("cogview_cli.terminal.output.on_terminal", lambda: True)
    clock, told = Clock(), list[str]()
    line = progress(clock)
    monkeypatch.setattr("cogview_cli.terminal.output.on_terminal", lambda: False)
    monkeypatch.setattr(Reporter, "note", lambda _self, text, **_: told.append(text))
    clock.now = 2.0
    line.note("busy")
    assert told == ["cogview-4-250304 is drawing: 0:02 of about 5–10 s; busy"]


def test_off_a_terminal_a_note_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    request = ImageRequest(prompt="cat", model="cogview-4")
    style = OutputOptions(verbose=True)
    line = GenProgress(request, 1, Reporter(style), style)

    async def ticks() -> None:
        async with line.ticking():
            line.note("trying again")

    asyncio.run(ticks())
    assert capsys.readouterr().err == "trying again\n"


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_a_terminal_shows_the_seconds_and_then_size_and_path() -> None:
    """At most two pictures of the line a second, besides the first and the last."""
    from tests.faults.world import terminal

    with SandboxThread(latency=(2.5, 2.5)) as box:
        keys = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": "k.canary"}
        code, shown = terminal("gen", "cat", "-s", "512x512", "-o", "cat.png", **keys)
    text = shown.decode()
    assert code == 0
    seconds = re.findall(r"is drawing: (\d:\d\d) of about 5–10 s", text)
    assert {"0:00", "0:01", "0:02"} <= set(seconds)
    assert len(seconds) <= 8, seconds
    assert re.search(r"saved PNG 512x512, \d+ KiB, sandbox, \d\.\d s", text)
    assert "cat.png\r\n" in text


def test_what_is_urgent_stands_alone_for_a_while() -> None:
    """Behind the line of progress it would be cut off."""
    clock = Clock()
    line = progress(clock)
    line.note("stopped by SIGINT", urgent=True)
    clock.now = 3.0
    assert line.text() == "stopped by SIGINT"
    clock.now = 20.0
    assert line.text().startswith("cogview-4-250304 is drawing: 0:20")
