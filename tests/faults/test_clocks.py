"""Z1-Z8: clocks that stand wrong, and links that say odd things of their end.

No clock decides about money: a link is tried, and dead only when its own server says so.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path

import pytest

from cogview_cli.sandbox.gallery import PictureStore
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.peers import Scripted, http, in_answer, picture
from tests.faults.world import KEY, SMALL, files, history, images, run, states

pytestmark = pytest.mark.faults
DAY = 86400
SERVED = http("200 OK", picture(), "Content-Type: image/png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the changed clocks of other processes are kept."""
    return tmp_path


def at(days: float, folder: Path, box: SandboxThread, *arguments: str) -> Ended:
    """A process whose clock is off by so many days."""
    place = folder / f"clock{days}"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(
        f"import time\nreal = time.time\ntime.time = lambda: real() + {days * DAY}\n"
    )
    world = {"COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": KEY, "PYTHONPATH": str(place)}
    return run(*arguments, **world)


def date(days: float) -> str:
    return f"Date: {formatdate(time.time() + days * DAY, usegmt=True)}"


BATCH = ("batch", "p.txt", *SMALL, "-o", "out")


@pytest.mark.parametrize("days", [8, 400, -400])
def test_z1_a_picture_not_fetched_yet_is_fetched_whatever_the_clock_says(
    days: int, folder: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("p.txt").write_text("cat sandbox:404-downloadx2\n")
    assert cogview(*BATCH).code == 6
    again = at(days, folder, sandbox, *BATCH)
    assert (again.code, sandbox.books.posts.total(), len(images())) == (0, 1, 1), again


@pytest.mark.parametrize("days", [8, 400, -400])
@pytest.mark.parametrize("fault", ["403", "404"])
def test_z2_a_refusal_that_passes_ends_nothing_under_a_wrong_clock(
    days: int, fault: str, folder: Path, sandbox: SandboxThread
) -> None:
    first = at(days, folder, sandbox, "gen", f"cat sandbox:{fault}-downloadx5", *SMALL)
    assert first.code == 6 or len(images()) == 1, first
    for _ in range(3):
        at(days, folder, sandbox, "recover")
    assert (states(), len(images()), sandbox.books.posts.total()) == (["saved"], 1, 1)


def test_z3_a_wrong_clock_purges_no_link(
    folder: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    cogview("gen", "cat", *SMALL, "-o", "cat.png")
    assert at(40, folder, sandbox, "gen", "dog", *SMALL).code == 0
    assert all(b"Signature" in entry.answer.raw for entry in history() if entry.answer)
    assert [entry.fetchable for entry in history()] == [True, True]


@pytest.mark.parametrize("link", ["past-url", "millis-url", "amz-url", "timeless-url"])
def test_z4_what_a_link_says_of_its_end_may_be_wrong(
    link: str, cogview: Run, sandbox: SandboxThread
) -> None:
    """A passing 404 is no end, and deleted pictures come back free."""
    Path("p.txt").write_text(f"cat sandbox:{link} sandbox:404-downloadx2\n")
    assert cogview(*BATCH).code == 6
    assert states() == ["answer"]
    assert cogview(*BATCH).code == 0
    for path in images():
        path.unlink()
    assert cogview(*BATCH).code == 0
    assert (sandbox.books.posts.total(), len(images()), states()) == (1, 1, ["saved"])


def test_z5_a_picture_saved_under_a_clock_ahead_hides_no_unknown_outcome(
    folder: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    """By sequence it came before."""
    Path("p.txt").write_text("cat sandbox:expired-url\n")
    assert at(40, folder, sandbox, *BATCH).code == 6
    assert states() == ["expired"]
    sandbox.script("cat", ["lost-answer"])
    assert cogview(*BATCH).code == 5
    for _ in range(3):
        assert cogview(*BATCH).code == 5
    assert sandbox.books.posts.total() == 2


@pytest.mark.parametrize(
    ("status", "days", "state"),
    [
        ("404 Not Found", 29, "answer"),
        ("404 Not Found", 31, "expired"),
        ("410 Gone", 31, "expired"),
        ("403 Forbidden", 31, "expired"),
        ("401 Unauthorized", 31, "expired"),
        ("500 Internal Server Error", 31, "answer"),
        ("302 Found", 31, "answer"),
    ],
)
def test_z6_a_link_is_dead_when_its_server_says_so_by_its_own_clock(
    status: str, days: int, state: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = http(status, b"", date(days))
    posts = [in_answer(url="%ORIGIN%/1.png").replace(b"\r\n", f"\r\n{date(0)}\r\n".encode(), 1)]
    Path("p.txt").write_text("cat\n")
    with Scripted(posts, [gone] * 12 + [SERVED]) as server:
        monkeypatch.setenv("COGVIEW_BASE_URL", server.base_url)
        assert cogview(*BATCH).code == 6
        assert states() == [state]
        assert server.count(b"POST") == 1


def test_z6_without_a_date_nothing_is_dead(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API's clock and the image host's must both be known."""
    link = f"%ORIGIN%/1.png?Expires={time.time() - 99 * DAY:.0f}"
    with Scripted([in_answer(url=link)], [http("404 Not Found")] * 12 + [SERVED]) as server:
        monkeypatch.setenv("COGVIEW_BASE_URL", server.base_url)
        assert cogview("gen", "cat", *SMALL).code == 6
        assert states() == ["answer"]


def test_z7_a_clock_that_is_off_is_told_once(
    folder: Path, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = at(0.5, folder, sandbox, "gen", "cat", *SMALL, "-n", "3")
    assert ended.code == 0 and ended.err.count("720 minutes ahead") == 1, ended
    assert "minutes behind" in at(-1, folder, sandbox, "gen", "cat", *SMALL).err
    assert "clock" not in cogview("gen", "cat", *SMALL).err


def test_z8_a_deleted_picture_is_tried_for_before_it_is_paid_again(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long after, and with the server's word that it is gone: paid by the run after."""
    Path("p.txt").write_text("cat\n")
    assert cogview(*BATCH).code == 0
    for path in files():
        if path.parent.name == "out":
            path.unlink()
    with monkeypatch.context() as world:
        later = formatdate(time.time() + 40 * DAY, usegmt=True)
        world.setattr("cogview_cli.sandbox.wire.formatdate", lambda **_: later)
        world.setattr(PictureStore, "find", lambda *_: None)
        ended = cogview(*BATCH)
        assert (ended.code, states()) == (6, ["expired"]), ended
        assert "cost" not in ended.out and sandbox.books.posts.total() == 1
    assert "price 0.06" in cogview(*BATCH, "--dry-run").err
    assert cogview(*BATCH).code == 0
    assert sandbox.books.posts.total() == 2
