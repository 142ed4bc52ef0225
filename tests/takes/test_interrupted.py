"""Signals and sudden death among takes: nothing is lost, nothing is paid or read twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.processes import ended
from tests.batch.support import posts
from tests.conftest import Run
from tests.faults.world import history
from tests.processes import environment, until
from tests.takes import standin
from tests.takes.processes import COMMAND
from tests.takes.test_takes import RIGHT, agrees_with_ledger, on_disk, takes

PROMPTS = [
    f"{RIGHT[:-1]}{number}” {fault}".strip()
    for number in range(2)
    for fault in ("", "sandbox:text-wrongx1", "sandbox:text-wrongx2", "sandbox:text-wrong")
]
RETAKES = 2
BATCH = (
    "batch", "p.txt", "-s", "512x512", "-o", "out", "--name", "{index}", "--retake", str(RETAKES),
)  # fmt: skip
# One right at once, one at the second take, one at the third, one never.
REQUESTS = 2 * (1 + 2 + 3 + 3)
# A few moments; the long form has many more.
MOMENTS = [*range(3), *(pytest.param(n, marks=pytest.mark.torture) for n in range(3, 60))]


@contextmanager
def started(
    box: SandboxThread, table: Path, *arguments: str, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`batch p.txt -o out` with the stand-in; killed at the latest at the end."""
    with subprocess.Popen(
        [*COMMAND, *BATCH, *arguments],
        env=environment(box, **{standin.TABLE: str(table), **more}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    with SandboxThread(latency=(0.05, 0.1)) as box:
        yield box


def written(table: Path, prompts: list[str] = PROMPTS) -> None:
    standin.write_table(table, prompts)
    Path("p.txt").write_text("".join(f"{prompt}\n" for prompt in prompts), "utf-8")


@pytest.mark.parametrize("seed", MOMENTS)
def test_killed_at_any_moment_and_run_again(
    seed: int, table: Path, slow: SandboxThread, cogview: Run
) -> None:
    """Each request is paid once; a run that is killed in the middle leaves nothing to mend."""
    written(table)
    chance = random.Random(seed)
    for _ in range(3):
        before = posts(slow)
        moment = chance.randrange(1, 8)
        with started(slow, table) as process:
            until(lambda p=process, most=before + moment: posts(slow) >= most or _is_over(p))
            process.kill()
        if process.returncode != -signal.SIGKILL:
            break
    again = (*BATCH, "--on-unknown", "retry", "--base-url", slow.base_url)
    finished = cogview(*again)
    unknown = sum(entry.state == "unknown" for entry in history())
    assert finished.code == 3, finished
    found = takes()
    for number, prompt in enumerate(PROMPTS, 1):
        right = "text-wrong" not in prompt or prompt.endswith(("x1", "x2"))
        assert found[f"{number}.png"][1] is right or unknown, (prompt, found)
    agrees_with_ledger()
    paid = [entry for entry in history() if entry.state in ("saved", "answer", "expired")]
    assert len({entry.id for entry in paid}) == len(on_disk())
    assert slow.books.charges.total() <= len(paid) + unknown
    assert slow.books.charges.total() <= REQUESTS + unknown
    assert cogview(*again).code == 3
    assert slow.books.charges.total() <= REQUESTS + unknown + 2


def _is_over(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_a_picture_waits_to_be_read(
    number: int, code: int, table: Path, tmp_path: Path, sandbox: SandboxThread
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    written(table, [f"{RIGHT} sandbox:text-wrongx1", RIGHT])
    with started(sandbox, table, "--json", **{standin.HOLD: str(hold)}) as process:
        until(lambda: len(list(Path("out").glob("*.png.json"))) == 2)
        process.send_signal(number)
        hold.unlink()
        left, out, err = ended(process)
    assert left == code, err
    records = [json.loads(line) for line in out.splitlines()]
    assert {r["status"] for r in records if r["type"] == "image"} == {"saved"}
    assert "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY); text not read on 2\n" in err
    assert len(on_disk()) == posts(sandbox)
    with started(sandbox, table) as process:
        assert ended(process)[0] == 0
    assert (posts(sandbox), takes()["1.png"]) == (3, (2, True))
    agrees_with_ledger()


def test_a_second_signal_ends_at_once_and_the_next_run_reads(
    table: Path, tmp_path: Path, sandbox: SandboxThread
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    written(table, [RIGHT])
    with started(sandbox, table, "--json", **{standin.HOLD: str(hold)}) as process:
        until(lambda: standin.is_held(hold))
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert b"SIGTERM" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        left, out, _err = ended(process)
    assert left == 143
    assert json.loads(out.splitlines()[0])["status"] == "saved"
    with started(sandbox, table) as process:
        assert ended(process)[0] == 0
    assert (posts(sandbox), takes()) == (1, {"1.png": (1, True)})


def test_the_reader_dies_with_the_run(table: Path, tmp_path: Path, sandbox: SandboxThread) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    written(table, [RIGHT])
    with started(sandbox, table, **{standin.HOLD: str(hold)}) as process:
        until(lambda: Path("out/1.png.json").exists())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("this system does not tell of children")
        until(lambda: children.read_text().split())
        (reader,) = children.read_text().split()
        process.kill()
    hold.unlink()
    until(lambda: not Path(f"/proc/{reader}").exists() or "Z" in _state(reader))


def _state(pid: str) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_recover_finishes_what_was_begun_among_takes(
    table: Path, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after both were read, before they have changed places."""
    from cogview_cli.engine import takes as engine

    written(table, [f"{RIGHT} sandbox:text-wrongx1"])
    with monkeypatch.context() as killing:
        killing.setattr(engine, "give_name", lambda takes, best: [])
        arguments = ("-s", "512x512", "-o", "out", "--name", "{index}", "--retake", "1")
        cogview("batch", "p.txt", *arguments)
    assert takes() == {"1.png": (1, False), "takes/1-take2.png": (2, True)}
    assert cogview("recover").code == 0
    assert takes() == {"1.png": (2, True), "takes/1-take1.png": (1, False)}
    agrees_with_ledger()
    assert posts(sandbox) == 2
