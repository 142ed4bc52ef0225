"""P18: a part of the program is missing, damaged or unreadable. Nothing is paid and lost by it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.case import check_streams
from tests.faults.world import SMALL, images, states, temporaries

pytestmark = pytest.mark.faults
READERS = ("cogview_cli.net.lenient", "cogview_cli.net.inflate")
SAVERS = ("PIL", "PIL.Image", "cogview_cli.pictures.saver")


def without(patch: pytest.MonkeyPatch, *names: str) -> None:
    """Importing these raises ImportError, whoever has loaded them before."""
    patch.delitem(sys.modules, "cogview_cli.pictures.saver", raising=False)
    for name in names:
        patch.setitem(sys.modules, name, None)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules and sys.modules[parent] is not None:
            patch.delattr(sys.modules[parent], child, raising=False)


def lines(tmp_path: Path) -> str:
    path = tmp_path / "p.txt"
    path.write_text("cat\ndog\nbird\n", "utf-8")
    return str(path)


@pytest.mark.parametrize("missing", READERS)
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_nothing_is_sent_whose_answer_could_not_be_read(
    command: str, missing: str, cogview: Run, sandbox: SandboxThread, tmp_path: Path
) -> None:
    source = "cat" if command == "gen" else lines(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        without(patch, missing)
        ended = cogview(command, source, *SMALL, "-o", "out/")
    check_streams(ended)
    assert ended.code == 9 and missing.rpartition(".")[2] in ended.err, ended
    assert "pip install" in ended.err
    assert sandbox.books.posts.total() == 0 and set(states()) <= {"not_sent"}
    # Whole again, the same command does it.
    assert cogview(command, source, *SMALL, "-o", "out/").code == 0


@pytest.mark.parametrize("missing", SAVERS)
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_what_cannot_be_saved_is_kept_for_recover(
    command: str, missing: str, cogview: Run, sandbox: SandboxThread, tmp_path: Path
) -> None:
    source = "cat" if command == "gen" else lines(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        without(patch, missing)
        ended = cogview(command, source, *SMALL, "-o", "out/")
    check_streams(ended)
    assert ended.code in (6, 9), ended
    posts = sandbox.books.posts.total()
    assert set(states()) <= {"answer", "not_sent"} and states().count("answer") == posts
    assert cogview("recover").code == 0
    assert sandbox.books.posts.total() == len(images()) == posts and temporaries() == []
