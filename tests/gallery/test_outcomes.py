"""Requests of a batch that brought no picture, out of the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogview_cli.config.store import state_dir
from cogview_cli.errors import MachineError
from cogview_cli.gallery.items import GalleryItem, Level
from cogview_cli.gallery.outcomes import without_picture
from cogview_cli.i18n.stored_messages import Message
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
