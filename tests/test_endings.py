"""However a run ends: the exit code, and what the last JSON object says of it, are one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.commands import gen
from cogview_cli.errors import CogviewError, ExitCode, MachineError
from cogview_cli.outcome import Outcome
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter
from tests.conftest import Ended, Run

ROOT = Path(__file__).parents[1]
SMALL = ("-s", "512x512")
ERROR = {"type", "code", "message", "hint", "exit_code"}
CODES = {code.name.lower() for code in ExitCode}


def objects(ended: Ended) -> list[dict[str, Any]]:
    """The objects of a run, which keep all promises that do not depend on how it ended."""
    found: list[dict[str, Any]] = [json.loads(line) for line in ended.out.splitlines()]
    assert [each.pop("schema", None) for each in found] == [1, *[None] * (len(found) - 1)]
    for each in found:
        assert each.get("type") != "error" or (set(each) == ERROR and each["code"] in CODES), ended
    assert "summary" not in [each.get("type") for each in found[:-1]], ended
    assert found[-1].get("exit_code", 0) == ended.code, ended
    assert "Traceback" not in ended.err
    return found


Prepare = Callable[[pytest.MonkeyPatch], None]


def nothing(_: pytest.MonkeyPatch) -> None:
    """The world as it is."""


def no_key(patch: pytest.MonkeyPatch) -> None:
    patch.delenv("COGVIEW_API_KEY")


def broken_config(_: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ["COGVIEW_CONFIG_DIR"])
    folder.mkdir()
    (folder / "config.toml").write_text("model = \n")


def no_state(patch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    patch.setenv("COGVIEW_STATE_DIR", str(Path("file").absolute() / "state"))


def no_folder(_: pytest.MonkeyPatch) -> None:
    Path("here").mkdir()
    Path("here").rename("gone")
    os.chdir("gone")
    Path.cwd().rmdir()


def raising(error: BaseException) -> Prepare:
    def prepare(patch: pytest.MonkeyPatch) -> None:
        def run(*_: object) -> int:
            raise error

        patch.setattr(gen, "run", run)

    return prepare


BEFORE = [
    (("gne",), nothing, 2),
    (("--nope",), nothing, 2),
    (("gen", "cat", "--nope"), nothing, 2),
    (("gen", "cat", "dog"), nothing, 2),
    (("gen", ""), nothing, 2),
    (("gen", "cat", "-s", "1x1"), nothing, 2),
    (("gen", "cat", "-n", "0"), nothing, 2),
    (("gen", "cat", "--max-cost", "0.01"), nothing, 7),
    (("gen", "cat", "-o", "-"), nothing, 2),
    (("gen", "cat"), no_key, 4),
    (("gen", "cat"), broken_config, 9),
    (("gen", "cat"), no_state, 9),
    (("gen", "cat"), no_folder, 9),
    (("gen", "cat"), raising(ZeroDivisionError("x")), 1),
    (("gen", "cat"), raising(KeyboardInterrupt()), 130),
    (("batch", "missing.txt"), nothing, 2),
    (("batch", "p.txt", "--shard", "x"), nothing, 2),
    (("batch", "p.txt"), no_key, 4),
    (("batch", "p.txt"), no_state, 9),
    (("batch", "bad.jsonl"), nothing, 2),
    (("recover", "wrong"), nothing, 2),
    (("recover",), no_state, 9),
    (("recover", "--nope"), nothing, 2),
    (("history", "--since", "x"), nothing, 2),
    (("history",), no_state, 9),
    (("history", "resolve", "wrong", "--drop"), nothing, 2),
    (("gallery", "missing"), nothing, 2),
    (("sizes", "bogus"), nothing, 2),
    (("sizes", "500x500"), nothing, 2),
    (("config", "show"), broken_config, 9),
    (("config", "check", "--profile", "nope"), nothing, 2),
    (("config",), nothing, 2),
    (("sandbox",), nothing, 2),
    (("help",), nothing, 2),
]  # fmt: skip


@pytest.mark.parametrize(("line", "prepare", "code"), BEFORE)
def test_an_error_outside_any_image_is_one_object(
    line: tuple[str, ...],
    prepare: Prepare,
    code: int,
    cogview: Run,
    sandbox: SandboxThread,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("p.txt").write_text("cat\n")
    Path("bad.jsonl").write_text('{"prompt": 1}\n{"prompt": "x"}\n')
    prepare(monkeypatch)
    ended = cogview(*line, "--json")
    *_, error = objects(ended)
    assert (ended.code, error["type"]) == (code, "error"), ended
    assert error["code"] == ExitCode(code).name.lower() and error["message"]
    assert ended.err == "" if code == 130 else ended.err.startswith("error: "), ended
    assert not sandbox.books.posts


def test_its_code_is_english_and_its_message_is_not(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (english,) = objects(cogview("gen", "cat", "-s", "1x1", "--json"))
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    (chinese,) = objects(cogview("gen", "cat", "-s", "1x1", "--json"))
    assert english["code"] == chinese["code"] == "usage"
    assert english["message"] != chinese["message"]


@pytest.mark.parametrize("word", ["--json", "--debug"])
def test_a_prompt_that_is_an_option_asks_for_nothing(cogview: Run, word: str) -> None:
    ended = cogview("gen", "-s", "1x1", "--", word)
    assert (ended.code, ended.out) == (2, "") and "Traceback" not in ended.err


OUTCOMES = [
    ("cat", 0), ("cat sandbox:1301", 8), ("cat sandbox:1210", 3), ("cat sandbox:lost-answer", 5),
    ("cat sandbox:1113", 4), ("cat sandbox:1308", 7), ("cat sandbox:bomb-download", 6),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "code"), OUTCOMES)
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_outcomes_add_up_to_the_exit_code(
    command: str, prompt: str, code: int, cogview: Run
) -> None:
    Path("p.txt").write_text(f"{prompt}\n")
    line = ("gen", prompt) if command == "gen" else ("batch", "p.txt", "--report", "r.json")
    ended = cogview(*line, *SMALL, "-o", "out/", "--json", "--retries", "0")
    assert ended.code == (3 if (command, code) == ("batch", 8) else code), ended
    assert objects(ended)[-1]["type"] == "summary"
    if command == "batch":
        assert json.loads(Path("r.json").read_text())["summary"]["exit_code"] == ended.code


def test_dry_runs(cogview: Run) -> None:
    Path("p.txt").write_text("cat\n")
    for line in (("gen", "cat"), ("batch", "p.txt")):
        assert objects(cogview(*line, "--dry-run", "--json"))[-1]["exit_code"] == 0
        assert "schema" not in cogview(*line, "--dry-run").out


@pytest.mark.parametrize("error", [MachineError("no room"), ZeroDivisionError("x")])
@pytest.mark.parametrize(("prompt", "code"), [("cat sandbox:lost-answer", 5), ("cat", None)])
@pytest.mark.parametrize("command", ["gen", "batch", "recover"])
def test_an_error_after_outcomes_counts_by_its_rank(
    command: str,
    prompt: str,
    code: int | None,
    error: Exception,
    cogview: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is told of the run before the summary never differs from how the process ends."""
    Path("p.txt").write_text(f"{prompt}\n")
    if command == "recover":
        cogview("gen", "cat sandbox:bomb-download", *SMALL)
        prompt, code = "", 6
    told = Reporter.data

    def data(self: Reporter, outcome: Outcome) -> None:
        told(self, outcome)
        raise error

    monkeypatch.setattr(Reporter, "data", data)
    lines = {"gen": ("gen", prompt, *SMALL), "batch": ("batch", "p.txt", *SMALL)}
    ended = cogview(*lines.get(command, ("recover",)), "--json", "--quiet")
    found = objects(ended)
    assert [each["type"] for each in found] == ["image", "error", "summary"], ended
    assert ended.code == (code or int(getattr(error, "exit_code", 1))), ended


@pytest.mark.parametrize("lost", [output.StdoutClosed(), MachineError("no room")])
@pytest.mark.parametrize("command", ["gen", "batch", "recover"])
def test_a_summary_that_cannot_be_written_is_told_to_the_report_and_by_the_exit_code(
    command: str, lost: Exception, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("p.txt").write_text("cat\n")
    write = output.write_json

    def no_summary(record: dict[str, Any]) -> None:
        if record["type"] == "summary":
            raise lost
        write(record)

    for module in ("cogview_cli.terminal.output", "cogview_cli.terminal.reporter"):
        monkeypatch.setattr(f"{module}.write_json", no_summary)
    lines = {
        "gen": ("gen", "cat", *SMALL), "batch": ("batch", "p.txt", *SMALL, "--report", "r.json"),
        "recover": ("recover",),
    }  # fmt: skip
    ended = cogview(*lines[command], "--json")
    assert ended.code == int(lost.exit_code), ended  # type: ignore[attr-defined]
    if command == "batch":
        assert json.loads(Path("r.json").read_text())["summary"]["exit_code"] == ended.code


# What every command does with a stdout that takes nothing.

COMMANDS = [
    (), ("--help",), ("--version",), ("gen", "--help"), ("help", "exit-codes"), ("sizes",),
    ("sizes", "--json"), ("config", "path"), ("config", "show"), ("config", "show", "--json"),
    ("config", "get", "model"), ("gen", "cat", "--dry-run"), ("gen", "cat", "--dry-run", "--json"),
    ("gen", "cat", "--sandbox", *SMALL), ("gen", "cat", "--sandbox", *SMALL, "--json"),
    ("gen", "cat", "--sandbox", *SMALL, "-o", "-"), ("batch", "p.txt", "--sandbox", *SMALL),
    ("batch", "p.txt", "--sandbox", *SMALL, "--json"), ("batch", "p.txt", "--dry-run"),
    ("recover", "--json"), ("gallery", "out"),
]  # fmt: skip
ODD = [("gen", "--nope", "--json"), ("recover", "wrong", "--json")]


def as_for_users() -> dict[str, str]:
    """The environment, but for what makes Python write without a buffer, as test machines do."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def _with(stdout: str, line: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cogview_cli", *line]
    shell = {"closed pipe": None, "full": '"$@" > /dev/full', "none": '"$@" >&-'}[stdout]
    wrapped = command if shell is None else ["/bin/sh", "-c", shell, "sh", *command]
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(
            wrapped, env=as_for_users(), stdin=subprocess.DEVNULL, stdout=write,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(write)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a full device")
@pytest.mark.parametrize(("stdout", "code"), [("closed pipe", 141), ("full", 9), ("none", 9)])
@pytest.mark.parametrize("line", [*COMMANDS, *ODD], ids=" ".join)
def test_a_stdout_that_takes_nothing(
    line: tuple[str, ...], stdout: str, code: int, cogview: Run
) -> None:
    Path("p.txt").write_text("cat\n")
    if line[:1] == ("gallery",):
        cogview("gen", "cat", *SMALL, "-o", "out/")
    done = _with(stdout, line)
    if stdout == "none" and "--help" in line:
        code = 0  # the parser's own printing takes a stdout that was never there in silence
    assert done.returncode == code, done
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr, done
    assert b"this is a bug" not in done.stderr


WITH_STDERR = {
    ("nosuch",): 2, ("sizes", "3x3"): 2, ("batch", "nofile.csv", "--json"): 2, ("recover",): 0,
    ("gen", "cat", "--sandbox", *SMALL, "--debug", "--json"): 0,
}  # fmt: skip
STDERR = {"full": "2> /dev/full", "read-only": "2< /dev/null", "none": "2>&-", "closed pipe": ""}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a full device")
@pytest.mark.parametrize("stderr", STDERR)
@pytest.mark.parametrize("line", WITH_STDERR, ids=" ".join)
def test_a_stderr_that_takes_nothing_changes_no_exit_code(
    line: tuple[str, ...], stderr: str
) -> None:
    command = [sys.executable, "-m", "cogview_cli", *line]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {STDERR[stderr]}', "sh", *command],
        env=as_for_users(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=write,
        check=False,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == WITH_STDERR[line], done


@pytest.mark.skipif(os.name == "nt", reason="a folder in use cannot be removed")
@pytest.mark.parametrize(
    "line", [("gen", "cat", "--sandbox", *SMALL), ("batch", "-", "--sandbox"), ("gallery",)]
)
def test_a_current_folder_that_is_gone_is_named(line: tuple[str, ...], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone,
         sys.executable, "-m", "cogview_cli", *line],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, input=b"cat\n", capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 9 and b"the current folder is gone" in done.stderr, done


def test_every_error_has_a_code_of_its_own() -> None:
    assert CogviewError("x").code == "bug"
    assert MachineError("x").code == "machine"
