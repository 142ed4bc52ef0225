"""What an earlier run left to do, decided from its requests and the files on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.batch.resume import Action, Decision, Rules, Sidecars, decide
from cogview_cli.ledger import Entry
from cogview_cli.pictures.seen import Seen
from tests.batch.support import entry

STRICT, FAILED, UNKNOWN = Rules(), Rules(retry_failed=True), Rules(retry_unknown=True)
THERE, GONE, EDITED, EMPTIED = "there.png", "gone.png", "edited.png", "emptied.png"
SPENT = {"fetchable": False}


def looked(file: Mapping[str, Any]) -> Seen:
    looks = {THERE: Seen.WHOLE, EDITED: Seen.CHANGED, EMPTIED: Seen.BROKEN}
    return looks.get(file["file"], Seen.MISSING)


def decided(
    *entries: Entry, rules: Rules = STRICT, seen: str | None = None
) -> tuple[Action, str | None, set[str]]:
    """What to do, the request that says so, and the requests passed over."""
    found: Decision = decide(entries, {Seen.WHOLE: seen}.get, rules, look=looked)
    return found.action, found.entry.id if found.entry else None, set(found.known)


# Requests oldest first → what to do, and by which of them.
TABLE = [
    ([], "send", None),
    ([("saved", THERE)], "done", "1"),
    ([("saved", GONE)], "fetch", "1"),
    ([("saved", GONE, SPENT)], "send", None),
    ([("answer", None)], "fetch", "1"),
    # However long ago: its server has not said that the link is dead.
    ([("answer", None, {"expires": 1.0, "answered": 1.0})], "fetch", "1"),
    ([("saved", GONE, {"expires": 1.0, "answered": 1.0})], "fetch", "1"),
    ([("saved", GONE, {"account": "sandbox"})], "send", None),
    ([("answer", None, {"account": "sandbox"})], "send", None),
    ([("expired", None)], "send", None),
    ([("saved", EMPTIED)], "fetch", "1"),
    ([("saved", EDITED)], "fetch", "1"),
    ([("saved", EMPTIED, SPENT)], "send", None),
    # Somebody's own work is not paid for again.
    ([("saved", EDITED, SPENT)], "done", "1"),
    ([("expired", EDITED, SPENT)], "done", "1"),
    ([("saved", EMPTIED), ("saved", THERE)], "done", "2"),
    ([("not_sent", None)], "send", None),
    ([("unknown", None)], "unknown", "1"),
    ([("rejected", None)], "refused", "1"),
    ([("resolved", None, {"code": "retry"})], "send", None),
    ([("resolved", None, {"code": "drop"})], "dropped", "1"),
    # What is on the disk or can be had for nothing goes before all that is not.
    ([("unknown", None), ("saved", THERE)], "done", "2"),
    ([("saved", THERE), ("unknown", None)], "done", "1"),
    ([("rejected", None), ("saved", THERE)], "done", "2"),
    ([("unknown", None), ("answer", None)], "fetch", "2"),
    ([("saved", GONE), ("saved", THERE)], "done", "2"),
    ([("saved", GONE, SPENT), ("saved", GONE)], "fetch", "2"),
    ([("saved", GONE), ("saved", GONE, SPENT)], "fetch", "1"),
    ([("saved", THERE), ("answer", None)], "done", "1"),
    ([("saved", GONE), ("rejected", None)], "fetch", "1"),
    # The newest decision holds; money that may be spent is never forgotten.
    ([("resolved", None, {"code": "retry"}), ("unknown", None)], "unknown", "2"),
    ([("unknown", None), ("resolved", None, {"code": "retry"})], "unknown", "1"),
    ([("unknown", None), ("rejected", None)], "unknown", "1"),
    ([("rejected", None), ("unknown", None)], "unknown", "2"),
    ([("unknown", None), ("not_sent", None)], "unknown", "1"),
    ([("rejected", None), ("not_sent", None)], "refused", "1"),
    ([("resolved", None, {"code": "drop"}), ("not_sent", None)], "dropped", "1"),
    ([("rejected", None), ("resolved", None, {"code": "retry"})], "send", None),
    ([("saved", GONE, SPENT), ("rejected", None)], "refused", "2"),
    ([("rejected", None), ("saved", GONE, SPENT)], "send", None),
    # An image that once was there settles what was unknown before it.
    ([("unknown", None), ("saved", GONE, SPENT)], "send", None),
    ([("saved", GONE, SPENT), ("unknown", None)], "unknown", "2"),
]


@pytest.mark.parametrize(("past", "action", "by"), TABLE)
def test_decide(past: list[tuple[object, ...]], action: str, by: str | None) -> None:
    entries = []
    for number, (state, file, *more) in enumerate(past, 1):
        extra = more[0] if more else {}
        entries.append(entry(str(state), str(number), file=file, **extra))  # type: ignore[arg-type]
    found, which, known = decided(*entries)
    assert (found, which) == (action, by)
    if action == "send":
        assert known == {item.id for item in entries if item.state != "not_sent"}


@pytest.mark.parametrize(
    ("state", "rules", "action"),
    [
        ("rejected", FAILED, "send"),
        ("rejected", UNKNOWN, "refused"),
        ("unknown", UNKNOWN, "send"),
        ("unknown", FAILED, "unknown"),
    ],
)
def test_each_permission_repeats_its_own_kind_only(state: str, rules: Rules, action: str) -> None:
    assert decided(entry(state), rules=rules)[0] == action


def test_permissions_never_repeat_what_is_there_or_free() -> None:
    everything = Rules(retry_failed=True, retry_unknown=True)
    assert decided(entry("saved", file=THERE), rules=everything)[0] == "done"
    assert decided(entry("saved", file=GONE), rules=everything)[0] == "fetch"
    assert decided(entry("answer"), rules=everything)[0] == "fetch"


def test_a_dropped_request_stays_dropped_under_every_permission() -> None:
    everything = Rules(retry_failed=True, retry_unknown=True)
    assert decided(entry("resolved", code="drop"), rules=everything)[0] == "dropped"


def test_all_images_of_an_answer_must_be_there() -> None:
    both = entry("saved", file=THERE)
    both.files.append({"file": GONE})
    assert decided(both)[0] == "fetch"


@pytest.mark.parametrize(
    ("entries", "action"),
    [
        ([], "done"),
        ([entry("saved", file=GONE)], "done"),
        ([entry("saved", file=GONE, **SPENT)], "done"),
        ([entry("unknown")], "done"),
        ([entry("rejected")], "done"),
        ([entry("answer")], "fetch"),
    ],
)
def test_a_sidecar_of_the_same_key_is_a_witness(entries: list[Entry], action: str) -> None:
    """But an answer that is paid and waits is fetched."""
    assert decided(*entries, seen="moved.png")[0] == action


def test_sidecars_are_not_read_when_the_ledger_knows() -> None:
    def never(_: Seen) -> str:
        raise AssertionError

    found = decide([entry("saved", file=THERE)], never, STRICT, look=lambda _: Seen.WHOLE)
    assert found.action == "done"


# --- sidecars -------------------------------------------------------------------


def sidecar(image: str, content: object) -> None:
    path = Path("out", f"{image}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def image(name: str, key: object) -> None:
    sidecar(name, {"key": key})
    Path("out", name).write_bytes(b"x")


def test_sidecars_are_found_by_key_in_all_folders() -> None:
    image("a.png", "k1")
    image("deep/er/猫.jpg", "k2")
    found = Sidecars(Path("out"))
    assert found.image("k1") == str(Path("out/a.png"))
    assert found.image("k2") == str(Path("out/deep/er/猫.jpg"))
    assert found.image("k3") is None


def test_a_sidecar_without_its_image_is_no_witness() -> None:
    sidecar("a.png", {"key": "k1"})
    assert Sidecars(Path("out")).image("k1") is None


def test_hidden_folders_are_not_searched() -> None:
    image(".trash/a.png", "k1")
    assert Sidecars(Path("out")).image("k1") is None


NO_SIDECARS = ["", "{", "[]", "null", "{}", '{"key": 7}', '{"key": ""}', '{"key": null}']


@pytest.mark.parametrize("content", [*NO_SIDECARS, "[" * 99999], ids=range(len(NO_SIDECARS) + 1))
def test_what_is_no_sidecar_is_passed_over(content: str) -> None:
    sidecar("a.png", content)
    Path("out/a.png").write_bytes(b"x")
    image("b.png", "k1")
    found = Sidecars(Path("out"))
    assert found.image("k1")
    assert found.image("") is None


def test_a_folder_that_is_not_there_has_no_witnesses() -> None:
    assert Sidecars(Path("nowhere")).image("k") is None


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_named_like_a_sidecar_holds_nobody_up() -> None:
    image("a.png", "k1")
    image("b.png", "k2")
    Path("out/b.png.json").unlink()
    os.mkfifo("out/b.png.json")
    found = Sidecars(Path("out"))
    assert (found.image("k1"), found.image("k2")) == (str(Path("out/a.png")), None)
