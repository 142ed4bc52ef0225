"""What a run says while it goes on fits the terminal, and stays plain off one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.batch.display import BatchProgress, Display, clock, lines, plain_line, remaining
from cogview_cli.outcome import Outcome, Summary
from cogview_cli.terminal.output import OutputOptions
from cogview_cli.terminal.reporter import Reporter
from cogview_cli.terminal.text import cell_width
from tests.batch.support import FULL, Batch, prompts

COUNT = st.integers(0, 10**9)
SECONDS = st.floats(0, 10**7)
PROGRESS = st.builds(
    BatchProgress,
    total=COUNT,
    done=COUNT,
    saved=COUNT,
    failed=COUNT,
    in_flight=COUNT,
    cost=st.decimals(0, 10**7, places=2).map(str),
    elapsed=SECONDS,
    left=st.none() | SECONDS,
)
SOME = BatchProgress(
    total=200, done=50, saved=47, failed=3, in_flight=5, cost="2.82 CNY", elapsed=61.0, left=183.4
)


@given(PROGRESS, st.integers(1, 300), st.booleans())
def test_no_line_is_wider_than_the_window(progress: BatchProgress, width: int, fancy: bool) -> None:
    progress_of = progress._replace(done=min(progress.done, progress.total))
    shown = lines(progress_of, width, fancy=fancy)
    assert all(cell_width(line) <= width for line in shown)
    assert fancy or all(line.isascii() for line in shown)
    assert not any(ord(char) < 32 for line in shown for char in line)


def test_a_wide_window_shows_everything() -> None:
    bar, detail = lines(SOME, 100)
    assert bar.startswith("━" * 10 + "─" * 30)
    assert bar.endswith(" 50/200   25%  3:03 left")
    assert detail == "saved 47 · in flight 5 · failed 3 · 2.82 CNY · 1:01"


def test_without_utf8_the_bar_is_ascii() -> None:
    bar, detail = lines(SOME, 100, fancy=False)
    assert bar.startswith("#" * 10 + "-" * 30)
    assert detail == "saved 47, in flight 5, failed 3, 2.82 CNY, 1:01"


def test_the_plain_line_says_the_same() -> None:
    assert plain_line(SOME) == (
        "50 of 200: saved 47, failed 3, in flight 5, 2.82 CNY, 1:01 so far, about 3:03 left"
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "?"),
        (0, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (3599.9, "1:00:00"),
        (90061, "25:01:01"),
    ],
)
def test_clock(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown


def test_the_time_left_goes_by_the_pace_so_far() -> None:
    assert remaining(0, 10, 5.0) is None
    assert remaining(5, 10, 0.0) is None
    assert remaining(5, 10, 20.0) == 20.0
    assert remaining(10, 10, 20.0) == 0.0


def test_what_was_there_before_does_not_count_as_pace() -> None:
    summary = Summary(single=False)
    display = Display(
        OutputOptions(quiet=True), Reporter(OutputOptions(quiet=True)), summary,
        total=100, to_send=10, where=str, in_flight=lambda: 3,
    )  # fmt: skip
    summary.counts["skipped"] = 90
    assert display.progress.left is None
    assert (display.progress.done, display.progress.in_flight) == (90, 3)
    summary.counts["saved"], summary.counts["refused"] = 4, 1
    progress = display.progress
    assert (progress.saved, progress.failed, progress.done) == (94, 1, 95)
    assert progress.left == pytest.approx(progress.elapsed, rel=0.5)


def test_now_and_then_a_plain_line_off_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cogview_cli.batch.display.PLAIN_EVERY_SECONDS", 0.0)
    outcome = Outcome(status="refused", row=1, n=1, prompt="cat", model=FULL, size=None)
    for quiet, times in ((False, 1), (True, 0)):
        style = OutputOptions(quiet=quiet)
        summary = Summary(single=False)
        summary.add(outcome)
        display = Display(
            style, Reporter(style), summary, total=2, to_send=2, where=str, in_flight=lambda: 1
        )
        display.outcome(outcome)
        assert capfd.readouterr().err.count("1 of 2: saved 0, failed 1, in flight 1") == times


def test_a_run_off_a_terminal_writes_no_escape(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    prompts("cat", "dog sandbox:1301", "owl sandbox:1302x1")
    ended = batch("-v")
    assert ended.code == 3
    assert not set(ended.out + ended.err) & set("\x1b\r")
