"""An answer with several pictures: each is read and told, and they change places together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.compare import TextResult, compare
from cogview_cli.textcheck.reading import Block
from tests.batch.support import posts
from tests.conftest import Run
from tests.takes.conftest import Batch
from tests.takes.test_takes import (
    RIGHT,
    TITLE,
    forbid_reading,
    image_lines,
    on_disk,
    summary,
    takes,
)

TWO = f"{RIGHT} sandbox:two-images"


@pytest.fixture
def second_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each answer the second picture has wrong text."""

    async def check(_self: TextChecker, path: Path, wanted: Sequence[str]) -> TextResult:
        text = "重生之我是韦小室" if path.stem.endswith("-2") else TITLE
        return compare(wanted, [[Block(text)]])

    monkeypatch.setattr(TextChecker, "check", check)


@pytest.mark.usefixtures("second_is_wrong")
def test_one_that_is_right_is_enough_and_the_other_is_told(
    batch: Batch, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = batch([TWO], "--retake", "3", "--json", "--report", "r.csv")
    assert (ended.code, posts(sandbox)) == (3, 1)
    found = image_lines(ended)
    assert [line["text"]["ok"] for line in found] == [True, False]
    assert [line["text"]["missing"] for line in found] == [[], ["宝→室"]]
    assert ended.err.count("wrong text: out/1-2.png: ") == 1 == ended.err.count("wrong text: ")
    assert [content["text"]["ok"] for _name, content in sorted(on_disk().items())] == [False, True]
    assert (summary(ended)["text_right"], summary(ended)["text_wrong"]) == (0, 1)
    table = Path("r.csv").read_text("utf-8-sig").splitlines()
    assert [",true," in row for row in table[1:]] == [True, False]
    told = cogview("history", "--json")
    (request,) = [json.loads(line) for line in told.out.splitlines() if '"request"' in line]
    assert request["text"]["missing"] == ["宝→室"] and "pictures" not in request["text"]
    forbid_reading(monkeypatch)
    again = batch([TWO], "--retake", "3", "--json")
    assert (again.code, posts(sandbox)) == (3, 1)
    assert [line["text"]["ok"] for line in image_lines(again)] == [True, False]


def test_none_that_is_right_is_asked_for_again(batch: Batch, sandbox: SandboxThread) -> None:
    prompt = f"{TWO} sandbox:text-wrongx1"
    ended = batch([prompt], "--retake", "2", "--json")
    assert (ended.code, posts(sandbox)) == (0, 2)
    assert [line["text"]["ok"] for line in image_lines(ended)] == [True, True]
    assert takes() == {
        "1.png": (2, True), "1-2.png": (2, True),
        "takes/1-take1.png": (1, False), "takes/1-2-take1.png": (1, False),
    }  # fmt: skip
    again = batch([prompt], "--retake", "2", "--json")
    assert (again.code, posts(sandbox)) == (0, 2)
    assert [line["status"] for line in image_lines(again)] == ["skipped", "skipped"]


@pytest.mark.usefixtures("second_is_wrong")
def test_gen_and_recover_tell_each_too(gen: Batch, cogview: Run, sandbox: SandboxThread) -> None:
    ended = gen(TWO, "-o", "out/1.png", "--retake", "2", "--once", "--json")
    assert (ended.code, posts(sandbox)) == (3, 1)
    assert [line["text"]["ok"] for line in image_lines(ended)] == [True, False]
    assert ended.err.count("wrong text: out/1-2.png: ") == 1
    Path("out/1-2.png").unlink()
    assert cogview("recover").code == 0
