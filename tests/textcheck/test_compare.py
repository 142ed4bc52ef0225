"""Wanted text against what was read: scores, what is named, and what is never let through."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cogview_cli.textcheck.compare import DOUBTFUL_BELOW, Comparison, TextResult, compare
from cogview_cli.textcheck.plain import plain
from cogview_cli.textcheck.reading import Block

TITLE = "重生之我是韦小宝"
TEXTS = st.text("春眠不觉晓处闻啼鸟夜来风雨声abcXY", min_size=1, max_size=14)
OTHERS = st.lists(st.text("甲乙丙丁戊己庚辛MNOP", min_size=1, max_size=8), max_size=4)


def result(wanted: str, *read: str, strict: bool = False) -> TextResult:
    return compare([wanted], [[Block(text) for text in read]], strict=strict)


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        (TITLE, [TITLE]),
        (TITLE, ["片名：重生之我是韦小宝（上）"]),
        (TITLE, ["是韦小宝", "重生之我"]),
        (TITLE, list(reversed(TITLE))),
        (TITLE, ["SANDBOX", "重生之我", "AI", "是韦小宝2024"]),
        (TITLE, ["《重生之我》", "是·韦小宝！"]),
        (TITLE, ["《重生之我，是韦小宝》"]),
        ("Hello, World!", ["HELLO", "world"]),
        ("café", ["CAFE\u0301"]),
        ("ＳＡＬＥ１", ["sale 1"]),
        ("3.80", ["3 80"]),
        ("¥38", ["￥38"]),
        ("38元", ["特价38元起"]),
        ("谢谢", ["谢", "谢"]),
        ("谢谢", ["谢谢谢"]),
        ("😀福", ["福"]),
        ("1,280元", ["1280元"]),
        ("第1届", ["第①届"]),
    ],
)  # fmt: skip
def test_right_wherever_and_however_it_stands(wanted: str, read: list[str]) -> None:
    found = result(wanted, *read)
    assert (found.ok, found.score, found.missing) == (True, 1.0, ())


@pytest.mark.parametrize(
    ("wanted", "read", "missing", "score"),
    [
        (TITLE, ["重生之我是韦小室"], ["宝→室"], 0.875),
        (TITLE, ["重生之我是韦小"], ["宝"], 0.875),
        (TITLE, ["重生之我是韦小", "室", "猫"], ["宝→室"], 0.875),
        (TITLE, ["童生之我", "是韦小宝"], ["重→童"], 0.875),
        (TITLE, ["重生之我我是韦小宝"], ["→我"], 0.875),
        (TITLE, ["重生之我是韦", "x小宝"], ["→x"], 0.875),
        (TITLE, ["SANDBOX", "AI"], list(TITLE), 0.0),
        (TITLE, [], list(TITLE), 0.0),
        ("38元", ["138元"], ["→1"], 0.6667),
        ("38元", ["38.5元"], ["→5"], 0.6667),
        ("3.80", ["13.80"], ["→1"], 0.6667),
        ("38", ["380"], ["→0"], 0.5),
        ("38", ["3.80"], ["→0"], 0.5),
        ("¥38", ["¥39"], ["8→9"], 0.6667),
        ("龍鳳", ["龙鳳"], ["龍→龙"], 0.5),
        ("龙凤", ["龍凤"], ["龙→龍"], 0.5),
        ("谢谢", ["谢"], ["谢"], 0.5),
        ("Hello World", ["Hello Wor1d"], ["l→1"], 0.9),
        ("Ｓale", ["Bale"], ["Ｓ→B"], 0.75),
    ],
)  # fmt: skip
def test_wrong_characters_are_named(
    wanted: str, read: list[str], missing: list[str], score: float
) -> None:
    found = result(wanted, *read)
    assert (list(found.missing), found.score, found.ok) == (missing, score, False)


def test_found_is_what_stands_at_the_best_place_of_each_text() -> None:
    found = compare(
        [TITLE, "Hello World", "福"],
        [[Block("片名：重生之我是韦小室。"), Block("HELLO"), Block("world 2024")]],
    )
    assert found.found == ("重生之我是韦小室", "HELLO world", "")
    assert found.score == round((0.875 + 1 + 0) / 3, 4)


def look(*texts: str, confidence: float = 0.99) -> list[Block]:
    return [Block(text, (), (confidence,) * len(text)) for text in texts]


def test_a_second_look_finds_what_the_first_one_missed() -> None:
    assert compare(["上海滩", "夜色"], [look("海滩"), look("上海滩", "夜色")]).ok
    assert compare(["上海滩"], [look("海滩"), look("土海滩")]).missing == ("上",)


@pytest.mark.parametrize(
    ("first", "second", "ok"), [(0.55, 0.95, True), (0.96, 0.95, False), (0.55, 0.85, False)]
)
def test_it_takes_back_a_wrong_character_only_if_it_is_the_surer_of_the_two(
    first: float, second: float, ok: bool
) -> None:
    """What a reader takes once for 海 and once for 诲 is more likely 诲."""
    looks = [look("山诲情", confidence=first), look("山海情", confidence=second)]
    found = compare(["山海情"], looks)
    assert (found.ok, found.missing) == (ok, () if ok else ("海→诲",))


@pytest.mark.parametrize(
    ("wanted", "first", "confidence", "ok"),
    [("一人食", "人食", 0.94, False), ("一人食", "人食", 0.96, True), ("第1", "第", 0.94, False),
     ("大江", "江", 0.94, True)],
)  # fmt: skip
def test_a_stroke_that_the_first_look_did_not_see_may_be_a_scratch(
    wanted: str, first: str, confidence: float, ok: bool
) -> None:
    assert compare([wanted], [look(first), look(wanted, confidence=confidence)]).ok == ok


def test_what_two_looks_find_wrong_stays_wrong_if_one_of_them_was_sure() -> None:
    """A third look is not asked, and would change nothing."""
    comparison = Comparison(["山海情"])
    comparison.add(look("山诲情", confidence=0.6))
    comparison.add(look("山诲情", confidence=0.97))
    assert not comparison.uncertain
    comparison.add(look("山海情", confidence=0.96))
    assert comparison.result().missing == ("海→诲",)


def test_looks_that_find_different_things_wrong_do_not_confirm_each_other() -> None:
    comparison = Comparison(["山海情"])
    comparison.add(look("山诲情", confidence=0.6))
    comparison.add(look("山梅情", confidence=0.97))
    assert comparison.uncertain
    assert comparison.result().missing == ("海→诲",)


def test_another_look_is_worth_it_only_where_something_wrong_is_in_doubt() -> None:
    def uncertain(*texts: str, confidence: float = 0.99) -> bool:
        comparison = Comparison(["山海情"])
        comparison.add(look(*texts, confidence=confidence))
        return comparison.uncertain

    assert uncertain("山诲情", confidence=0.6)
    assert uncertain("山情")
    assert not uncertain("山诲情")
    assert not uncertain("山海情", confidence=0.6)


def test_columns_are_read_from_the_right() -> None:
    """A text that is nowhere exact is still put together in the order people read."""
    right = Block("重生之我", ((900, 10), (960, 10), (960, 300), (900, 300)))
    left = Block("是韦小室", ((800, 10), (860, 10), (860, 300), (800, 300)))
    found = compare([TITLE], [[left, right]])
    assert (found.found, found.missing) == (("重生之我是韦小室",), ("宝→室",))


def test_rows_are_read_from_the_left() -> None:
    def box(x: float, y: float) -> tuple[tuple[float, float], ...]:
        return (x, y), (x + 200, y), (x + 200, y + 50), (x, y + 50)

    blocks = [
        Block("韦小室", box(10, 100)),
        Block("之我是", box(300, 12)),
        Block("重生", box(9, 10)),
    ]
    assert compare([TITLE], [blocks]).found == ("重生之我是韦小室",)


def test_characters_read_without_confidence_are_doubtful_and_strict_counts_them() -> None:
    confidences = (0.99, DOUBTFUL_BELOW - 0.01, 0.99)
    looks = [[Block("上海滩", (), confidences)]]
    assert compare(["上海滩"], looks)[3:] == (("海",), 1.0, True)
    assert compare(["上海滩"], looks, strict=True)[3:] == (("海",), 1.0, False)
    assert compare(["滩"], looks, strict=True).ok


@pytest.mark.parametrize(
    ("wanted", "read", "points"),
    [
        ("38.00元", "3800元", 1), ("38．00元", "3800元", 1), ("3800元", "特价38.00元", 1),
        ("3.5折", "35折", 1), ("1.5升和2.5升", "15升和25升", 2), ("38.00元", "38.00元", 0),
        ("38.00元", "38．00元", 0), ("38.00元", "38,00元", 0), ("1,280元", "1280元", 0),
        ("第一.第二", "第一第二", 0), ("3800元", "3800元.", 0),
    ],
)  # fmt: skip
def test_a_decimal_point_that_only_one_text_has_is_doubtful(
    wanted: str, read: str, points: int
) -> None:
    found = result(wanted, read)
    assert (found.ok, found.score, found.doubtful) == (True, 1.0, (".",) * points)
    assert result(wanted, read, strict=True).ok is not bool(points)


def test_a_result_is_judged_again_by_another_measure() -> None:
    doubtful = compare(["福"], [[Block("福", (), (0.1,))]])
    assert doubtful.ok
    assert not doubtful.judged(strict=True).ok
    assert doubtful.judged(strict=True).judged(strict=False) == doubtful


def test_the_record_comes_back() -> None:
    found = result(TITLE, "重生之我是韦小室")
    assert found.record() == {
        "wanted": [TITLE], "found": ["重生之我是韦小室"], "missing": ["宝→室"], "doubtful": [],
        "score": 0.875, "ok": False,
    }  # fmt: skip
    assert TextResult.of_record(found.record()) == found


@pytest.mark.parametrize(
    "record",
    [None, [], "ok", {}, {"wanted": ["a"]}, {**result("a", "a").record(), "score": 2},
     {**result("a", "a").record(), "found": [1]}, {**result("a", "a").record(), "ok": 1}],
)  # fmt: skip
def test_anything_else_is_no_record(record: object) -> None:
    assert TextResult.of_record(record) is None


@given(TEXTS, OTHERS)
def test_the_score_is_a_share_and_one_only_if_nothing_is_wrong(text: str, read: list[str]) -> None:
    found = result(text, *read)
    assert 0 <= found.score <= 1
    assert found.ok == (found.score == 1) == (not found.missing)


@given(TEXTS, OTHERS, st.data())
def test_the_exact_text_is_right_in_any_split_and_order(
    text: str, others: list[str], data: st.DataObject
) -> None:
    pieces = [*_split(text, data), *others]
    assert result(text, *data.draw(st.permutations(pieces))).ok


@given(TEXTS, OTHERS, st.data())
def test_one_wrong_character_is_never_right(
    text: str, others: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from("国龍Zz9"))
    assume(plain(wrong) not in plain(text))
    pieces = [*_split(text[:at] + wrong + text[at + 1 :], data), *others]
    found = result(text, *data.draw(st.permutations(pieces)))
    assert not found.ok
    assert found.score < 1
    assert any(piece.startswith(text[at]) for piece in found.missing)


@given(TEXTS, st.data())
def test_a_character_too_few_is_never_right(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    pieces = [piece for piece in _split(text[:at] + text[at + 1 :], data) if piece]
    assert not result(text, *pieces).ok


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=4))
def test_any_text_is_taken(text: str, read: list[str]) -> None:
    assume(plain(text))
    found = result(text, *read)
    assert 0 <= found.score <= 1


def _split(text: str, data: st.DataObject) -> Sequence[str]:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    places = [0, *sorted(cuts), len(text)]
    return [text[a:b] for a, b in pairwise(places)]
