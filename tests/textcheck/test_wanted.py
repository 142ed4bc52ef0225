"""What a prompt wants written: quotations of every kind, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.textcheck.plain import plain
from cogview_cli.textcheck.wanted import wanted_texts

MARKS = ["“”", "「」", "『』", '""', "‘’", "《》", "＂＂", "«»", "﹁﹂", "﹃﹄"]
WORDS = st.text("春眠不觉晓重生我是小宝abc", min_size=2, max_size=12)


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("text", ["福", "重生之我是韦小宝", "SALE", "38元", "全场5折！"])
def test_what_stands_in_quotation_marks_is_wanted(marks: str, text: str) -> None:
    assert wanted_texts(f"电影海报，标题{marks[0]}{text}{marks[1]}，夜景") == (text,)


@pytest.mark.parametrize("piece", ["", " ", "A", "5", "2024", "!!", "。", "¥38", "😀", "a1"])
def test_less_than_two_letters_or_one_chinese_character_is_nothing(piece: str) -> None:
    assert wanted_texts(f"a shop with “{piece}” on it") is None


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("“他说‘你好’吧”", ["他说‘你好’吧"]),
        ("“外「内」外”", ["外「内」外"]),
        ("《“标题”》", ["“标题”"]),
        ("“上”和“下”", ["上", "下"]),
        ("“福”“福”", ["福"]),
        ("“SALE” and 'Sale' and “sale”", ["SALE"]),
        ("”重生”和“归来“", ["重生", "归来"]),
        ("“重生“和“归来“", ["重生", "归来"]),
        ("“重生\"和“归来\"", ["重生", "归来"]),
        ("“没有结束，「福」", ["福"]),
        ("没有开始”，「福」", ["福"]),
        ("「没有结束，《福》", ["福"]),
        ("a 5'10\" man, \"Hello World\" on his shirt", ["Hello World"]),
        ("a 6\" phone", None),
        ('a sign "open till 10"', ["open till 10"]),
        ("价格牌写着\"38元\"和\"9折\"", ["38元", "9折"]),
        ("don't, can't, 'tis the season", None),
        ("don’t, can’t, ’tis the season", None),
        ("‘don’t stop’ in neon", ["don’t stop"]),
        ("‘重生’的海报和‘归来’", ["重生", "归来"]),
        ("the dogs’ bowl", None),
        ("《红楼梦》里的林黛玉", ["红楼梦"]),
        ("“ 重生 ”", ["重生"]),
        ("“第一行\n第二行”", ["第一行\n第二行"]),
        ("“😀福😀”", ["😀福😀"]),
        ("“ＳＡＬＥ”", ["ＳＡＬＥ"]),
        ("“ありがとう” “감사”", ["ありがとう", "감사"]),
        ("“é” “ça”", ["ça"]),
        ("", None),
        ("一只猫", None),
        ("“" * 1000, None),
        ("“”" * 1000, None),
    ],
)  # fmt: skip
def test_odd_prompts(prompt: str, wanted: list[str] | None) -> None:
    assert wanted_texts(prompt) == (None if wanted is None else tuple(wanted))


def test_what_is_given_goes_before_the_prompt_and_may_be_anything() -> None:
    assert wanted_texts("“重生”", ["38", " ¥5 "]) == ("38", "¥5")
    assert wanted_texts("“重生”", ["福", "福！"]) == ("福",)


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_given_leaves_the_prompt(nothing: list[str] | None) -> None:
    assert wanted_texts("“重生”", nothing) == ("重生",)


@pytest.mark.parametrize("empty", ["", "  ", "！"])
def test_an_empty_text_switches_the_check_off(empty: str) -> None:
    assert wanted_texts("“重生”", [empty]) is None


@given(st.lists(st.tuples(WORDS, st.sampled_from(MARKS)), min_size=1, max_size=4))
def test_every_quotation_is_found(pieces: list[tuple[str, str]]) -> None:
    prompt = "，".join(f"{marks[0]}{text}{marks[1]}" for text, marks in pieces)
    found = wanted_texts(prompt)
    assert found is not None
    assert [plain(text) for text in found] == list(dict.fromkeys(text for text, _ in pieces))


@given(st.text("“”「」『』\"＂‘’《》'5a ，春\n", max_size=60))
def test_any_prompt_is_taken(prompt: str) -> None:
    for text in wanted_texts(prompt) or ():
        assert plain(text)
        assert text in prompt
