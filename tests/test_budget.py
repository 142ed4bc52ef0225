"""Budget: spent + unknown + in flight never crosses the limit, in exact decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.engine.budget import Budget

prices = st.decimals(min_value=0, max_value=1, places=2)
endings = st.sampled_from(["charge", "mark_unknown", "release"])


def end(budget: Budget, how: str, price: Decimal) -> None:
    getattr(budget, how)(price)


@given(st.decimals(0, 5, places=2), st.lists(st.tuples(prices, st.none() | endings), max_size=60))
@settings(deadline=None)
def test_no_order_of_requests_crosses_the_limit(
    limit: Decimal, steps: list[tuple[Decimal, str | None]]
) -> None:
    budget, open_prices = Budget(limit), list[Decimal]()
    for price, how in steps:
        if budget.reserve(price):
            open_prices.append(price)
        if how and open_prices:
            end(budget, how, open_prices.pop(0))
        assert budget.spent + budget.unknown + budget.in_flight <= limit
        assert budget.in_flight == sum(open_prices, Decimal(0))


@given(st.lists(st.tuples(prices, endings), max_size=40))
@settings(deadline=None)
def test_every_reserved_yuan_ends_as_spent_unknown_or_free(
    steps: list[tuple[Decimal, str]],
) -> None:
    budget, ended = Budget(), dict.fromkeys(("charge", "mark_unknown", "release"), Decimal(0))
    for price, how in steps:
        assert budget.reserve(price)
        end(budget, how, price)
        ended[how] += price
    assert (budget.spent, budget.unknown) == (ended["charge"], ended["mark_unknown"])
    assert budget.in_flight == 0
    assert budget.committed == ended["charge"] + ended["mark_unknown"]


def test_ten_fen_allow_one_image_of_six() -> None:
    budget = Budget(Decimal("0.10"))
    assert [budget.reserve(Decimal("0.06")) for _ in range(3)] == [True, False, False]


def test_the_limit_itself_may_be_reached() -> None:
    budget = Budget(Decimal("0.30"))
    assert all(budget.reserve(Decimal("0.1")) for _ in range(3))
    assert not budget.reserve(Decimal("0.01"))


@pytest.mark.parametrize("how", ["charge", "mark_unknown"])
def test_spent_and_unknown_money_stays_counted(how: str) -> None:
    budget = Budget(Decimal("0.06"))
    assert budget.reserve(Decimal("0.06"))
    end(budget, how, Decimal("0.06"))
    assert not budget.reserve(Decimal("0.06"))


def test_a_request_that_cost_nothing_gives_its_money_back() -> None:
    budget = Budget(Decimal("0.06"))
    assert budget.reserve(Decimal("0.06"))
    budget.release(Decimal("0.06"))
    assert budget.reserve(Decimal("0.06"))


def test_free_images_pass_a_limit_of_zero() -> None:
    assert Budget(Decimal(0)).reserve(Decimal(0))
    assert not Budget(Decimal(0)).reserve(Decimal("0.01"))
