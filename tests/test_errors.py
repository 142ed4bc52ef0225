"""Errors: each has an exit code, and one code speaks for a whole run."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli import errors
from cogview_cli.errors import EXIT_MEANINGS, PRECEDENCE, CogviewError, ExitCode, worst

codes = st.lists(st.sampled_from(list(ExitCode)))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UsageError", 2),
        ("Rejected", 3),
        ("AccountError", 4),
        ("UnknownOutcome", 5),
        ("PaidNotSaved", 6),
        ("BudgetReached", 7),
        ("ContentRefused", 8),
        ("MachineError", 9),
        ("Temporary", 75),
        ("CogviewError", 1),
    ],
)
def test_every_error_leads_to_its_published_exit_code(name: str, code: int) -> None:
    error = getattr(errors, name)("what went wrong", hint="what to do")
    assert isinstance(error, CogviewError)
    assert (int(error.exit_code), str(error), error.hint) == (code, "what went wrong", "what to do")


def test_every_exit_code_has_a_rank_and_a_meaning() -> None:
    assert sorted(PRECEDENCE) == sorted(EXIT_MEANINGS) == sorted(ExitCode)


@pytest.mark.parametrize(("first", "second"), list(pairwise([143, 5, 6, 1, 4, 9, 7, 75, 3, 0])))
def test_the_worse_code_wins(first: int, second: int) -> None:
    both = [ExitCode(first), ExitCode(second)]
    assert worst(both) == worst(both[::-1]) == first


@pytest.mark.parametrize("signal", [129, 130, 141, 143])
def test_a_signal_outranks_everything_else(signal: int) -> None:
    others = [code for code in ExitCode if code < 100]
    assert worst([*others, ExitCode(signal)]) == signal


@given(codes)
def test_the_code_of_a_run_is_one_of_its_items_in_any_order(codes: list[ExitCode]) -> None:
    assert worst(codes) in (codes or [ExitCode.OK])
    assert worst(codes) == worst(sorted(codes))


def test_a_run_without_items_went_well() -> None:
    assert worst([]) is ExitCode.OK
