"""The order of a gallery and its sums."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.gallery.items import (
    GalleryItem,
    counts,
    in_order,
    is_chinese,
    mostly_chinese,
    natural,
    total_cost,
)
from tests.gallery.samples import item, paid


def test_paths_come_in_natural_order_a_folder_together() -> None:
    paths = ["b/1.png", "cat-10.png", "cat-2.png", "Cat-1.png", "a/2.png", "a/10.png", "猫2.png"]
    ordered = [each.picture.path for each in in_order(map(item, paths)) if each.picture]
    assert ordered == [
        "a/2.png", "a/10.png", "b/1.png", "Cat-1.png", "cat-2.png", "cat-10.png", "猫2.png",
    ]  # fmt: skip


@given(st.lists(st.text(min_size=1)))
def test_any_names_have_one_order(names: list[str]) -> None:
    """Whatever order the disk gives them in."""
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


def test_what_has_no_picture_comes_last_as_it_was_asked() -> None:
    late, early = (
        GalleryItem(status="failed", created=9.0),
        GalleryItem(status="refused", created=3.0),
    )
    assert in_order([late, item(), early]) == [item(), early, late]


def test_costs_add_up_exactly_for_each_currency() -> None:
    items = [item(cost=paid("0.1")) for _ in range(3)]
    items += [item(cost=paid("0.02", "USD")), item()]
    assert total_cost(items) == [paid("0.3"), paid("0.02", "USD")]
    assert str(total_cost(items)[0].amount) == "0.3"


def test_two_pictures_of_one_request_cost_once() -> None:
    twins = [item("a.png", id="r1", cost=paid("0.06")), item("b.png", id="r1", cost=paid("0.06"))]
    assert total_cost(twins) == [paid("0.06")]
    assert total_cost([item(cost=paid("0.06"))] * 2)[0].amount == Decimal("0.12")


def test_only_what_occurs_is_counted() -> None:
    items = [GalleryItem(status="unknown"), item(), item(), GalleryItem(status="refused")]
    assert list(counts(items).items()) == [("saved", 2), ("refused", 1), ("unknown", 1)]


@pytest.mark.parametrize(
    "text, chinese",
    [
        ("一只可爱的小猫咪", True),
        ("水墨山水, 4K, HDR", True),
        ("a cat called 咪", False),
        ("かわいい猫", False),
        ("고양이 猫", False),
        ("cat", False),
        ("", False),
        ("1440x720", False),
    ],
)
def test_chinese_is_told_from_its_neighbours(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese


def test_most_prompts_decide_and_empty_ones_do_not_vote() -> None:
    assert mostly_chinese([item(prompt="猫"), item(prompt="狗"), item(prompt="cat"), item()])
    assert not mostly_chinese([item(prompt="猫"), item(prompt="cat")])
    assert not mostly_chinese([item()])
