"""One row of the catalogue, and the check that holds for every row."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.world import KEY, SMALL, UNSAFE, files, history, images, states, temporaries


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault of `gen` and what must come of it, after so many `seconds` at least.

    `fault` is the sandbox's name for it. `posts` is (least, most). `recovered` is
    the exit code of `recover` afterwards, and `finally_` the state it leaves.
    """

    id: str
    fault: str
    code: int
    state: str
    posts: tuple[int, int] = (1, 1)
    charged: int = 0
    images: int = 0
    suffix: str = ".png"
    downloads: int | None = None
    args: tuple[str, ...] = ()
    seconds: float = 0
    words: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    recovered: int = 0
    finally_: str = ""


def not_sent(id: str, fault: str, code: int, *args: str, **more: object) -> Case:
    """It provably cost nothing."""
    return Case(id=id, fault=fault, code=code, state="not_sent", args=args, **more)  # type: ignore[arg-type]


def saved(id: str, fault: str, *args: str, posts: int = 1, **more: object) -> Case:
    """One picture, paid once, after so many POSTs."""
    kept = {"images": 1, "charged": 1, "posts": (posts, posts), **more}
    return Case(id=id, fault=fault, code=0, state="saved", args=args, **kept)  # type: ignore[arg-type]


def unknown(id: str, fault: str, *args: str, charged: int = 1) -> Case:
    """Perhaps paid; never repeated."""
    return Case(id=id, fault=fault, code=5, state="unknown", charged=charged, args=args)


def unsaved(id: str, fault: str, *args: str, **more: object) -> Case:
    """Paid, not on disk; the answer is kept, and the fault lasts."""
    kept = {"recovered": 6, **more}
    return Case(id=id, fault=fault, code=6, state="answer", charged=1, args=args, **kept)  # type: ignore[arg-type]


def later(id: str, fault: str, **more: object) -> Case:
    """Paid, not on disk; the fault has passed when `recover` runs."""
    return unsaved(id, fault, recovered=0, finally_="saved", **more)


def run_case(case: Case, cogview: Run, sandbox: SandboxThread) -> None:
    """`gen`, then `recover`: exit codes, POSTs, charges, files, ledger, streams."""
    began = time.monotonic()
    ended = cogview("gen", f"cat sandbox:{case.fault}", *SMALL, *case.args)
    assert time.monotonic() - began >= case.seconds
    books = sandbox.books
    assert ended.code == case.code, ended
    assert case.posts[0] <= books.posts.total() <= case.posts[1], books.posts
    assert books.charges.total() == case.charged
    assert case.downloads is None or books.downloads.total() == case.downloads
    for word in case.words:
        assert word in ended.err, ended
    assert states() == [case.state]
    check_streams(ended)
    check_files(ended, case.images, case.suffix, case.keeps)
    check_answer(case.state)
    _recover(case, cogview, sandbox)


def _recover(case: Case, cogview: Run, sandbox: SandboxThread) -> None:
    """`recover` never POSTs, pays nothing, and leaves nothing half done."""
    posts, charges = sandbox.books.posts.total(), sandbox.books.charges.total()
    again = cogview("recover")
    assert again.code == case.recovered, again
    assert states() == [case.finally_ or case.state]
    assert (sandbox.books.posts.total(), sandbox.books.charges.total()) == (posts, charges)
    if case.finally_ == "saved":
        check_files(again, 1, case.suffix, ())
    check_streams(again)
    assert sandbox.books.leaks == []


def check_streams(ended: Ended) -> None:
    """No key, no control character, no traceback; an error says what to do next."""
    assert KEY not in ended.out + ended.err
    assert not UNSAFE.search(ended.out) and not UNSAFE.search(ended.err), ended
    assert "Traceback" not in ended.err
    if ended.code:
        assert "error: " in ended.err and "hint: " in ended.err, ended


def check_files(ended: Ended, count: int, suffix: str, keeps: tuple[str, ...]) -> None:
    """So many whole pictures, each with its sidecar, each on stdout; nothing else but `keeps`."""
    found = images()
    assert [path.suffix for path in found] == [suffix] * count
    assert sorted(Path(line).resolve() for line in ended.out.splitlines()) == found
    for path in found:
        check(path)
        kept = json.loads(Path(f"{path}.json").read_text("utf-8"))["image"]
        assert (kept["file"], kept["bytes"]) == (path.name, path.stat().st_size)
    others = set(files()) - set(found) - {Path(f"{path}.json") for path in found}
    assert sorted(path.suffix for path in others) == sorted(keeps)
    assert not [path for path in temporaries() if path.suffix not in keeps]


def check_answer(state: str) -> None:
    """What was paid for stays in the ledger byte for byte."""
    (entry,) = history()
    if state in ("answer", "saved", "expired"):
        assert entry.answer is not None and entry.answer.raw
