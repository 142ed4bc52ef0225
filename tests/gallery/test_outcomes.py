"""Requests of a batch that brought no picture, out of the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cogview_cli.config.store import state_dir
from cogview_cli.errors import MachineError
from cogview_cli.gallery.items import GalleryItem, Level
from cogview_cli.gallery.outcomes import without_picture
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Intent
from tests.gallery.samples import answered, asked, ledger, paid

REFUSAL = {
    "contentFilter": [{"role": "user", "level": 1}],
    "error": {"code": "1301", "message": "敏感内容"},
}


def fill(folder: Path) -> None:
    """One request of each state."""
    with ledger() as opened:
        refused, failed, lost, kept, gone, done, quiet = (
            asked(opened, folder, name, name)
            for name in ("refused", "failed", "lost", "kept", "gone", "done", "resolved")
        )
        opened.rejected(refused, answered(400, REFUSAL), "1301", Message.said("敏感内容"))
        opened.rejected(failed, answered(400, {}), "1214", Message.said(""))
        opened.unknown(lost, Message.said("the connection was cut"), None)
        opened.answer(kept, answered(200, {}), 9.0)
        opened.answer(gone, answered(200, {}), 9.0)
        opened.expired(gone, Message.said("the link has expired"))
        opened.answer(done, answered(200, {}), 9.0)
        opened.saved(done, [])
        opened.unknown(quiet, Message.said("lost"), None)
        opened.resolved(quiet, "drop")


def by_prompt(folder: Path, keys: set[str] | None = None) -> dict[str, GalleryItem]:
    return {item.prompt: item for item in without_picture(folder, keys or set())}


def test_each_state_has_its_status_and_words(tmp_path: Path) -> None:
    fill(tmp_path)
    found = by_prompt(tmp_path)
    assert {name: item.status for name, item in found.items()} == {
        "refused": "refused",
        "failed": "failed",
        "lost": "unknown",
        "kept": "unsaved",
        "gone": "expired",
    }
    assert (found["refused"].code, found["refused"].message) == ("1301", "敏感内容")
    assert found["refused"].filters == (Level(role="user", level="1"),)
    assert found["failed"].message == "a parameter is invalid"
    assert found["lost"].message == "the connection was cut"
    assert found["gone"].size == "512x512" and found["gone"].picture is None


def test_only_what_was_surely_paid_has_a_cost(tmp_path: Path) -> None:
    fill(tmp_path)
    found = by_prompt(tmp_path)
    costs = {name for name, item in found.items() if item.cost}
    assert costs == {"kept", "gone"}
    assert found["kept"].cost == paid("0.06")


def test_a_sandbox_costs_nothing(tmp_path: Path) -> None:
    with ledger() as opened:
        opened.answer(asked(opened, tmp_path, "p", "k", account="sandbox"), answered(200, {}), 1.0)
    assert by_prompt(tmp_path)["p"].cost is None


def test_other_folders_are_other_batches(tmp_path: Path) -> None:
    ours = tmp_path / "out"
    with ledger() as opened:
        for folder in (ours, ours / "sub", tmp_path / "out2", tmp_path, "gen:1f"):
            opened.unknown(
                asked(opened, Path(folder), str(folder), str(folder)), Message.said(""), None
            )
    assert by_prompt(ours).keys() == {str(ours), str(ours / "sub")}


def test_a_folder_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with ledger() as opened:
        opened.unknown(asked(opened, tmp_path / "real", "p", "k"), Message.said(""), None)
        opened.unknown(asked(opened, tmp_path / "link", "q", "l"), Message.said(""), None)
    assert by_prompt(tmp_path / "link").keys() == {"p", "q"}


def test_what_a_later_try_saved_or_repeated_is_shown_once(tmp_path: Path) -> None:
    with ledger() as opened:
        first = asked(opened, tmp_path, "first", "k")
        second = asked(opened, tmp_path, "second", "k", after=first)
        for id in (first, second, asked(opened, tmp_path, "saved later", "s")):
            opened.unknown(id, Message.said(""), None)
    assert by_prompt(tmp_path, {"s"}).keys() == {"second"}


def test_without_a_ledger_none_is_made(tmp_path: Path) -> None:
    assert without_picture(tmp_path, set()) == []
    assert not state_dir().exists()


def test_a_damaged_ledger_is_an_error_to_tell(tmp_path: Path) -> None:
    state_dir().mkdir()
    (state_dir() / "ledger.db").write_bytes(b"no database" * 100)
    with pytest.raises(MachineError):
        without_picture(tmp_path, set())


# --- refused, and made later -------------------------------------------------------


def sent(
    folder: Path, prompt: str, key: str, *, run: str, line: int = 1, made: bool = False,
    id: str | None = None, state: str = "rejected",
) -> None:  # fmt: skip
    """A request of a batch, of run `run` and row `line`; refused, or `made` and on disk."""
    source = {"file": "p.txt", "line": line, **({"row_id": id} if id else {})}
    intent = Intent(
        key=key, body={"model": "cogview-4", "prompt": prompt}, target={},
        price=Decimal("0.06"), currency="CNY", base_url="https://api.invalid", account="a",
        namespace=str(folder), source=source,
    )  # fmt: skip
    with ledger() as opened:
        known = {row["id"] for row in opened._file.rows("SELECT id FROM requests")}
        entry = opened.intend(intent, known)
        if made:
            opened.answer(entry.id, answered(200, {}), 1.0)
            opened.saved(entry.id, [{"file": str(folder / f"{key}-{run}.png")}])
        else:
            opened._set(entry.id, state=state, code="1301", status=400)
        opened._set(entry.id, run=run)


def test_a_refused_request_that_was_repeated_without_a_sidecar_counts_no_more(
    tmp_path: Path,
) -> None:
    sent(tmp_path, "cat", "k", run="1")
    sent(tmp_path, "cat", "k", run="2", made=True)
    sent(tmp_path, "dog", "unknown", run="1", state="unknown")
    sent(tmp_path, "dog", "unknown", run="2", made=True)
    assert by_prompt(tmp_path) == {}


def test_a_row_that_was_edited_and_then_made_counts_no_more(tmp_path: Path) -> None:
    sent(tmp_path, "bad cat", "k", run="1", line=3)
    sent(tmp_path, "bad dog", "l", run="1", line=4)
    sent(tmp_path, "bad hen", "m", run="1", line=5, id="A7")
    sent(tmp_path, "good cat", "n", run="2", line=3, made=True)
    sent(tmp_path, "good hen", "o", run="2", line=9, id="A7", made=True)
    assert by_prompt(tmp_path).keys() == {"bad dog"}


def test_the_same_prompt_made_by_another_command_counts(tmp_path: Path) -> None:
    sent(tmp_path, "cat", "k", run="1")
    sent(tmp_path, "cat", "other", run="2", line=7, made=True)
    assert by_prompt(tmp_path) == {}


def test_one_picture_settles_one_refusal_and_only_an_earlier_one(tmp_path: Path) -> None:
    sent(tmp_path, "cat", "early", run="0", made=True)
    for key in ("k", "l", "m"):
        sent(tmp_path, "cat", key, run="1")
    sent(tmp_path, "cat", "n", run="1", made=True)
    sent(tmp_path, "cat", "o", run="2", made=True)
    assert len(without_picture(tmp_path, set())) == 2


def test_what_was_made_elsewhere_settles_nothing(tmp_path: Path) -> None:
    sent(tmp_path / "out", "cat", "k", run="1")
    sent(tmp_path / "other", "cat", "l", run="2", made=True)
    assert by_prompt(tmp_path / "out").keys() == {"cat"}


def test_an_unknown_outcome_is_not_settled_by_likeness(tmp_path: Path) -> None:
    """It may have cost money: only its own repetition settles it."""
    sent(tmp_path, "cat", "k", run="1", state="unknown")
    sent(tmp_path, "cat", "l", run="2", made=True)
    assert by_prompt(tmp_path)["cat"].status == "unknown"
