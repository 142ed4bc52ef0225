"""With --sandbox no hint leads to pictures that have ended with the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import lines
from tests.conftest import Run

SMALL = ("-s", "512x512", "-o", "out/")
ENDS = "the sandbox's pictures end with it: run the same command again"


@pytest.fixture(params=["gen", "batch"])
def run(request: pytest.FixtureRequest, cogview: Run) -> Run:
    """Three pictures of one prompt, in the sandbox of the process."""

    def made(prompt: str, *arguments: str) -> object:
        if request.param == "gen":
            return cogview("gen", prompt, "-n", "3", *SMALL, "--sandbox", *arguments)
        Path("p.txt").write_text(f"{prompt}\n" * 3, "utf-8")
        return cogview("batch", "p.txt", *SMALL, "--sandbox", *arguments)

    return made  # type: ignore[return-value]


def test_a_picture_that_is_not_saved_is_asked_for_again(run: Run, cogview: Run) -> None:
    ended = run("猫 sandbox:403-downloadx9")
    assert ended.code == 6 and "paid, not saved" in ended.err, ended.err
    assert "recover" not in ended.err
    assert f"hint: {ENDS}\n" in ended.err
    assert cogview("recover").code == 0
    again = run("猫", "--json")
    assert again.code == 0 and lines(again)[-1]["saved"] == 3
    assert "recover" not in again.err


def test_a_run_that_buys_nothing_is_begun_again(cogview: Run) -> None:
    Path("p.txt").write_text("猫 sandbox:403-downloadx9\n" * 12, "utf-8")
    ended = cogview("batch", "p.txt", *SMALL, "--sandbox", "--json")
    assert ended.code == 6, ended.err
    assert "recover" not in ended.err + ended.out
    assert "when that is mended, run it again" in ended.err
    errors = [line["error"] for line in lines(ended) if line.get("status") == "unsaved"]
    assert errors and not any(error["retryable"] for error in errors)


def test_a_server_of_its_own_still_has_them(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "猫 sandbox:403-downloadx9", *SMALL)
    assert ended.code == 6 and "hint: cogview recover\n" in ended.err
