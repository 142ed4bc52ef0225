"""What reaches stdout and stderr, byte by byte."""

from __future__ import annotations

import io
import json
import os
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.outcome import Outcome, Problem, SavedFile, Summary
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter


class Stream(io.TextIOWrapper):
    """A stream of some encoding, on a terminal or not."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def bytes(self) -> bytes:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


Streams = tuple[Stream, Stream]


def caught(monkeypatch: pytest.MonkeyPatch) -> Streams:
    """stdout and stderr from now on; not a fixture, as pytest sets its own for the call."""
    out, err = Stream(), Stream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


def outcome(status: str = "saved", **more: Any) -> Outcome:
    file = SavedFile(
        file="/w/a b.png", sidecar="/w/a b.png.json", format="png",
        width=4, height=2, bytes=2048, sha256="0",
    )  # fmt: skip
    fields: dict[str, Any] = {
        "status": status, "row": 1, "n": 1, "prompt": "p", "model": "m", "size": None,
        "files": (file,) if status in ("saved", "skipped") else (), "cost": Decimal("0.06"),
    }  # fmt: skip
    return Outcome(**{**fields, **more})


def test_a_path_is_one_raw_line(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    Reporter(output.OutputOptions()).outcome(outcome())
    assert streams[0].bytes == b"/w/a b.png\n"
    assert streams[1].bytes == b""


def test_a_path_below_the_current_folder_is_shown_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    Reporter(output.OutputOptions(), relative_to="/w").outcome(outcome())
    assert streams[0].bytes == b"a b.png\n"


def test_a_path_beside_the_folder_stays_absolute() -> None:
    assert Reporter(output.OutputOptions(), relative_to="/w").path("/w2/x") == "/w2/x"


@given(st.text(st.sampled_from("a./\\猫 -"), max_size=12))
def test_a_path_below_the_folder_is_that_of_the_system(rest: str) -> None:
    path = os.path.join("/w", "") + rest
    assert Reporter(output.OutputOptions(), relative_to="/w").path(path) == os.path.relpath(
        path, "/w"
    )


@pytest.mark.skipif(os.name == "nt", reason="file names are bytes on POSIX only")
def test_a_path_that_is_not_utf8_keeps_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    output.write_path(os.fsdecode(b"a\xff.png"), nul=True)
    assert streams[0].bytes == b"a\xff.png\0"


def test_stdout_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Stream("ascii")
    monkeypatch.setattr(sys, "stdout", out)
    output.write_line("猫")
    output.write_bare_json({"prompt": "猫"})
    assert out.bytes.decode() == '猫\n{"prompt": "猫"}\n'


def test_the_first_object_of_each_run_names_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Stream("utf-8")
    monkeypatch.setattr(sys, "stdout", out)
    for _run in range(2):
        output.begin_run()
        output.write_json({"type": "a"})
        output.write_json({"type": "b"})
    one = '{"schema": 1, "type": "a"}\n{"type": "b"}\n'
    assert out.bytes.decode() == one + one


def test_stderr_never_fails_over_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stream("ascii")
    monkeypatch.setattr(sys, "stderr", err)
    output.say("猫")
    assert err.bytes == b"\\u732b\n"


@pytest.mark.parametrize("stream", [None, "closed"])
def test_a_missing_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch, stream: str | None) -> None:
    err = Stream() if stream else None
    if err:
        err.close()
    monkeypatch.setattr(sys, "stderr", err)
    output.say("gone")


def test_a_missing_stdout_is_the_machines_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(MachineError, match="stdout is closed"):
        output.write_line("x")


def test_an_error_has_a_hint_on_its_own_line_without_controls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = caught(monkeypatch)
    output.show_error(CogviewError("bad\x1b[0m\nthing\u202e", hint="do\nthis"))
    assert streams[1].bytes == b"error: bad^[[0m thing\\u202e\nhint: do this\n"


def test_json_line_of_a_failure_holds_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    problem = Problem(
        code="1210", message="m", exit_code=ExitCode.REJECTED, http_status=400, hint="h"
    )
    Reporter(output.OutputOptions(json=True)).outcome(outcome("failed", cost=None, problem=problem))
    found = json.loads(streams[0].bytes)
    found.pop("schema", None)
    assert found == {
        "type": "image", "status": "failed", "index": 1, "n": 1, "prompt": "p", "model": "m",
        "error": {
            "code": "1210", "message": "m", "hint": "h", "http_status": 400, "retryable": False,
        },
    }  # fmt: skip
    assert streams[1].bytes == b"error: m\nhint: h\n"


def test_a_failure_puts_nothing_on_a_plain_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    problem = Problem(code="x", message="m", exit_code=ExitCode.REJECTED)
    Reporter(output.OutputOptions()).outcome(outcome("failed", problem=problem))
    assert streams[0].bytes == b""


def test_skipping_is_said_unless_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    Reporter(output.OutputOptions(quiet=True)).outcome(outcome("skipped"))
    assert streams[1].bytes == b""
    Reporter(output.OutputOptions()).outcome(outcome("skipped"))
    assert streams[1].bytes == b"skipped: /w/a b.png is there already\n"


def test_notes_are_for_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    Reporter(output.OutputOptions()).note("retrying")
    Reporter(output.OutputOptions(verbose=True)).note("retrying \x1b")
    assert streams[1].bytes == b"retrying ^[\n"


def test_the_sum_names_unknown_money(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    summary = Summary(single=False)
    summary.add(outcome())
    problem = Problem(code="x", message="m", exit_code=ExitCode.UNKNOWN)
    summary.add(outcome("unknown", cost=None, price=Decimal("0.06"), problem=problem))
    Reporter(output.OutputOptions()).summary(summary)
    expected = "saved 1 of 2; paid 0.06 CNY; up to 0.12 CNY with the unknown; unknown 1\n"
    assert streams[1].bytes.decode() == expected


def test_the_sandbox_is_never_said_to_be_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    summary = Summary(single=False, sandbox=True)
    reporter = Reporter(output.OutputOptions(verbose=True), sandbox=True)
    for ended in (outcome(), outcome()):
        summary.add(ended)
        reporter.outcome(ended)
    reporter.summary(summary)
    told = streams[1].bytes.decode().splitlines()
    assert told[0] == "saved PNG 4x2, 2 KiB, sandbox"
    assert told[-1] == "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY)"


def test_a_spinner_is_only_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = caught(monkeypatch)
    with Reporter(output.OutputOptions()).working("drawing"):
        pass
    assert (streams[0].bytes, streams[1].bytes) == (b"", b"")


@pytest.mark.parametrize(
    ("terminal", "term", "expected"),
    [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)],
)
def test_a_dumb_terminal_is_none(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, expected: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", Stream(terminal=terminal))
    monkeypatch.setenv("TERM", term)
    assert output.on_terminal() is expected
