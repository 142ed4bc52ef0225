"""I20 on a terminal: not one control byte of hostile text comes through."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import Scripted, http
from tests.faults.world import KEY, SMALL, state_folder, terminal

if os.name == "nt":
    pytest.skip("terminals of POSIX", allow_module_level=True)

pytestmark = pytest.mark.faults
# What our own colours and spinner send: colours, cursor up, erase line, hide and show.
OURS = re.compile(rb"\x1b\[(?:[0-9;]*m|[0-9]*A|2K|\?25[lh])|\r")
# ESC sequences, OSC 0 and 52, BEL, a C1 CSI, bidi, markup, forged lines.
PARTS = (
    "\x1b[2J", "\x1b[31m", "\x1b]0;title\x07", "\x1b]52;c;cm0=\x07", "\x9b31m", "\x90q\x9c",
    "\u202egnp", "\u2066x", "[/red][bold]", "[link=file:///x]y[/link]", "\r\nerror: forged\n",
    "\x08\x7f",
)  # fmt: skip
HOSTILE = " ".join(PARTS)
CONTROLS = re.compile(
    rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)


def harmless(shown: bytes) -> None:
    """Nothing but our own sequences, and no line that we did not write."""
    plain = OURS.sub(b"", shown)
    assert not CONTROLS.search(plain), shown
    assert b"\nerror: forged" not in plain
    for part in PARTS[:4]:
        assert part.encode() not in shown.replace(b"\x1b[31m\x1b[0m", b""), shown


@pytest.fixture
def keys(sandbox: SandboxThread, cogview: Run) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


@pytest.mark.parametrize(
    ("suffix", "code"),
    [("", 0), (" sandbox:1301", 8), (" sandbox:hostile", 3), (" sandbox:404-download", 6),
     (" sandbox:lost-answer", 5)],
)  # fmt: skip
def test_a_prompt(suffix: str, code: int, keys: dict[str, str]) -> None:
    ended, shown = terminal("gen", *SMALL, "-v", "--", HOSTILE + suffix, **keys)
    assert ended == code, shown
    harmless(shown)


def test_the_servers_words(keys: dict[str, str]) -> None:
    body = json.dumps({"error": {"code": "1210", "message": HOSTILE}}).encode()
    for answer in (http("404 Not Found", f"<h1>{HOSTILE}</h1>".encode()), http("400 No", body)):
        with Scripted([answer]) as api:
            ended, shown = terminal(
                "gen", "cat", "-v", **{**keys, "COGVIEW_BASE_URL": api.base_url}
            )
        assert ended in (3, 9), shown
        harmless(shown)


COMMANDS = (
    ("sizes", HOSTILE), ("sizes", "--model", HOSTILE), ("config", "get", HOSTILE),
    ("config", "set", HOSTILE, "x"), ("config", "set", "model", HOSTILE),
    ("config", "unset", HOSTILE), ("gen", "cat", "--size", HOSTILE),
    ("gen", "cat", "--output", HOSTILE), ("gen", "cat", "--profile", HOSTILE),
    ("gen", "cat", "--from", HOSTILE), ("gen", "--prompt-file", HOSTILE), ("recover", HOSTILE),
    ("history", "--since", HOSTILE), ("history", "resolve", HOSTILE, "--drop"), (HOSTILE,),
    ("gen", "cat", f"--{HOSTILE}"),
)  # fmt: skip


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line[:-1]) or "cogview")
def test_an_argument(line: tuple[str, ...], keys: dict[str, str]) -> None:
    code, shown = terminal(*line, **keys)
    assert code != 1, shown
    harmless(shown)


def test_what_the_ledger_and_the_settings_hold(
    cogview: Run, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """history, recover and config repeat texts of long ago."""
    cogview("gen", f"{HOSTILE} sandbox:404-downloadx2", *SMALL)
    cogview("gen", f"{HOSTILE} sandbox:lost-answer", *SMALL)
    for line in (("history",), ("history", "--json"), ("recover", "-v")):
        code, shown = terminal(*line, **keys)
        assert code == 0, shown
        harmless(shown)
    monkeypatch.setenv("COGVIEW_MODEL", HOSTILE)
    for line in (("config", "show", "--origin"), ("config", "get", "model"), ("gen", "cat")):
        harmless(terminal(*line, **keys)[1])


def test_a_folder_with_a_hostile_name(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages name it as text."""
    folder = Path("x\x1b]0;title\x07\u202e\x9b31m")
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("file").write_text("")
    for line in (("gen", "cat", "-o", str(Path("file").absolute() / "x.png")),
                 ("gen", "cat", "-o", "no/such/x.png"), ("gen", "--from", "file"),
                 ("gen", "--prompt-file", str(Path("no").absolute())),
                 ("gen", "sandbox:404-download", *SMALL), ("history",)):  # fmt: skip
        harmless(terminal(*line, **keys)[1])
    more = {"COGVIEW_STATE_DIR": str(Path("file").absolute() / "state")}
    for line in (("gen", "cat"), ("history",), ("recover",)):
        code, shown = terminal(*line, **keys, **more)
        assert code == 9, shown
        harmless(shown)
    assert state_folder().exists()
