"""I1, I2, I9, I10, I12, I14-I22: what users type, files they give, text that is hostile."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.ledger import Ledger
from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import Case, check_streams, run_case
from tests.faults.peers import Scripted, http, inline
from tests.faults.world import (
    KEY,
    SMALL,
    UNSAFE,
    files,
    history,
    images,
    run,
    state_folder,
    states,
    terminal,
)

pytestmark = pytest.mark.faults
CASES = [
    Case(id="I20 hostile words of the server", fault="hostile", code=3, state="rejected"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, cogview: Run, sandbox: SandboxThread) -> None:
    run_case(case, cogview, sandbox)


@pytest.fixture
def keys(sandbox: SandboxThread, cogview: Run) -> dict[str, str]:
    """The environment of a process that uses the sandbox."""
    return {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}


def refused(ended: Ended, box: SandboxThread, code: int, *words: str) -> None:
    """Told before anything is sent, with what to do next."""
    assert ended.code == code, ended
    check_streams(ended)
    assert ended.out == "" and all(word in ended.err for word in words), ended
    assert not box.books.posts and files() == []


# --- I1, I2, I9, I10: wrong before it is sent --------------------------------


@pytest.mark.parametrize(
    "prompt", ["", " \t\n", "\u3000", "\ufeff", "\ufeff \n"], ids=lambda p: f"I1 {p!a}"
)
@pytest.mark.parametrize("how", ["argument", "stdin"])
def test_an_empty_prompt(
    prompt: str, how: str, cogview: Run, sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    if how == "argument":
        refused(cogview("gen", prompt), sandbox, 2, "prompt")
    else:
        refused(run("gen", data=prompt.encode(), **keys), sandbox, 2, "prompt")


def test_i2_an_argument_that_is_no_utf8_names_the_byte(
    sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    refused(run("gen", os.fsdecode(b"caf\xe9"), **keys), sandbox, 2, "0xe9", "--prompt-file")


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"caf\xe9", "0xe9"), (b"\xff\xfe\x2b", "UTF-8"), (b"a\0b", "NUL"),
     (b"x" * (2**20 + 1), "1 MiB")],
    ids=["I2 latin-1", "I2 half a UTF-16", "I22 NUL", "I20 over 1 MiB"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_a_prompt_that_is_no_text(
    data: bytes, word: str, how: str, cogview: Run, sandbox: SandboxThread, tmp_path: Path,
    keys: dict[str, str],
) -> None:  # fmt: skip
    (tmp_path / "p.txt").write_bytes(data)
    if how == "file":
        refused(cogview("gen", "--prompt-file", str(tmp_path / "p.txt")), sandbox, 2, word)
    else:
        refused(run("gen", data=data, **keys), sandbox, 2, word)


@pytest.mark.parametrize("arguments", [("gen",), ("gen", "-")], ids=["I9 nothing", "I9 dash"])
def test_a_terminal_is_not_waited_for(
    arguments: tuple[str, ...], sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    code, shown = terminal(*arguments, **keys)
    assert code == 2 and b"hint: " in shown, shown
    assert not sandbox.books.posts


@pytest.mark.parametrize(
    "arguments",
    [("cat", "--prompt-file", "x"), ("-", "--prompt-file", "x"), ("--prompt-file", "no.txt")],
    ids=["I9 prompt and file", "I9 dash and file", "I9 no such file"],
)
def test_prompts_that_contradict(
    arguments: tuple[str, ...], cogview: Run, sandbox: SandboxThread
) -> None:
    refused(cogview("gen", *arguments), sandbox, 2)


SIZES = ["1000x1024", "10e9x1", "0x0", "511x512", "2064x512", "99999999999999999999x16", "-16x512"]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"I10 {size}")
def test_a_size_that_is_none(size: str, cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", f"--size={size}"), sandbox, 2, "--size")


# --- I12: money --------------------------------------------------------------


def test_i12_max_cost_is_never_crossed(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "cat", *SMALL, "-n", "3", "--max-cost", "0.10")
    assert ended.code == 7, ended
    assert (len(images()), sandbox.books.posts.total(), states()) == (1, 1, ["saved"])


@pytest.mark.parametrize(("fault", "code"), [("lost-answer", 5), ("filtered", 7)])
def test_i12_what_may_have_been_paid_counts(
    fault: str, code: int, cogview: Run, sandbox: SandboxThread
) -> None:
    """The vendor does not say that a filtered picture is free."""
    ended = cogview("gen", f"sandbox:{fault}", *SMALL, "-n", "2", "--max-cost", "0.06")
    assert ended.code == code, ended
    assert (sandbox.books.posts.total(), str(sandbox.books.cost)) == (1, "0.06")


# --- I13: names --------------------------------------------------------------

NAMES = ["猫" * 86, "x" * 300, "CON", "x."]
PATHS = ["../x", "/etc/x", "a\0b", "-rf", "a\n\x1b[31mb", "..", "~"]


@pytest.mark.parametrize(
    ("name", "output"),
    [*((name, "{slug}.png") for name in NAMES + PATHS), *((name, f"{name}.png") for name in NAMES)],
    ids=lambda part: f"I13 {part[:8]!a}",
)
def test_a_name_stays_in_its_folder(name: str, output: str, cogview: Run, tmp_path: Path) -> None:
    """Whatever the prompt is, and whatever file name is asked for."""
    ended = cogview("gen", *SMALL, f"--output=out/{output}", "--", name)
    assert ended.code == 0, ended
    (path,) = images()
    check(path)
    assert path.parent == tmp_path / "work" / "out"
    assert len(f"{path.name}.json".encode()) <= 255 and not UNSAFE.search(path.name)
    assert not path.name.startswith((".", "-", "~")) and path.stem.lower() != "con"


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[31mb"], ids=lambda name: f"I13 {name!a}")
def test_a_control_character_is_no_output(name: str, cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", f"--output=out/{name}.png"), sandbox, 2, "--output")


# --- I14, I15, I16, I18: settings and the key --------------------------------


def config(text: str, mode: int = 0o600) -> Path:
    path = Path(os.environ["COGVIEW_CONFIG_DIR"]) / "config.toml"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(text.encode())
    path.chmod(mode)
    return path


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("how", ["I14 0644", "I14 0640", "I14 link", "I14 another owner"])
def test_a_key_others_can_reach(
    how: str,
    cogview: Run,
    sandbox: SandboxThread,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    modes = {"I14 0644": 0o644, "I14 0640": 0o640}
    path = config(f'api_key = "{KEY}"\n', modes.get(how, 0o600))
    if "link" in how:
        path.symlink_to(path.rename(tmp_path / "elsewhere.toml"))
    if "owner" in how:
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    refused(cogview("gen", "cat"), sandbox, 9, "chmod 600", str(path))


BROKEN = {
    "I15 broken": ("model = \n", 1),
    "I15 unknown key": ('\nmodle = "x"\n', 2),
    "I15 wrong type": ("\n\ntier = 7\n", 3),
    "I15 bad value": ('size = "x"\n', 1),
    "I15 hostile name": ('"\\u001b[2J" = 1\n', 1),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_config_file_that_is_wrong(how: str, cogview: Run, sandbox: SandboxThread) -> None:
    text, line = BROKEN[how]
    path = config(text)
    refused(cogview("gen", "cat"), sandbox, 9, f"{path}:{line}")


@pytest.mark.parametrize("outer", ["\n", " ", "\t", "\r\n"], ids=lambda o: f"I16 {o!r}")
def test_blanks_around_a_key_are_not_part_of_it(
    outer: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted([inline()]) as api:
        monkeypatch.setenv("COGVIEW_API_KEY", f"{outer}{KEY}{outer}")
        assert cogview("gen", "cat", "--base-url", api.base_url).code == 0
        assert f"Authorization: Bearer {KEY}\r\n".encode() in api.seen


@pytest.mark.parametrize(
    "key",
    [f"{KEY} x", f"{KEY}\nX-Evil: 1", f"{KEY}\r\nx", f'"{KEY}"', f"{KEY}猫", f"{KEY}\x1b"],
    ids=["I16 blank", "I16 LF", "I16 CR LF", "I16 quotes", "I16 CJK", "I16 ESC"],
)
def test_a_key_that_cannot_be_one(
    key: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never repeated, whole or in part."""
    monkeypatch.setenv("COGVIEW_API_KEY", key)
    refused(cogview("gen", "cat"), sandbox, 4, "COGVIEW_API_KEY")
    assert "canary" not in cogview("gen", "cat", "--debug").err


@pytest.mark.parametrize("key", ["invalid.key", "x"], ids=["I16 refused", "I16 any"])
def test_a_wrong_key_is_the_api_to_judge(
    key: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_API_KEY", key)
    ended = cogview("gen", "cat", *SMALL)
    assert ended.code == (4 if key.startswith("invalid") else 0), ended
    assert sandbox.books.posts.total() == 1


URLS = ["http://example.com/v4", "http://localhost.example.com/v4", "http://127.0.0.1.example.com",
        "http://user@10.0.0.1/v4", "http://[::ffff:10.0.0.1]/v4", "ftp://127.0.0.1"]  # fmt: skip


@pytest.mark.parametrize("url", URLS, ids=lambda url: f"I18 {url}")
def test_the_key_goes_nowhere_without_tls(url: str, cogview: Run, sandbox: SandboxThread) -> None:
    """Loopback only; conftest fails a test that connects to anything else."""
    ended = cogview("gen", "cat", "--base-url", url)
    assert ended.code in (2, 9), ended
    refused(ended, sandbox, ended.code)


# --- I19-I22: text ------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids=["I19 LC_ALL=C", "I19 ascii"],
)
def test_cjk_without_a_utf8_locale(
    more: dict[str, str], sandbox: SandboxThread, keys: dict[str, str]
) -> None:
    """Good ends and bad ones."""
    for prompt, code in (("一只猫", 0), ("一只猫 sandbox:1301", 8)):
        ended = run("gen", prompt, *SMALL, "-o", "{slug}.png", "-v", **keys, **more)
        assert ended.code == code and "Traceback" not in ended.err, ended
    assert os.path.exists("一只猫.png".encode())


HOSTILE = (
    "[/red][link=file:///x] \x1b]52;c;eA==\x07 \x1b]0;t\x07 \x9b31m \u202egnp \u2066"
    " \r\nerror: forged"
)


def test_i20_hostile_words_of_the_server_are_shown_escaped_and_cut(cogview: Run) -> None:
    """In every field; no line can be forged."""
    error = {"code": HOSTILE, "message": HOSTILE + "x" * 10**6}
    answer = http("400 Bad Request", json.dumps({"error": error}).encode(), "X-Request-Id: a")
    with Scripted([answer]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-v", "--debug")
    assert ended.code == 3, ended
    check_streams(ended)
    assert "\nerror: forged" not in ended.err and len(ended.err) < 3000
    assert "[/red]" in ended.err


def test_i20_a_hostile_request_id_and_role(cogview: Run) -> None:
    body: dict[str, Any] = {
        "request_id": HOSTILE, "data": [],
        "content_filter": [{"role": HOSTILE, "level": HOSTILE}],
    }  # fmt: skip
    with Scripted([http("200 OK", json.dumps(body).encode())]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
    assert ended.code == 8, ended
    check_streams(ended)
    assert "\nerror: forged" not in ended.err


@pytest.mark.parametrize("command", ["recover", "history", "history --json"])
def test_i20_a_hostile_prompt_comes_back_as_text(command: str, cogview: Run) -> None:
    cogview("gen", f"{HOSTILE} sandbox:404-downloadx2", *SMALL)
    ended = cogview(*command.split())
    assert ended.code == 0, ended
    assert not UNSAFE.search(ended.err) and not re.search("[\x00-\x09\x0b-\x1f]", ended.out)
    assert "\nerror: forged" not in ended.out + ended.err


@pytest.mark.parametrize("more", [(), ("--debug",)], ids=["I21", "I21 --debug"])
def test_a_bug_shows_no_locals_and_no_key(
    more: tuple[str, ...], cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug \x1b[2J")

    monkeypatch.setattr(Ledger, "intend", bug)
    ended = cogview("gen", "cat", *more)
    assert ended.code == 1 and "report it" in ended.err, ended
    assert ("Traceback" in ended.err) == bool(more)
    assert KEY not in ended.err and "canary" not in ended.err
    assert not UNSAFE.search(ended.err), ended


@pytest.mark.parametrize("format", ["original", "png", "jpeg", "webp"])
def test_i22_any_prompt_can_be_drawn_and_kept(format: str, cogview: Run) -> None:
    """NUL and quotes in what the picture carries along."""
    prompt = "a\0b \"c\" 'd' \\ 猫 \U0001f408 \u202e"
    ended = cogview("gen", *SMALL, "--format", format, "--", prompt)
    assert ended.code == 0, ended
    (path,) = images()
    check(path)
    assert json.loads(Path(f"{path}.json").read_text("utf-8"))["prompt"] == prompt
    assert history()[0].body["prompt"] == prompt


def test_i22_a_lone_surrogate_of_the_server_is_kept_as_text(cogview: Run) -> None:
    body = b'{"created":1,"request_id":"\\ud800","data":[{"b64_json":"AAAA"}]}'
    with Scripted([http("200 OK", body)]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
    assert (ended.code, states()) == (6, ["answer"]), ended
    assert not list(state_folder().parent.rglob("*.part"))
