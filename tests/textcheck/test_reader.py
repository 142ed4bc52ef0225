"""The process that reads: what it survives, what ends it, and what it never does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cogview_cli.errors import ExitCode, MachineError
from cogview_cli.sandbox.lettering import font_file
from cogview_cli.sandbox.picture import Sketch, render
from cogview_cli.textcheck import extra
from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.reader import GIVE_UP_AFTER, Reader, ReadingFailed
from cogview_cli.textcheck.reading import Block, Reading
from tests.processes import child, until

TITLE = "重生之我是韦小宝"
needs_reader = pytest.mark.skipif(
    not extra.available() or font_file() is None, reason="needs the extra 'ocr' and a font"
)
ANSWER = json.dumps({"blocks": [["福", [[0, 0]], [0.5]]]})


def stand_in(tmp_path: Path, body: str) -> Reader:
    """A reader whose process runs `body` with `line` for each request; it counts its starts."""
    script = (
        "import pathlib, sys, time\n"
        f"starts = pathlib.Path({str(tmp_path / 'starts')!r})\n"
        "nth = len(starts.read_text()) + 1 if starts.exists() else 1\n"
        "starts.write_text('x' * nth)\n"
        f"answer = {ANSWER!r}\n"
        "for line in sys.stdin:\n"
        f"    {body}\n"
        "    print(answer, flush=True)\n"
    )
    return Reader([sys.executable, "-c", script])


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text())


def read(reader: Reader, times: int = 1) -> list[Reading | ReadingFailed]:
    async def all_of_them() -> list[Reading | ReadingFailed]:
        found: list[Reading | ReadingFailed] = []
        async with reader:
            for _ in range(times):
                try:
                    found.append(await reader.read(Path("a.png")))
                except ReadingFailed as failed:
                    found.append(failed)
        assert reader.pid is None
        return found

    return asyncio.run(all_of_them())


READ = Reading((Block("福", ((0, 0),), (0.5,)),))


def test_one_process_reads_all_pictures(tmp_path: Path) -> None:
    assert read(stand_in(tmp_path, "pass"), 5) == [READ] * 5
    assert starts(tmp_path) == 1


@pytest.mark.parametrize(
    "death",
    [
        "sys.exit(1)", "print('{'); sys.exit()", "print('no JSON')", "sys.stdout.close()",
        "print('{}')", "print('[]')", "print('{\"blocks\": 5}')",
        "print('{\"blocks\": [[1, 2, 3]]}')",
    ],
)  # fmt: skip
def test_a_process_that_dies_is_started_again_for_the_same_picture(
    tmp_path: Path, death: str
) -> None:
    reader = stand_in(tmp_path, f"exec({f'if nth == 1: {death}'!r})")
    assert read(reader, 3) == [READ] * 3
    assert starts(tmp_path) == 2


def test_one_that_dies_on_a_picture_fails_it_and_reads_the_next(tmp_path: Path) -> None:
    failed, next_one = read(stand_in(tmp_path, "exec('if nth < 3: sys.exit()')"), 2)
    assert isinstance(failed, ReadingFailed)
    assert failed.exit_code is ExitCode.MACHINE
    assert next_one == READ
    assert starts(tmp_path) == 3


def test_one_that_always_dies_is_given_up(tmp_path: Path) -> None:
    found = read(stand_in(tmp_path, "sys.exit()"), 10)
    assert all(isinstance(failed, ReadingFailed) for failed in found)
    assert starts(tmp_path) == GIVE_UP_AFTER


def test_an_error_of_one_picture_is_told_and_costs_no_process(tmp_path: Path) -> None:
    error = json.dumps({"error": "OSError: cut short"})
    failed, *_rest = read(stand_in(tmp_path, f"answer = {error!r}"), 4)
    assert isinstance(failed, ReadingFailed)
    assert "a.png" in failed.message and "cut short" in failed.message
    assert starts(tmp_path) == 1


def test_a_reading_that_is_cancelled_leaves_no_process_and_no_answer(tmp_path: Path) -> None:
    async def cancelled() -> None:
        reader = stand_in(tmp_path, "exec('if nth == 1: time.sleep(60)')")
        task = asyncio.create_task(reader.read(Path("a.png")))
        while not (tmp_path / "starts").exists() or reader.pid is None:
            await asyncio.sleep(0.01)
        pid = reader.pid
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pid is not None and _gone(pid)
        assert await reader.read(Path("b.png")) == READ
        await reader.close()

    asyncio.run(cancelled())


def test_the_process_is_not_told_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COGVIEW_API_KEY", "ZAI_API_KEY"):
        monkeypatch.setenv(name, "key.canary")
    seen = tmp_path / "seen"
    save = f"import os; pathlib.Path({str(seen)!r}).write_text(str(dict(os.environ)))"
    assert read(stand_in(tmp_path, save)) == [READ]
    assert "MALLOC_ARENA_MAX" in seen.read_text()
    assert "key.canary" not in seen.read_text()


def _gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "NEEDED", ("no_such_module",))
    assert not extra.available()

    async def opened() -> None:
        async with TextChecker():
            pass

    with pytest.raises(MachineError) as caught:
        asyncio.run(opened())
    assert caught.value.exit_code is ExitCode.MACHINE
    assert caught.value.hint == "pip install 'cogview-cli[ocr]'"


def test_to_ask_whether_the_extra_is_there_loads_nothing_of_it() -> None:
    code = (
        "import sys; from cogview_cli.textcheck import checker, extra; extra.available();"
        "print([name for name in ('rapidocr', 'onnxruntime', 'numpy', 'cv2', 'PIL')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_worker_reaches_no_network() -> None:
    code = (
        "import socket, sys; from cogview_cli.textcheck.worker import _refuse_network\n"
        "sys.addaudithook(_refuse_network)\n"
        "for try_it in (lambda: socket.create_connection(('127.0.0.1', 9)),"
        " lambda: socket.getaddrinfo('localhost', 80)):\n"
        "    try: try_it()\n"
        "    except PermissionError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\nrefused\n"


# With the models


def drawn(path: Path, fault: str = "", prompt: str = f"海报“{TITLE}”") -> Path:
    path.write_bytes(render(Sketch(prompt, 1024, 1024, text_fault=fault)))
    return path


@needs_reader
def test_pictures_of_the_sandbox_are_judged_as_they_were_drawn(tmp_path: Path) -> None:
    faults = ("", "text-wrong", "text-missing", "text-tiny", "text-vertical")

    async def judged() -> list[bool]:
        async with TextChecker() as checker:
            return [
                (await checker.check(drawn(tmp_path / f"{fault}.png", fault), [TITLE])).ok
                for fault in faults
            ]

    assert asyncio.run(judged()) == [True, False, False, True, True]


@needs_reader
def test_a_file_that_is_no_picture_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(drawn(tmp_path / "a.png").read_bytes()[:5000])
    (tmp_path / "text.png").write_text("no picture")

    async def judged() -> None:
        async with TextChecker() as checker:
            for name in ("cut.png", "text.png", "none.png"):
                with pytest.raises(ReadingFailed):
                    await checker.check(tmp_path / name, [TITLE])
            assert (await checker.check(tmp_path / "a.png", [TITLE])).ok

    asyncio.run(judged())


_PARENT = """
import asyncio, sys
from pathlib import Path
from cogview_cli.textcheck.reader import Reader

async def main():
    async with Reader() as reader:
        await reader.read(Path(sys.argv[1]))
        print(reader.pid, flush=True)
        sys.stdin.readline()
        print((await reader.read(Path(sys.argv[1]))).blocks != (), flush=True)

asyncio.run(main())
"""


@needs_reader
def test_the_worker_lives_through_ctrl_c_and_ends_with_its_parent(tmp_path: Path) -> None:
    picture = str(drawn(tmp_path / "a.png"))
    with child(sys.executable, "-c", _PARENT, picture) as parent:
        assert parent.stdin and parent.stdout
        worker = int(parent.stdout.readline())
        assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker, number)
        parent.stdin.write("\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "True\n"
        until(lambda: _gone(worker))
    with child(sys.executable, "-c", _PARENT, picture) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.kill()
        until(lambda: _gone(worker))
