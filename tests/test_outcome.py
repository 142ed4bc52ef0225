"""Outcomes: what one request reports, and what a run of them adds up to."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cogview_cli.errors import ExitCode, MachineError, Temporary
from cogview_cli.outcome import (
    STATUSES,
    Outcome,
    Problem,
    SavedFile,
    Summary,
    image_records,
    problem_of,
)

PRICE = Decimal("0.06")
REFUSED = Problem(code="1301", message="no", exit_code=ExitCode.REFUSED, http_status=400)
LOST = Problem(code="", message="cut", exit_code=ExitCode.UNKNOWN)


def saved_file(name: str = "cat.png") -> SavedFile:
    return SavedFile(
        file=name, sidecar=f"{name}.json", format="png", width=1, height=1, bytes=9, sha256="0"
    )


def outcome(status: str = "saved", **more: Any) -> Outcome:
    fields = {"row": 1, "n": 1, "prompt": "猫", "model": "cogview-4", "size": None, **more}
    return Outcome(status=status, **fields)


def summary_of(*outcomes: Outcome, single: bool = False) -> Summary:
    summary = Summary(single=single)
    for each in outcomes:
        summary.add(each)
    return summary


def test_a_saved_image_is_one_record_with_its_cost_as_exact_text() -> None:
    (record,) = image_records(outcome(cost=PRICE, price=PRICE, files=(saved_file(),), id="x"))
    assert record["type"] == "image" and record["status"] == "saved"
    assert (record["file"], record["sidecar"]) == ("cat.png", "cat.png.json")
    assert (record["cost"], record["content_filter"]) == ("0.06", [])


def test_absent_keys_are_left_out() -> None:
    (record,) = image_records(outcome("not_sent"))
    assert set(record) == {"type", "status", "index", "n", "prompt", "model"}


def test_an_answer_with_two_images_was_paid_once() -> None:
    records = image_records(outcome(cost=PRICE, files=(saved_file("a"), saved_file("b"))))
    assert [record["file"] for record in records] == ["a", "b"]
    assert sum(Decimal(record["cost"]) for record in records) == PRICE


def test_a_refusal_carries_code_status_and_filter() -> None:
    levels = ({"role": "user", "level": 1},)
    (record,) = image_records(outcome("refused", problem=REFUSED, content_filter=levels))
    assert record["error"] == {
        "code": "1301", "message": "no", "http_status": 400, "retryable": False,
    }  # fmt: skip
    assert record["content_filter"] == [{"role": "user", "level": 1}]


def test_every_record_is_json() -> None:
    records = [*image_records(outcome(cost=PRICE, problem=LOST)), summary_of(outcome()).record()]
    assert json.loads(json.dumps(records)) == records


def test_a_summary_counts_every_status_and_names_those_at_zero() -> None:
    record = summary_of(outcome(), outcome(), outcome("skipped")).record()
    assert set(STATUSES) <= set(record)
    assert [record[s] for s in STATUSES] == [2, 1, 0, 0, 0, 0, 0]
    assert (record["type"], record["exit_code"]) == ("summary", 0)


def test_unknown_outcomes_raise_only_the_most_it_may_have_cost() -> None:
    record = summary_of(
        outcome(cost=PRICE, price=PRICE), outcome("unknown", price=PRICE, problem=LOST)
    ).record()
    assert (record["cost"], record["cost_max"], record["exit_code"]) == ("0.06", "0.12", 5)


@pytest.mark.parametrize(("single", "code"), [(True, 8), (False, 3)])
def test_a_refusal_is_8_for_one_prompt_and_3_in_a_batch(single: bool, code: int) -> None:
    summary = summary_of(outcome("refused", problem=REFUSED), single=single)
    assert summary.exit_code == code


def test_what_stopped_the_run_counts_in_its_exit_code() -> None:
    summary = summary_of(outcome())
    summary.stopped = ExitCode.INTERRUPTED
    assert summary.record()["exit_code"] == 130


@pytest.mark.parametrize(("error", "retryable"), [(Temporary, True), (MachineError, False)])
def test_only_temporary_errors_are_worth_another_run(error: type, retryable: bool) -> None:
    problem = problem_of(error("x", hint="y"))
    assert (problem.message, problem.hint, problem.retryable) == ("x", "y", retryable)
    assert outcome("failed", problem=problem).exit_code is error("x").exit_code
