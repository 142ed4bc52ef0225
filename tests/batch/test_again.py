"""The same `batch` again: only what is missing is asked, and nothing is paid twice."""

from __future__ import annotations

import json
import os
import shutil
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogview_cli.pictures import sidecar
from cogview_cli.sandbox.gallery import PictureStore
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    Batch,
    edit_ledger,
    ledger_column,
    lines,
    paths,
    pictures,
    posts,
    prompts,
    statuses,
)
from tests.conftest import Ended, Run

TWO = ["out/0001-cat.png", "out/0002-dog.png"]


def test_the_same_again_sends_nothing_and_prints_the_paths(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    first, again = batch(), batch()
    assert (first.code, again.code) == (0, 0)
    assert paths(first) == paths(again) == TWO
    assert posts(sandbox) == 2 and sum(sandbox.books.downloads.values()) == 2
    assert "skipped 2" in again.err


def test_skipped_images_cost_nothing_in_the_data(batch: Batch) -> None:
    prompts("cat")
    batch()
    image, summary = lines(batch("--json"))
    assert (image["status"], image["cost"], image["file"]) == ("skipped", "0", "out/0001-cat.png")
    assert image["sidecar"] == "out/0001-cat.png.json"
    assert (summary["skipped"], summary["saved"], summary["cost"]) == (1, 0, "0")


def test_an_edited_file_asks_for_new_prompts_only(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog", "owl", "cat")
    assert batch().code == 0
    prompts("new", "owl", "cat", "dog", "cat", "cat")
    ended = batch()
    assert ended.code == 0
    assert dict(sandbox.books.posts) == {"cat": 3, "dog": 1, "owl": 1, "new": 1}
    assert len(paths(ended)) == 6
    prompts("dog")
    assert paths(batch()) == ["out/0002-dog.png"]


def test_changed_parameters_are_new_images(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch()
    assert batch("-q", "hd").code == 0
    assert sandbox.books.posts["cat"] == 2


def test_more_of_each_asks_for_the_difference(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    batch("-n", "1")
    assert len(paths(batch("-n", "3"))) == 6
    assert dict(sandbox.books.posts) == {"cat": 3, "dog": 3}


def test_another_folder_is_another_batch(cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat")
    for folder in ("a", "b"):
        assert cogview("batch", "p.txt", "-s", "512x512", "-o", folder).code == 0
    assert sandbox.books.posts["cat"] == 2


def test_the_folder_is_the_same_by_any_path(cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat")
    Path("out").mkdir()
    Path("link").symlink_to("out")
    for folder in ("out", "link", "out/../out/", str(Path("out").absolute())):
        assert cogview("batch", "p.txt", "-s", "512x512", "-o", folder).code == 0
    assert sandbox.books.posts["cat"] == 1


# --- files that are gone --------------------------------------------------------


def test_deleted_images_come_back_without_being_asked_again(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    batch()
    before = Path(TWO[0]).read_bytes()
    Path(TWO[0]).unlink()
    image, _ = (line for line in lines(batch("--json")) if line["type"] == "image")
    ended = batch()
    assert (ended.code, paths(ended)) == (0, TWO)
    assert Path(TWO[0]).read_bytes() == before
    assert posts(sandbox) == 2
    assert image["cost"] == "0"


def test_a_deleted_folder_comes_back_whole(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    batch("--name", "{slug}/{index}")
    shutil.rmtree("out")
    assert batch("--name", "{slug}/{index}").code == 0
    assert pictures() == ["cat/1.png", "dog/2.png"]
    assert posts(sandbox) == 2


def test_a_deleted_image_is_asked_again_once_its_server_says_that_the_link_is_dead(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 404 within the link's time says nothing: it may pass."""
    prompts("cat", "dog")
    batch()
    Path(TWO[0]).unlink()
    with monkeypatch.context() as world:
        world.setattr(PictureStore, "find", lambda *_: None)
        for _ in range(2):
            ended = batch()
            assert (ended.code, posts(sandbox)) == (6, 2), ended
        later = formatdate(time.time() + 8 * 86400, usegmt=True)
        world.setattr("cogview_cli.sandbox.wire.formatdate", lambda **_: later)
        _skipped, image, _summary = lines(batch("--json"))
        assert (image["error"]["code"], posts(sandbox)) == ("expired", 2)
    assert ledger_column("state") == ["expired", "saved"]
    assert batch().code == 0
    assert dict(sandbox.books.posts) == {"cat": 2, "dog": 1}


def test_a_download_that_fails_is_6_until_it_works_and_is_paid_once(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat sandbox:404-download", "dog")
    for status in ("saved", "skipped"):
        ended = batch("--json")
        assert (ended.code, statuses(ended)) == (6, ["unsaved", status])
    assert posts(sandbox) == 2
    assert lines(ended)[-1]["cost"] == "0", "the first run has told the cost"


def test_an_answer_that_waits_is_fetched(batch: Batch, sandbox: SandboxThread) -> None:
    """As the ledger of a run that was killed between the answer and the image."""
    prompts("cat", "dog")
    batch()
    edit_ledger("update requests set state = 'answer', files = null, run = 'dead'")
    shutil.rmtree("out")
    again = batch("--json")
    assert (again.code, statuses(again), pictures()) == (
        0,
        ["saved"] * 2,
        ["0001-cat.png", "0002-dog.png"],
    )
    assert posts(sandbox) == 2


# --- witnesses that are gone ----------------------------------------------------


def test_without_the_ledger_the_sidecars_are_believed(
    batch: Batch, sandbox: SandboxThread, tmp_path: Path
) -> None:
    prompts("cat", "dog", "cat")
    batch()
    shutil.rmtree(tmp_path / "state")
    again = batch()
    assert (again.code, len(paths(again)), posts(sandbox)) == (0, 3, 3)


def test_what_was_there_is_told_in_the_order_of_the_rows_whatever_tells_of_it(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger, a sidecar alone, a refusal, the user's word: some of each in a chunk."""
    monkeypatch.setattr("cogview_cli.batch.plan.CHUNK", 3)
    prompts(*(f"cat {number}{' sandbox:1301' * (number % 4 == 2)}" for number in range(11)))
    first = _by_row(batch("--jobs", "1", "--json"))
    Path("out/0001-cat-0.png").unlink()
    edit_ledger("update requests set state = 'expired', code = 'drop' where seq = 1")
    edit_ledger("delete from requests where seq % 3 = 1 and state = 'saved'")
    again = _by_row(batch("--json", "--report", "r.json"))
    assert list(again) == list(range(1, 12))
    assert [again[row]["status"] for row in (1, 3, 4)] == ["skipped", "refused", "skipped"]
    files = [(line.get("file"), line.get("sha256")) for line in again.values()]
    assert files[1:] == [(line.get("file"), line.get("sha256")) for line in first.values()][1:]
    images = json.loads(Path("r.json").read_text("utf-8"))["images"]
    assert [(line.get("file"), line.get("sha256")) for line in images] == files
    assert posts(sandbox) == 11


def _by_row(ended: Ended) -> dict[int, dict[str, Any]]:
    """The `--json` lines of the images by their row, in the order in which they came."""
    return {line["index"]: line for line in lines(ended) if line["type"] == "image"}


def test_a_finished_batch_reads_no_sidecar(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts("cat", "dog")
    batch()

    def unread(path: Path) -> dict[str, Any]:
        raise AssertionError(path)

    monkeypatch.setattr(sidecar, "read", unread)
    for flags in ((), ("--replace-edited",), ("--dry-run",)):
        assert batch(*flags).code == 0


def test_renamed_images_are_known_by_their_sidecars(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch()
    Path("out/mine").mkdir()
    for suffix in ("", ".json"):
        Path(f"{TWO[0]}{suffix}").rename(f"out/mine/best.png{suffix}")
    assert paths(batch()) == ["out/mine/best.png"]
    assert posts(sandbox) == 1


def test_without_sidecars_the_ledger_is_believed(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    batch("--no-sidecar")
    assert os.listdir("out") == ["0001-cat.png"]
    assert paths(batch("--no-sidecar")) == ["out/0001-cat.png"]
    assert posts(sandbox) == 1


def test_images_of_the_sandbox_are_never_taken_for_real_ones(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    assert batch("--sandbox").code == 0
    assert posts(sandbox) == 0
    real = batch("--json")
    assert (real.code, statuses(real), posts(sandbox)) == (0, ["saved", "saved"], 2)
    assert statuses(batch("--sandbox", "--json")) == ["skipped", "skipped"]


def test_a_deleted_image_of_the_sandbox_is_made_again(batch: Batch) -> None:
    prompts("cat")
    batch("--sandbox")
    Path("out/0001-cat.png").unlink()
    again = batch("--sandbox", "--json")
    assert (again.code, statuses(again), pictures()) == (0, ["saved"], ["0001-cat.png"])


# --- refusals -------------------------------------------------------------------


def test_a_refused_prompt_is_not_asked_again_unless_told(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat sandbox:1301", "dog")
    for _ in range(2):
        ended = batch("--json")
        assert ended.code == 3
    assert statuses(ended) == ["refused", "skipped"]
    assert sandbox.books.posts["cat sandbox:1301"] == 1
    assert "--retry-failed" in batch().err
    assert batch("--retry-failed").code == 3
    assert dict(sandbox.books.posts) == {"cat sandbox:1301": 2, "dog": 1}


def test_a_retried_refusal_that_works_is_done(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat sandbox:1301x1")
    assert batch().code == 3
    assert batch("--retry-failed").code == 0
    assert batch("--retry-failed").code == 0
    assert posts(sandbox) == 2


def test_refusals_of_a_folder_that_is_gone_are_still_3(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    assert batch().code == 3
    shutil.rmtree("out")
    assert batch().code == 3
    assert not Path("out").exists()


def test_what_was_not_sent_is_asked_again(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat sandbox:1113x1", "dog")
    assert batch("--jobs", "1").code == 4
    assert batch("--jobs", "1").code == 0
    assert dict(sandbox.books.charges) == {"cat sandbox:1113x1": 1, "dog": 1}


# --- unknown outcomes -----------------------------------------------------------

LOST = "cat sandbox:lost-answerx1"


def test_an_unknown_outcome_is_not_repeated_and_stays_5(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts(LOST, "dog")
    first, again = batch("--json"), batch("--json")
    assert (first.code, again.code) == (5, 5)
    assert statuses(again) == ["unknown", "skipped"]
    assert sandbox.books.posts[LOST] == 1
    assert lines(first)[-1]["cost_max"] == "0.12"
    assert "history --unknown" in again.err + batch().err
    assert "error: p.txt:1: outcome unknown, it may have been paid: " in first.err
    assert "error: p.txt:1: an earlier request may have been paid" in again.err


def test_on_unknown_retry_asks_once_more_and_then_it_is_done(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts(LOST)
    assert batch().code == 5
    assert batch("--on-unknown", "retry").code == 0
    assert batch().code == 0
    assert sandbox.books.posts[LOST] == 2


@pytest.mark.parametrize(("decision", "asked"), [("--retry", 2), ("--drop", 1)])
def test_the_users_decision_settles_an_unknown(
    batch: Batch, cogview: Run, sandbox: SandboxThread, decision: str, asked: int
) -> None:
    prompts(LOST)
    assert batch().code == 5
    (id,) = ledger_column("id")
    assert cogview("history", "resolve", id, decision).code == 0
    assert batch().code == 0
    assert batch().code == 0
    assert sandbox.books.posts[LOST] == asked


def test_a_killed_runs_intent_is_unknown(batch: Batch, sandbox: SandboxThread) -> None:
    """As the ledger of a run that was killed between POST and answer."""
    prompts("cat", "dog")
    batch()
    edit_ledger("update requests set state = 'intent', run = 'dead' where source like '%1}%'")
    assert sorted(ledger_column("state")) == ["intent", "saved"]
    for path in Path("out").glob("0001*"):
        path.unlink()
    ended = batch("--json")
    assert (ended.code, statuses(ended)) == (5, ["unknown", "skipped"])
    assert posts(sandbox) == 2


# --- any edit ------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["cat", "dog", "owl"]), min_size=1, max_size=5)


@settings(
    max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(WORDS, WORDS)
def test_any_edit_pays_for_each_wanted_image_once(
    batch: Batch, sandbox: SandboxThread, before: list[str], after: list[str]
) -> None:
    """Of each content as many are made as the larger of the two files wants."""
    shutil.rmtree("out", ignore_errors=True)
    shutil.rmtree("../state", ignore_errors=True)
    sandbox.books.posts.clear()
    prompts(*before)
    assert batch().code == 0
    assert sandbox.books.posts == {text: before.count(text) for text in set(before)}
    prompts(*after)
    ended = batch()
    assert ended.code == 0
    assert len(set(paths(ended))) == len(after)
    most = {text: max(before.count(text), after.count(text)) for text in {*before, *after}}
    assert sandbox.books.posts == most


def test_sidecars_tell_the_row(batch: Batch) -> None:
    Path("p.csv").write_text("prompt,sku\ncat,A1\n", "utf-8")
    assert batch(source="p.csv").code == 0
    kept = json.loads(Path("out/0001-cat.png.json").read_text("utf-8"))
    assert kept["source"] == {"file": "p.csv", "line": 2, "sku": "A1"}
