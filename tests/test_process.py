"""Whole processes: real signals, closed pipes, bare environments, a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from cogview_cli.engine import pool
from cogview_cli.sandbox.thread import SandboxThread
from tests.processes import COMMAND, environment, on_terminal, until

if os.name == "nt":
    pytest.skip("signals and terminals of POSIX", allow_module_level=True)

SMALL = ("-s", "512x512")
CONTROLS = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


def start(
    box: SandboxThread, *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, "gen", *arguments],
        env=environment(box),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def run(
    box: SandboxThread, *arguments: str, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """`gen` with these arguments to its end."""
    return subprocess.run(
        [*COMMAND, "gen", *arguments],
        env=environment(box) if env is None else env,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )


def states(tmp_path: Path) -> list[str]:
    """The state of every request in the ledger."""
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as ledger:
        return [row[0] for row in ledger.execute("select state from requests")]


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_lets_what_is_in_flight_finish_and_sends_no_more(
    number: signal.Signals, code: int
) -> None:
    with SandboxThread(latency=(0.5, 0.5)) as box:
        process = start(box, "cat", *SMALL, "-n", "8", "--jobs", "2", "-o", "out/", "--json")
        until(lambda: box.books.in_flight == 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert box.books.posts["cat"] == box.books.charges["cat"] == 2
    *images, summary = map(json.loads, out.splitlines())
    assert (summary["saved"], summary["not_sent"], summary["exit_code"]) == (2, 6, code)
    assert len(images) == 8
    assert len(list(Path("out").glob("*.png"))) == len(list(Path("out").glob("*.json"))) == 2
    assert b"Traceback" not in err


def test_a_second_signal_ends_at_once_and_the_ledger_says_unknown(tmp_path: Path) -> None:
    with SandboxThread() as box:
        process = start(box, "cat sandbox:silent", *SMALL, "-v")
        until(lambda: box.books.posts)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert b"stopped by SIGINT" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert time.monotonic() - began < 5
    assert b"Traceback" not in err
    assert states(tmp_path) == ["unknown"]


_AT_THE_END = """
import signal, sys
from cogview_cli.engine import pool

ends, number = pool._Signals.__exit__, int(sys.argv.pop(1))

def then_a_signal(self, *exception):
    ends(self, *exception)
    signal.raise_signal(number)

pool._Signals.__exit__ = then_a_signal
from cogview_cli.__main__ import main

sys.exit(main())
"""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM"])
def test_a_signal_while_the_end_is_told_has_its_code_too(name: str, tmp_path: Path) -> None:
    """Not the default end of a signal, after which no stream is closed and no file unlocked."""
    number = getattr(signal, name)
    with SandboxThread() as box:
        done = subprocess.run(
            [sys.executable, "-c", _AT_THE_END, str(int(number)), "gen", "cat", *SMALL],
            env=environment(box), stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == 128 + number, done
    assert b"Traceback" not in done.stderr
    assert states(tmp_path) == ["saved"]


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM"])
def test_a_signal_in_the_last_moment_of_a_step_stops_the_run(name: str) -> None:
    """A queue run takes many steps; what came just before one ended was lost with its handler."""
    number = getattr(signal, name)
    before, reasons = signal.getsignal(number), list[Any]()

    class Here:
        stopping = False

        def stop(self, reason: Any) -> None:
            reasons.append(reason)

        def notify(self, text: str, *, urgent: bool = False) -> None:
            """Nobody listens."""

    async def step() -> None:
        run: Any = Here()
        with pool._Signals(run, set(), "again"):
            signal.raise_signal(number)
        await asyncio.sleep(0)

    try:
        asyncio.run(step())
    finally:
        signal.signal(number, before)
    assert [reason.exit_code for reason in reasons] == [128 + number]


def test_nohup_is_respected() -> None:
    with SandboxThread(latency=(0.5, 0.5)) as box:
        line = 'trap "" HUP; exec "$@"'
        process = subprocess.Popen(
            ["/bin/sh", "-c", line, "sh", *COMMAND, "gen", "cat", *SMALL],
            env=environment(box),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        until(lambda: box.books.in_flight)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=20)
    assert (process.returncode, out.count(b"\n")) == (0, 1)


def test_a_closed_stdout_ends_the_run_and_keeps_what_was_started() -> None:
    with SandboxThread(latency=(0.2, 0.2)) as box:
        process = start(box, "cat", *SMALL, "-n", "6", "--jobs", "1", "-o", "out/")
        assert process.stdout and process.stderr
        assert process.stdout.readline().endswith(b".png\n")
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        code = process.wait(timeout=20)
    assert code == 141, err
    assert box.books.posts["cat"] < 6
    assert len(list(Path("out").glob("*.png"))) == box.books.charges["cat"]
    assert b"Traceback" not in err and b"Exception ignored" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_9_and_the_image_is_kept(sandbox: SandboxThread) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(sandbox, "cat", *SMALL, "-o", "cat.png", stdout=full)
    assert done.returncode == 9, done
    assert b"error: cannot write to stdout" in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    assert Path("cat.png").is_file()


TO_STDOUT = (*COMMAND, "gen", "cat", *SMALL, "-o", "-")


def redirected(sandbox: SandboxThread, where: str, prompt: str = "cat") -> tuple[int, str]:
    """`gen -o -` with a stdout of the shell's; exit code and stderr."""
    line = [prompt if part == "cat" else part for part in TO_STDOUT]
    done = subprocess.run(
        ["bash", "-c", f'"$@" {where}', "sh", *line],
        env=environment(sandbox),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    err = done.stderr.decode()
    assert "Traceback" not in err and "Exception ignored" not in err
    return done.returncode, err


def in_spool() -> list[Path]:
    return sorted(Path(os.environ["COGVIEW_STATE_DIR"], "spool").glob("*.png"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("prompt", ["cat", "cat sandbox:two-images"])
def test_bytes_that_stdout_does_not_take_are_told_and_free(
    sandbox: SandboxThread, prompt: str
) -> None:
    code, err = redirected(sandbox, "> /dev/full", prompt)
    assert code == 6 and "cogview recover" in err, err
    assert in_spool() and all(f"'{path}'" in err for path in in_spool())
    code, err = redirected(sandbox, "> cat.png", prompt)
    assert code == 0 and Path("cat.png").read_bytes().startswith(b"\x89PNG"), err
    assert sandbox.books.posts.total() == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_recover_takes_what_stdout_did_not(sandbox: SandboxThread) -> None:
    redirected(sandbox, "> /dev/full")
    gets = sandbox.books.downloads.total()
    done = subprocess.run(
        [*COMMAND, "recover"],
        env=environment(sandbox),
        capture_output=True,
        timeout=30,
        check=False,
    )
    (path,) = Path().glob("*.png")
    assert (done.returncode, done.stdout.decode().strip()) == (0, str(path.absolute())), done
    assert in_spool() == [] and sandbox.books.downloads.total() == gets
    assert sandbox.books.posts.total() == 1


def test_bytes_for_a_reader_that_is_gone_are_told(sandbox: SandboxThread) -> None:
    end, start = os.pipe()
    os.close(end)
    with os.fdopen(start, "wb") as pipe:
        done = subprocess.run(
            TO_STDOUT,
            env=environment(sandbox),
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    (path,) = in_spool()
    assert done.returncode == 141 and f"'{path}'" in done.stderr.decode(), done
    assert redirected(sandbox, "> cat.png")[0] == 0 and sandbox.books.posts.total() == 1


def test_bytes_for_no_stdout_at_all_cost_nothing(sandbox: SandboxThread) -> None:
    code, err = redirected(sandbox, ">&-")
    assert code == 9 and "stdout is closed" in err and not sandbox.books.posts


def test_the_second_picture_of_an_answer_for_stdout_is_told(sandbox: SandboxThread) -> None:
    code, err = redirected(sandbox, "> cat.png", "cat sandbox:two-images")
    (second,) = in_spool()
    assert code == 0 and f"'{second}'" in err, err


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_no_stdout_at_all_is_9(sandbox: SandboxThread, closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "gen", "cat", *SMALL],
        env=environment(sandbox),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert done.returncode == 9, done
    assert b"Traceback" not in done.stderr
    assert len(list(Path().glob("*.png"))) == sum(sandbox.books.charges.values())


def test_closed_stdin_is_no_prompt(sandbox: SandboxThread) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "gen"],
        env=environment(sandbox),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b""), done
    assert b"error: " in done.stderr and b"Traceback" not in done.stderr


def test_the_prompt_comes_from_a_pipe(sandbox: SandboxThread) -> None:
    done = subprocess.run(
        [*COMMAND, "gen", *SMALL, "-o", "cat.png"],
        env=environment(sandbox),
        input="海报\n".encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"cat.png\n")
    assert dict(sandbox.books.posts) == {"海报": 1}


@pytest.mark.parametrize("prompt", ["cat", "cat sandbox:1302x1", "cat sandbox:1301"])
def test_off_a_terminal_there_are_no_escapes(sandbox: SandboxThread, prompt: str) -> None:
    env = environment(sandbox, TERM="xterm-256color", FORCE_COLOR="1", COLUMNS="20")
    done = run(sandbox, prompt, *SMALL, "-v", env=env)
    assert done.returncode in (0, 8)
    assert not CONTROLS.search(done.stdout + done.stderr)


def test_only_the_key_is_needed_in_the_environment(sandbox: SandboxThread, tmp_path: Path) -> None:
    bare = {
        "COGVIEW_API_KEY": "k", "PATH": os.environ["PATH"],
        "COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_STATE_DIR": str(tmp_path / "s"),
    }  # fmt: skip
    done = run(sandbox, "猫", *SMALL, env={**bare, "HOME": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, b""), done
    assert Path(os.fsdecode(done.stdout[:-1])).is_file()


def test_without_home_it_works_or_says_why(sandbox: SandboxThread, tmp_path: Path) -> None:
    bare = {
        "COGVIEW_API_KEY": "k", "COGVIEW_BASE_URL": sandbox.base_url,
        "COGVIEW_STATE_DIR": str(tmp_path / "s"), "COGVIEW_CONFIG_DIR": str(tmp_path / "c"),
    }  # fmt: skip
    done = run(sandbox, "cat", *SMALL, env=bare)
    assert done.returncode in (0, 9), done
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "more", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_the_path_is_utf8_whatever_the_locale(sandbox: SandboxThread, more: dict[str, str]) -> None:
    done = run(sandbox, "一只猫", *SMALL, "-o", "{slug}.png", env=environment(sandbox, **more))
    assert (done.returncode, done.stdout) == (0, "一只猫.png\n".encode()), done
    assert os.path.exists("一只猫.png".encode())
    assert dict(sandbox.books.posts) == {"一只猫": 1}


def test_processes_at_once_share_slots_and_never_a_file() -> None:
    """Eight processes at tier V0: never more than five in flight, no 1302, eight files."""
    with SandboxThread(latency=(0.3, 0.3)) as box:
        running = [start(box, "cat", *SMALL, "-o", "cat.png") for _ in range(8)]
        ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert [code for _, code in ended] == [0] * 8, ended
    paths = {out for (out, _), _ in ended}
    assert len(paths) == 8
    assert all(Path(os.fsdecode(path[:-1])).is_file() for path in paths)
    assert box.books.max_in_flight <= 5
    assert box.books.posts == box.books.charges == {"cat": 8}
    assert not list(Path().glob(".cogview-*"))


def gen_on_terminal(box: SandboxThread, *arguments: str, **more: str) -> tuple[int, bytes]:
    """Exit code and everything shown on a terminal of its own."""
    env = environment(box, **{"COLUMNS": "60", **more})
    return on_terminal(*COMMAND, "gen", *arguments, env=env)[:2]


# Colours, cursor up, erase line, hide and show the cursor.
KNOWN = re.compile(rb"\x1b\[(?:[0-9;]*m|[0-9]*A|2K|\?25[lh])|\r")


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_gets_known_sequences_only(more: dict[str, str]) -> None:
    prompt = "cat [/red][bold]\x1b]0;title\x07\x1b[2J\u202egnp"
    with SandboxThread(latency=(0.3, 0.3)) as box:
        code, shown = gen_on_terminal(box, *SMALL, "-o", "out/", "--", prompt, **more)
    assert code == 0, shown
    assert not CONTROLS.search(KNOWN.sub(b"", shown)), shown
    assert "\u202e".encode() not in shown
    if more:
        assert not re.search(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m", shown), shown
    if more.get("TERM") == "dumb":
        assert b"\x1b" not in shown
    path = next(Path("out").glob("*.png"))
    assert path.name.encode() in KNOWN.sub(b"", shown)


def test_image_bytes_never_go_to_a_terminal(sandbox: SandboxThread) -> None:
    code, shown = gen_on_terminal(sandbox, "cat", "-o", "-")
    assert code == 2
    assert b"terminal" in shown
    assert not sandbox.books.posts


def test_no_prompt_on_a_terminal_is_told_at_once(sandbox: SandboxThread) -> None:
    code, shown = gen_on_terminal(sandbox)
    assert code == 2
    assert b"there is no prompt" in shown


def test_a_stopped_process_that_holds_the_slots_is_exit_75(tmp_path: Path) -> None:
    """The other process is told of, and nothing is sent."""
    with SandboxThread(latency=(20.0, 20.0)) as box:
        environment = {
            **os.environ,
            "COGVIEW_BASE_URL": box.base_url,
            "COGVIEW_API_KEY": "k",
        }
        command = [sys.executable, "-m", "cogview_cli", "gen", "--jobs", "1"]
        holder = subprocess.Popen([*command, "first"], env=environment)
        try:
            while not box.books.posts["first"]:
                assert holder.poll() is None
            holder.send_signal(signal.SIGSTOP)
            late = [*command, "second", "--max-wait", "0.3"]
            done = subprocess.run(
                late, env=environment, capture_output=True, text=True, check=False
            )
        finally:
            holder.kill()
            holder.wait()
    assert done.returncode == 75, done
    assert "held every slot" in done.stderr
    assert box.books.posts["second"] == 0
