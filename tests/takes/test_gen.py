"""`gen` reads its pictures too, and asks for them again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import ledger_column, posts
from tests.conftest import Run
from tests.faults.world import history
from tests.processes import environment
from tests.takes import standin
from tests.takes.conftest import Batch
from tests.takes.processes import COMMAND
from tests.takes.test_takes import RIGHT, TITLE, image_lines, takes

POSTER = ("-o", "out/poster.png")


def test_a_poster_is_asked_for_until_it_is_right(gen: Batch, sandbox: SandboxThread) -> None:
    ended = gen(f"{RIGHT} sandbox:text-wrongx2", *POSTER, "--retake", "3")
    assert (ended.code, ended.out, posts(sandbox)) == (0, "out/poster.png\n", 3)
    assert takes()["poster.png"] == (3, True)
    assert sorted(takes())[1:] == ["takes/poster-take1.png", "takes/poster-take2.png"]


def test_wrong_text_is_told_and_ends_with_3(gen: Batch) -> None:
    ended = gen(f"{RIGHT} sandbox:text-wrong", *POSTER, "--check-text", "--json")
    assert ended.code == 3
    assert image_lines(ended)[0]["text"]["missing"] == ["是→室"]
    again = gen(f"{RIGHT} sandbox:text-wrong", "-o", "other.png", "--check-text")
    assert f"wrong text: other.png: wanted {TITLE}; found 重生之我室韦小宝 (是→室)" in again.err


def test_the_text_may_be_given(gen: Batch) -> None:
    assert gen(RIGHT, *POSTER, "--text", "韦小宝", "--text", "重生").code == 0
    assert gen(RIGHT, "-o", "b.png", "--text", "上海滩").code == 3
    assert gen(RIGHT, "-o", "c.png", "--check-text", "--text", "").code == 0


def test_a_text_with_nothing_to_compare_is_told(gen: Batch, cogview: Run) -> None:
    """It would switch the check off; only an empty one is meant to."""
    words = "warning: --text has no letter and no digit: nothing is checked\n"
    for text, told in (("!!!", True), ("😀", True), ("", False), ("价", False)):
        ended = gen(RIGHT, *POSTER, "--text", text)
        assert (ended.err.count(words) == 1) is told, ended
    assert words in cogview("check-text", "out", "--text", "…").err
    Path("p.txt").write_text("猫", "utf-8")
    assert words in cogview("batch", "p.txt", "--text", "…", "--dry-run").err


def test_the_price_counts_retakes(gen: Batch, sandbox: SandboxThread) -> None:
    dry = gen(RIGHT, "-n", "4", "--retake", "2", "--dry-run")
    assert "4 pictures, at most 12 with retakes: 0.24 to 0.72 CNY; nothing was sent" in dry.err
    assert "1 picture, at most 3 with retakes" in gen(RIGHT, "--retake", "2", "--dry-run").err
    dear = gen(RIGHT, "-n", "60", "--retake", "2")
    assert dear.code == 2 and posts(sandbox) == 0


def test_max_cost_ends_with_7_and_the_best_so_far(gen: Batch, sandbox: SandboxThread) -> None:
    ended = gen(f"{RIGHT} sandbox:text-wrong", *POSTER, "--retake", "9", "--max-cost", "0.12")
    assert (ended.code, posts(sandbox)) == (7, 2)
    assert takes()["poster.png"] == (1, False)


@pytest.mark.parametrize(
    ("fault", "code"), [("1301", 3), ("lost-answer", 5), ("403-downloadx9", 6)]
)
def test_a_take_that_fails_leaves_the_picture(
    fault: str, code: int, gen: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", fault])
    ended = gen(RIGHT, *POSTER, "--retake", "3")
    assert (ended.code, ended.out) == (code, "out/poster.png\n")
    assert takes() == {"poster.png": (1, False)}


def test_once_reads_what_is_there_and_goes_on(gen: Batch, sandbox: SandboxThread) -> None:
    prompt = f"{RIGHT} sandbox:text-wrongx2"
    assert gen(prompt, *POSTER, "--once").code == 0
    assert gen(prompt, *POSTER, "--once", "--check-text").code == 3
    ended = gen(prompt, *POSTER, "--once", "--retake", "1", "--json")
    assert (ended.code, image_lines(ended)[0]["status"], posts(sandbox)) == (3, "saved", 2)
    ended = gen(prompt, *POSTER, "--once", "--retake", "2", "--json")
    assert (ended.code, posts(sandbox)) == (0, 3)
    assert takes()["poster.png"] == (3, True)
    again = gen(prompt, *POSTER, "--once", "--retake", "5", "--json")
    assert (again.code, image_lines(again)[0]["status"], posts(sandbox)) == (0, "skipped", 3)
    assert len(set(ledger_column("key"))) == 1


def test_once_takes_no_take_for_another_picture(gen: Batch, sandbox: SandboxThread) -> None:
    prompt = f"{RIGHT} sandbox:text-wrong"
    gen(prompt, "-o", "out/p-{n}.png", "--once", "--retake", "1")
    ended = gen(prompt, "-o", "out/p-{n}.png", "-n", "2", "--once", "--check-text", "--json")
    assert [line["status"] for line in image_lines(ended)] == ["skipped", "saved"]
    assert posts(sandbox) == 3


def test_once_knows_a_picture_that_is_called_like_a_take(
    gen: Batch, sandbox: SandboxThread
) -> None:
    prompt, own = f"{RIGHT} sandbox:text-wrongx1", ("-o", "takes/a-take1.png", "--once")
    for _round in range(2):
        ended = gen(prompt, *own, "--retake", "2")
        assert (ended.code, ended.out, posts(sandbox)) == (0, "takes/a-take1.png\n", 2)


def test_once_tells_of_a_lost_take(gen: Batch, sandbox: SandboxThread) -> None:
    sandbox.script(None, ["text-wrong", "lost-answer", "ok"])
    assert gen(RIGHT, *POSTER, "--once", "--retake", "3").code == 5
    again = gen(RIGHT, *POSTER, "--once", "--retake", "3")
    assert (again.code, again.out, posts(sandbox)) == (5, "out/poster.png\n", 2)
    assert "--on-unknown retry" in again.err
    ended = gen(RIGHT, *POSTER, "--once", "--retake", "3", "--on-unknown", "retry")
    assert (ended.code, posts(sandbox)) == (0, 3)


def test_once_without_the_ledger_pays_for_no_take(gen: Batch, sandbox: SandboxThread) -> None:
    prompt = f"{RIGHT} sandbox:text-wrong"
    gen(prompt, *POSTER, "--once", "--retake", "1")
    Path("../state/ledger.db").unlink()
    ended = gen(prompt, *POSTER, "--once", "--retake", "4")
    assert (ended.code, posts(sandbox)) == (3, 2)


def test_a_take_that_is_paid_is_fetched_before_anything_is_paid(
    gen: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "403-downloadx2"])
    assert gen(RIGHT, *POSTER, "--retake", "1").code == 6
    ended = gen(RIGHT, *POSTER, "--retake", "1")
    assert (ended.code, ended.out, posts(sandbox)) == (0, "out/poster.png\n", 2)
    assert takes() == {"poster.png": (2, True), "takes/poster-take1.png": (1, False)}


def test_stdout_gets_the_best_take_and_nothing_is_left(sandbox: SandboxThread, table: Path) -> None:
    prompt = f"{RIGHT} sandbox:text-wrongx1"
    standin.write_table(table, [prompt])
    done = subprocess.run(
        [*COMMAND, "gen", prompt, "-s", "512x512", "-o", "-", "--retake", "2"],
        env=environment(sandbox, **{standin.TABLE: str(table)}),
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    right = json.loads(table.read_text("utf-8"))[standin.known(done.stdout)]
    assert right[0] == [TITLE] and posts(sandbox) == 2
    assert not [path for path in Path("../state/spool").rglob("*") if path.is_file()]
    assert [entry.text and entry.text["ok"] for entry in history()] == [False, True]


@pytest.mark.parametrize("verbose", ["--quiet", "-v"])
def test_no_file_is_named_where_the_picture_goes_to_stdout(
    verbose: str, sandbox: SandboxThread, table: Path
) -> None:
    """It goes through a file of ours, which is gone by the time somebody could look at it."""
    prompt = f"{RIGHT} sandbox:text-wrong"
    standin.write_table(table, [prompt])
    done = subprocess.run(
        [*COMMAND, "gen", prompt, "-s", "512x512", "-o", "-", "--check-text", verbose],
        env=environment(sandbox, **{standin.TABLE: str(table)}),
        capture_output=True, check=False,
    )  # fmt: skip
    said = done.stderr.decode()
    assert done.returncode == 3 and ".png" not in said, said
    assert ("wrong text: -: wanted 重生之我是韦小宝" in said) is (verbose == "-v")


def test_what_is_not_found_is_not_told_as_found(gen: Batch, cogview: Run) -> None:
    prompt = f"{RIGHT}上海滩 sandbox:text-missing"
    ended = gen(prompt, *POSTER, "--text", "上海", "--text", "滩")
    words = "wrong text: out/poster.png: wanted 上海 / 滩; found - (上 海 滩)\n"
    assert (ended.code, ended.err) == (3, words)
    again = cogview("check-text", "out")
    assert again.code == 3 and words in again.err


def test_a_link_is_checked_as_the_picture_that_it_leads_to(gen: Batch, cogview: Run) -> None:
    """It comes first in the folder, and the same picture is not read twice."""
    gen(f"{RIGHT} sandbox:text-wrong", "-o", "out/2.png")
    Path("out/1.png").symlink_to("2.png")
    for _round in range(2):
        ended = cogview("check-text", "out")
        assert (ended.code, ended.out) == (3, "out/1.png\n"), ended
    assert json.loads(Path("out/2.png.json").read_text("utf-8"))["text"]["ok"] is False
    assert not Path("out/1.png.json").exists()


def test_history_tells_of_wrong_text(gen: Batch, cogview: Run) -> None:
    gen(f"{RIGHT} sandbox:text-wrong", *POSTER, "--retake", "1")
    lines = cogview("history").out.splitlines()
    assert all(line.endswith("wrong text: 是→室") for line in lines) and len(lines) == 2
    records = [json.loads(line) for line in cogview("history", "--json").out.splitlines()]
    assert [record.get("take") for record in records if record["type"] == "request"] == [None, 2]
    assert records[0]["text"]["ok"] is False
