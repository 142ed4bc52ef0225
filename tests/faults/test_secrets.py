"""I17: the key is in the request only; the signed part of a link is in the ledger only."""

from __future__ import annotations

import gzip
import html
import os
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import Scripted, http, picture
from tests.faults.world import (
    KEY,
    SMALL,
    history,
    images,
    run,
    running,
    state_folder,
    states,
    until,
)

pytestmark = pytest.mark.faults
CANARY = "canary"  # no part of the key that tells anything may be found either
FAULTS = (
    "jpeg", "1302x1", "1002", "1301", "html-500", "redirect", "lost-answer", "cut-early", "hostile",
    "404-download", "bomb-download", "redirect-private", "two-images", "private-url", "b64",
)  # fmt: skip
COMMANDS = (
    "recover", "recover --json", "history", "history --json", "history --unknown", "config show",
    "config show --origin", "config show --json", "config get api-key", "config path",
    "config check", "gen cat --dry-run --json", "--help", "gen --help",
)  # fmt: skip


def files_with(needle: bytes, folder: Path) -> list[Path]:
    """Every file below `folder` whose bytes hold it."""
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def drive(cogview: Run, faults: tuple[str, ...] = FAULTS) -> str:
    """Everything `cogview` says over faults and commands, as loud as it gets."""
    lines = [("--debug", fault) for fault in faults] + [("--json", "webp"), ("-v", "404-download")]
    ended = [
        cogview("gen", *SMALL, loud, "--max-wait", "0.2", "--", f"cat {loud} sandbox:{fault}")
        for loud, fault in lines
    ] + [cogview(*command.split()) for command in COMMANDS]
    return "".join(one.out + one.err for one in ended)


def test_i17_key_and_signed_link_are_found_nowhere(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path
) -> None:
    """Not in output, log, ledger, sidecar, picture or temporary file; not at the image host.

    The link's signature is in the ledger, which needs it.
    """
    shown = drive(cogview)
    assert CANARY not in shown and "Signature=" not in shown and "UCloudPublicKey" not in shown
    assert files_with(CANARY.encode(), tmp_path) == []
    assert files_with(b"Signature=", tmp_path) == [state_folder() / "ledger.db"]
    assert sandbox.books.leaks == [] and "saved" in states()
    for path in images():
        with Image.open(path) as image:
            image.load()
            assert CANARY not in str(image.info) + str(dict(image.getexif()))


def test_i17_a_key_kept_in_the_config_file_is_there_and_nowhere_else(
    cogview: Run, tmp_path: Path, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given on stdin; the file is private."""
    monkeypatch.delenv("COGVIEW_API_KEY")
    ended = run("config", "set", "api-key", data=KEY.encode() + b"\n")
    assert ended.code == 0 and CANARY not in ended.out + ended.err, ended
    assert CANARY not in drive(cogview, ("jpeg", "1002"))
    (path,) = files_with(CANARY.encode(), tmp_path)
    assert path.name == "config.toml" and path.stat().st_mode & 0o777 == 0o600
    assert "saved" in states()


@pytest.mark.parametrize("how", ["environment", "command", "file"])
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc here")
def test_i17_no_process_shows_the_key_in_its_command_line(
    how: str, cogview: Run, sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(KEY)
    if how != "environment":
        monkeypatch.delenv("COGVIEW_API_KEY")
    if how == "command":
        monkeypatch.setenv("COGVIEW_API_KEY_COMMAND", f"cat '{tmp_path / 'key'}'")
    if how == "file":
        assert run("config", "set", "api-key", data=KEY.encode()).code == 0
    with running("gen", "sandbox:silent", "--debug"):
        until(lambda: sandbox.books.charges)
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert CANARY.encode() not in line.read_bytes(), line
            except OSError:  # it has ended
                continue


def test_i17_an_echo_of_the_key_by_the_server_is_not_repeated(cogview: Run, tmp_path: Path) -> None:
    """A server, or something in between, that answers with the request's own header."""
    body = b'{"error":{"code":"1002","message":"bad token Bearer ' + KEY.encode() + b'"}}'
    for answer in (
        http("401 Unauthorized", body),
        http("404 Not Found", b"<h1>Bearer " + KEY.encode() + b"</h1>"),
        http("500 Oops", b"Bearer " + KEY.encode()),
    ):
        with Scripted([answer]) as api:
            ended = cogview("gen", "cat", "--base-url", api.base_url, "--debug")
        assert KEY not in ended.out + ended.err, ended
    assert files_with(KEY.encode(), tmp_path) == []


ESCAPED = "".join(f"\\u{ord(char):04x}" for char in KEY)
PERCENT = "".join(f"%{ord(char):02X}" for char in KEY)
SPELLED = {
    "UTF-16": (KEY, "utf-16"),
    "UTF-32 BE": (KEY, "utf-32-be"),
    "escapes": (ESCAPED, "utf-8"),
    "some escapes": (KEY.replace("-", "\\u002d"), "utf-8"),
    "escapes in UTF-16": (ESCAPED, "utf-16-le"),
    "escaped twice": (ESCAPED.replace("\\", "\\\\"), "utf-8"),
    "percent": (PERCENT, "utf-8"),
    "HTML": (KEY.replace("-", "&#45;"), "utf-8"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("spelling", SPELLED)
def test_i17_an_echo_in_another_spelling_is_not_repeated_either(
    spelling: str, packed: bool, cogview: Run, tmp_path: Path
) -> None:
    """Neither in words, nor in JSON, nor in any file, nor in the request for the picture."""
    spelled, encoding = SPELLED[spelling]
    pack = gzip.compress if packed else bytes
    refused = f'{{"error":{{"code":"1002","message":"bad token {spelled}"}}}}'
    for loud in ("--json", "--debug"):
        answer = pack(refused.encode(encoding))
        with Scripted([http("401 Unauthorized", answer, f"X-Request-Id: {spelled}")]) as api:
            ended = cogview("gen", "cat", "--base-url", api.base_url, loud)
        assert ended.code == 4 and "bad token ***" in ended.out + ended.err, ended
        _check_blotted(ended.out + ended.err, tmp_path)
    with Scripted([], [http("200 OK", picture())]) as api:
        link = f"{api.origin}/1.png?k={spelled}"
        paid = f'{{"created":1,"id":"{spelled}","data":[{{"url":"{link}"}}]}}'
        api._steps[b"POST"] = [http("200 OK", pack(paid.encode(encoding)))]
        ended = cogview("gen", "cat", "--base-url", api.base_url, "--json")
        assert (ended.code, len(images())) == (0, 1), ended
        (asked,) = (one for one in api.requests if one.startswith(b"GET"))
    _check_blotted(ended.out + ended.err + asked.decode(), tmp_path)


def _check_blotted(shown: str, folder: Path) -> None:
    everything = shown.encode() + b"".join(
        path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )
    narrow = everything.replace(b"\0", b"")
    for spelled in {KEY, *(spelled for spelled, _ in SPELLED.values())}:
        assert spelled.lower().encode() not in narrow.lower(), spelled
    assert CANARY not in html.unescape(unquote(narrow.decode("utf-8", "replace")))


def test_i17_no_argument_takes_the_key(cogview: Run, sandbox: SandboxThread) -> None:
    assert "--api-key" not in cogview("gen", "--help").out
    assert cogview("gen", "cat", "--api-key", "x").code == 2
    assert not sandbox.books.posts


@pytest.mark.parametrize("then", ["gen", "recover"])
def test_i17_an_expired_link_leaves_the_ledger_with_the_next_run(
    then: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of the file's bytes, free pages included."""
    path = state_folder() / "ledger.db"
    for number in range(6):
        assert cogview("gen", f"cat {number}", *SMALL).code == 0
    signatures = [_signature(entry.answer.raw) for entry in history() if entry.answer]
    assert len(set(signatures)) == 6 and all(one in path.read_bytes() for one in signatures)
    later = formatdate(time.time() + 9 * 86400, usegmt=True)
    monkeypatch.setattr("cogview_cli.sandbox.wire.formatdate", lambda **_: later)
    assert cogview("gen", "what the server's clock says", *SMALL).code == 0
    assert cogview(*(("gen", "dog", *SMALL) if then == "gen" else ("recover",))).code == 0
    left = path.read_bytes()
    assert not [one for one in signatures if one in left]


def _signature(raw: bytes) -> bytes:
    return raw.partition(b"Signature=")[2].partition(b"&")[0]


def test_i17_a_traceback_of_a_bug_holds_no_key(sandbox: SandboxThread) -> None:
    """A whole process, with Python's own tracebacks as verbose as they get."""
    code = (
        "import sys; from cogview_cli.api import client\n"
        "async def bug(self, *_): raise RuntimeError('a bug')\n"
        "client.ApiClient._exchange = bug\n"
        "from cogview_cli.app import main; sys.exit(main(['gen', 'cat', '--debug']))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        env={**os.environ, "COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert CANARY.encode() not in done.stdout + done.stderr, done
