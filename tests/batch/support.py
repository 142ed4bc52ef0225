"""What the tests of `batch` share: prompt files, the command, what it left behind."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.api.protocol import Answer
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import RowDefaults, RowRequest, row_request
from cogview_cli.batch.selection import Selection
from cogview_cli.config.settings import load
from cogview_cli.ledger import PAID_STATES, Entry, State
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.sources import Record
from tests.conftest import Ended, Run

SMALL = ("-s", "512x512")
FULL = "cogview-4-250304"
NOW = 1_760_000_000.0
Batch = Callable[..., Ended]
OPEN_PLANS: list[Plan] = []


# Pure: records, rows, plans, requests of the ledger.


def record(prompt: str = "cat", **fields: Any) -> Record:
    return Record(**{"file": "p.csv", "line": 1, "prompt": prompt, **fields})


def defaults(
    *, count: int | None = None, name: str | None = None, validate: bool = True, **flags: Any
) -> RowDefaults:
    """What the command line says; `flags` are settings that were typed."""
    return RowDefaults(settings=load(flags), count=count, name=name, validate=validate, now=NOW)


def row(
    prompt: str = "cat", *, index: int = 1, asked: RowDefaults | None = None, **fields: Any
) -> RowRequest:
    return row_request(record(prompt, **fields), index, asked or defaults())


def plan_of(
    rows: list[str] | list[RowRequest], selection: Selection | None = None, *, host: str = "h"
) -> Plan:
    """A plan of these prompts or rows, arranged; closed when the test ends."""
    plan = Plan()
    OPEN_PLANS.append(plan)
    for number, item in enumerate(rows, 1):
        plan.add(row(item, index=number, line=number) if isinstance(item, str) else item)
    plan.arrange(host, selection or Selection())
    return plan


def contents(plan: Plan) -> list[tuple[str, str]]:
    """Prompt and key of every item, in order."""
    return [(item.body["prompt"], item.key) for item in plan.items()]


ENTRY = Entry(
    id="1",
    key="k",
    run="r",
    state=State.SAVED,
    attempt=1,
    asked=NOW,
    price=Decimal("0.06"),
    currency="CNY",
    base_url="http://127.0.0.1",
    account="a",
    namespace="n",
    body={"prompt": "cat", "model": FULL},
    target={},
    source=None,
    answered=NOW,
    generate_s=1.0,
    answer=Answer(status=200, headers={}, raw=b"{}"),
    expires=NOW + 3600,
    code=None,
    message=None,
    files=[],
)


def entry(state: str, id: str = "1", *, file: str | None = None, **more: Any) -> Entry:
    """A request in the ledger; without an answer where its state has none."""
    files = [{"file": file}] if file else []
    answer = ENTRY.answer if state in PAID_STATES else None
    return ENTRY._replace(
        **{"id": id, "state": State(state), "files": files, "answer": answer, **more}
    )


# The command.


def prompts(*lines: str, file: str = "p.txt") -> None:
    Path(file).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def rows(*objects: dict[str, Any], file: str = "p.jsonl") -> None:
    lines = (json.dumps(item, ensure_ascii=False) for item in objects)
    prompts(*lines, file=file)


def batch_of(cogview: Run) -> Batch:
    """`cogview batch p.txt` into `out`, small images; more arguments as they are given."""

    def run(*arguments: str, source: str = "p.txt") -> Ended:
        return cogview("batch", source, *SMALL, "-o", "out", *arguments)

    return run


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """`data` on stdin."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def refused(ended: Ended, sandbox: SandboxThread, code: int, *words: str) -> None:
    """Ended with `code` before any request, with nothing on stdout, and said these words."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert "error: " in ended.err and "\nhint: " in ended.err, ended
    for word in words:
        assert word in ended.err, ended
    assert not sandbox.books.posts


def lines(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def statuses(ended: Ended) -> list[str]:
    """The status of each `--json` image line, in the order of the source."""
    images = [line for line in lines(ended) if line["type"] == "image"]
    return [line["status"] for line in sorted(images, key=lambda x: (x["index"], x["n"]))]


def posts(sandbox: SandboxThread) -> int:
    return sum(sandbox.books.posts.values())


def pictures(folder: str = "out") -> list[str]:
    """Every image below `folder`, by its path in it."""
    found = (path for path in Path(folder).rglob("*") if path.suffix in (".png", ".jpg"))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def paths(ended: Ended) -> list[str]:
    """The paths on stdout, all of which must exist."""
    found = ended.out.splitlines()
    assert all(Path(path).is_file() for path in found), ended
    return sorted(found)


def edit_ledger(statement: str, *values: object) -> None:
    """Changes the ledger as time or another process would have."""
    with closing(sqlite3.connect(Path("../state/ledger.db"))) as ledger, ledger:
        ledger.execute(statement, values)


def ledger_column(name: str) -> list[Any]:
    """One column of all requests in the ledger, in the order they were asked."""
    with closing(sqlite3.connect(Path("../state/ledger.db"))) as ledger:
        return [row[0] for row in ledger.execute(f"select {name} from requests order by asked")]
