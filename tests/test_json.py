"""What `--json` promises beyond how a run ends: its fields, its codes, its documentation."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cogview_cli
from cogview_cli import errors
from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.cli.json_schema import document
from cogview_cli.engine import deadline, pool
from cogview_cli.errors import CogviewError, MachineError
from cogview_cli.ledger import UNVERIFIED, State
from cogview_cli.outcome import Outcome, SavedFile, Status, image_records, problem_of
from tests.batch.support import edit_ledger, lines, posts
from tests.conftest import Run
from tests.faults.peers import Scripted, http
from tests.json_lines import check_line, check_run, prints_json
from tests.test_endings import objects

ROOT = Path(cogview_cli.__file__).parent
SMALL = ("-s", "512x512")
PICTURE = {"width", "height", "bytes", "sha256"}


def picture_facts(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in PICTURE & set(record)}


def expected_facts(file: str) -> dict[str, Any]:
    data = Path(file).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return {"width": 512, "height": 512, "bytes": len(data), "sha256": digest}


# --- pictures ---------------------------------------------------------------


def test_what_is_known_of_a_picture_is_told_when_it_is_made_and_when_it_is_passed_over(
    cogview: Run,
) -> None:
    Path("p.txt").write_text("cat\n")
    batch = ("batch", "p.txt", *SMALL, "-o", "out", "--json")
    made, _summary = objects(cogview(*batch))
    assert picture_facts(made) == expected_facts(made["file"]) and made["request_id"]
    passed_over, _summary = objects(cogview(*batch))
    assert (passed_over["status"], picture_facts(passed_over)) == ("skipped", picture_facts(made))


def test_a_sidecar_tells_it_where_the_ledger_is_lost(
    cogview: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("p.txt").write_text("cat\n")
    batch = ("batch", "p.txt", *SMALL, "-o", "out", "--json")
    made, _summary = objects(cogview(*batch))
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(tmp_path / "other"))
    passed_over, _summary = objects(cogview(*batch))
    assert picture_facts(passed_over) == picture_facts(made)


@pytest.mark.parametrize(
    "line",
    [
        ("batch", "p.txt", "-o", "out"),
        ("gen", "cat", "-o", "out/0001-cat.png", "--on-exists", "skip"),
    ],
    ids=["batch", "gen"],
)  # fmt: skip
def test_an_edited_picture_is_not_described_as_it_was(line: tuple[str, ...], cogview: Run) -> None:
    Path("p.txt").write_text("cat\n")
    made, _summary = objects(cogview("batch", "p.txt", *SMALL, "-o", "out", "--json"))
    edit_ledger("UPDATE requests SET fetchable = 0")  # or the batch fetches it again
    with Path(made["file"]).open("ab") as file:
        file.write(b"more")
    told, _summary = objects(cogview(*line, *SMALL, "--json"))
    assert told["status"] == "skipped"
    assert picture_facts(told) == {"bytes": made["bytes"] + 4}


@pytest.mark.parametrize(
    "image",
    [
        None, [], {"bytes": 9}, {"bytes": 1, "width": "x", "height": -1, "sha256": 5},
        {"bytes": 1, "width": None, "sha256": "ABC"},
    ],
)  # fmt: skip
def test_a_sidecar_that_tells_nonsense_tells_nothing(image: Any) -> None:
    from cogview_cli.pictures.sidecar import found_file

    Path("cat.png").write_bytes(b"x")
    Path("cat.png.json").write_text(json.dumps({"image": image}))
    found = found_file(Path("cat.png"))
    assert (found.width, found.height, found.bytes, found.sha256) == (0, 0, 1, "")


@pytest.mark.parametrize(
    ("body", "header"),
    [(b'{"error":{"code":"1301","message":"m"}}', "X-Log-Id: r-1"),
     (b'{"error":{"code":"1301","message":"m"},"request_id":"r-1"}', "X-Log-Id: r-2")],
    ids=["header", "body"],
)  # fmt: skip
def test_a_refusal_names_the_request_for_the_servers_support(
    body: bytes, header: str, cogview: Run
) -> None:
    with Scripted([http("400 Bad", body, "Content-Type: application/json", header)]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "--json")
    refused, _summary = objects(ended)
    assert (refused["status"], refused["request_id"]) == ("refused", "r-1")


def test_the_cost_of_an_answer_is_told_once() -> None:
    file = SavedFile("a.png", None, "png", 1, 1, 1, "0" * 64)
    outcome = Outcome(
        status=Status.SAVED, row=1, n=1, prompt="cat", model="m", size=None,
        cost=Decimal("0.06"), files=(file, file._replace(file="b.png")),
    )  # fmt: skip
    assert [record["cost"] for record in image_records(outcome)] == ["0.06", "0"]


# --- codes ------------------------------------------------------------------


def _error_classes() -> list[type[CogviewError]]:
    found = [CogviewError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", _error_classes())
def test_an_item_and_a_run_name_an_error_alike(kind: type[CogviewError]) -> None:
    assert problem_of(kind("x")).code == kind("x").code
    codes = document()["$defs"]["error"]["properties"]["code"]["enum"]
    assert kind("x").code in codes and "ok" not in codes


@pytest.mark.parametrize(("error", "code"), [(MachineError("x"), "machine"), (KeyError(1), "bug")])
def test_what_ends_a_pool_is_named_by_its_kind(error: Exception, code: str) -> None:
    import asyncio

    stopped: list[Any] = []

    class Here:
        stopping = False

        def stop(self, reason: Any) -> None:
            self.stopping = True
            stopped.append(reason)

        def notify(self, text: str, *, urgent: bool = False) -> None:
            """Nobody listens."""

    async def fails() -> Outcome:
        raise error

    run: Any = Here()
    lane = pool.Lane(iter([fails]), 1)
    with pytest.raises(type(error)):
        asyncio.run(pool.run_all(run, [lane], lambda _: None))
    assert [reason.code for reason in stopped] == [code]


def test_a_machine_in_the_way_of_one_item_has_a_code_for_scripts(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogview_cli.ledger import Ledger

    def no_intent(*_: object, **__: object) -> None:
        raise MachineError("no room")

    monkeypatch.setattr(Ledger, "intend", no_intent)
    found = objects(cogview("gen", "cat", *SMALL, "--json"))
    assert found[0]["error"]["code"] == "machine"


def _own_codes() -> Iterator[str]:
    """The codes that are written out where a problem is made."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                values = [each.value for each in node.keywords if each.arg == "code"]
                yield from (str(each.value) for each in values if isinstance(each, ast.Constant))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_of_ours_is_on_the_page(language: str) -> None:
    page = (ROOT / "help" / language / "json.md").read_text("utf-8").partition("<!--")[0]
    told = set(re.findall(r"`([\w-]+)`", page))
    own = {*_own_codes(), *(kind("x").code for kind in _error_classes())}
    own |= {kind.slug for kind in ErrorClass} | {
        State.EXPIRED,
        State.PENDING,
        UNVERIFIED,
        deadline.CODE,
        *pool.SIGNALS,
    }
    assert len(own) > 20 and own <= told
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*|SIG[A-Z]+", code) for code in own)


# --- dry runs ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "files"),
    [
        (("-o", "out/", "-n", "2"), None),
        (("-o", "cat.jpg"), ["cat.jpg"]),
        (("-o", "{slug}-{n:02}.png", "-n", "2"), ["cat-01.png", "cat-02.png"]),
        (("-o", "taken.png"), ["taken-2.png"]),
        (("-o", "taken.png", "--on-exists", "overwrite"), ["taken.png"]),
        (("-o", "{id}.png"), [None]),
        (("-o", "{created}.png"), [None]),
    ],
)
def test_a_dry_run_names_the_file_of_each_request(
    asked: tuple[str, ...], files: list[str | None] | None, cogview: Run
) -> None:
    Path("taken.png").write_bytes(b"x")
    *requests, summary = objects(cogview("gen", "cat", *asked, "--dry-run", "--json"))
    told = [request.get("file") for request in requests]
    if files is None:
        assert all(re.fullmatch(r"out/\d{8}-\d{6}-cat-[12]\.png", str(name)) for name in told)
    else:
        assert told == files
    assert summary["not_sent"] == summary["requests"] == len(requests)


def test_the_name_that_a_dry_run_tells_is_the_one_that_comes(cogview: Run) -> None:
    line = ("gen", "cat", *SMALL, "-o", "out/{slug}-{n}.webp", "-n", "2", "--json")
    *planned, _summary = objects(cogview(*line, "--dry-run"))
    *made, _summary = objects(cogview(*line))
    assert {one["file"] for one in made} == {one["file"] for one in planned}


def test_a_dry_run_of_a_batch_counts_the_items_as_they_stand(cogview: Run) -> None:
    Path("p.txt").write_text("cat\ncat sandbox:1301\ncat sandbox:lost-answer\n")
    batch = ("batch", "p.txt", *SMALL, "-o", "out", "--json", "--retries", "0")
    cogview(*batch)
    Path("p.txt").write_text(Path("p.txt").read_text() + "dog\n")
    *_requests, summary = objects(cogview(*batch, "--dry-run"))
    counted = {name: summary[name] for name in ("skipped", "refused", "unknown", "not_sent")}
    assert counted == {"skipped": 1, "refused": 1, "unknown": 1, "not_sent": 1}
    assert (summary["requests"], summary["exit_code"]) == (1, 0)


# --- the schema -------------------------------------------------------------


def test_the_schema_that_is_printed_is_one(cogview: Run) -> None:
    ended = cogview("help", "json", "--schema")
    assert json.loads(ended.out) == document()
    jsonschema.Draft202012Validator.check_schema(document())
    for line in lines(cogview("gen", "cat", *SMALL, "--json")):
        jsonschema.validate(line, document(), jsonschema.Draft202012Validator)


def test_the_schema_is_of_one_topic(cogview: Run) -> None:
    for line in (("help", "--schema"), ("help", "names", "--schema")):
        assert cogview(*line).code == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_shown_in_the_language_of_the_user(
    language: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_LANG", language)
    shown = cogview("help", "json").out
    for name in document()["$defs"]["image"]["properties"].keys() - {"type", "schema"}:
        assert re.search(rf"^{name}  ", shown, re.MULTILINE), name
    assert ("结束" in shown) == (language == "zh")


GOOD: dict[str, Any] = {
    "type": "image", "status": "saved", "file": "a.png", "index": 1, "n": 1, "prompt": "",
    "model": "m", "cost": "0.06",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"new": 1}, {"cost": 0.06}, {"status": "done"}, {"index": 0}, {"type": "picture"},
        {"error": {"code": "x", "message": "y"}}, {"width": None},
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_documented_is_noticed(change: dict[str, Any]) -> None:
    """Or the suite, which checks each line it sees, could not fail."""
    check_line(GOOD)
    with pytest.raises(AssertionError):
        check_line({**GOOD, **change})


def test_the_order_of_lines_is_noticed() -> None:
    first, later = json.dumps({"schema": 1, **GOOD}), json.dumps(GOOD)
    check_run(f"{first}\n{later}\n")
    check_run(f'{first}\n{later}\n{{"cut')
    for wrong in (f"{later}\n", f"{first}\n{first}\n"):
        with pytest.raises(AssertionError):
            check_run(wrong)


def test_which_command_lines_are_checked() -> None:
    assert prints_json(["gen", "cat", "--json"])
    assert not prints_json(["gen", "--", "--json"])
    assert not prints_json(["gen", "--json", "--help"])


def test_fields_of_extra_alone_may_be_others(cogview: Run) -> None:
    request, _summary = objects(
        cogview("gen", "cat", "--extra", "steps=9", "--extra", "type=x", "--dry-run", "--json")
    )
    assert (request["steps"], request["type"]) == (9, "request")
    with pytest.raises(AssertionError):
        check_line(request)


def test_other_commands_name_the_type_of_their_lines(cogview: Run, sandbox: Any) -> None:
    cogview("gen", "cat", *SMALL, "-o", "out/")
    found = {
        line[0]: {record["type"] for record in lines(cogview(*line, "--json"))}
        for line in (("sizes",), ("config", "show"), ("history",), ("gallery", "out"))
    }
    expected = {"sizes": "size", "config": "setting", "history": "request", "gallery": "gallery"}
    assert found == {name: {kind} for name, kind in expected.items()}
    assert posts(sandbox) == 1
