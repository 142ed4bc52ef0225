"""Models: sizes, qualities, prompts and prices are judged by the vendor's published rules."""

from __future__ import annotations

from decimal import Decimal
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.api.models import (
    DEFAULT_MODEL,
    MODELS,
    PRESET_NAMES,
    TIER_SLOTS,
    Size,
    check_prompt,
    check_quality,
    check_user_id,
    expected_seconds,
    legal_sizes,
    nearest_size,
    parse_ratio,
    parse_size,
    price_of,
    resolve_size,
    rules_for,
    size_fault,
    size_for_ratio,
    wire_name,
)
from cogview_cli.errors import UsageError

names = st.sampled_from(sorted(MODELS))
sides = st.integers(1, 4000)


@pytest.mark.parametrize("text", ["1440x720", "1440×720", "1440X720", "1440*720", " 1440 x 720 "])
def test_a_size_may_be_written_with_x_times_or_star(text: str) -> None:
    assert resolve_size(DEFAULT_MODEL, text) == "1440x720"


@pytest.mark.parametrize("text", ["", "x", "10e9x1", "1440", "-1440x720", "١٤٤٠x720", "1440x720px"])
def test_anything_else_is_not_a_size_and_the_hint_shows_one(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size") as caught:
        resolve_size(DEFAULT_MODEL, text)
    assert "1440x720" in caught.value.hint


@given(st.text(max_size=20))
@settings(deadline=None)
def test_the_size_parser_never_raises_and_reads_only_ascii_digits(text: str) -> None:
    size = parse_size(text)
    if size:
        assert text.isascii() or "×" in text
        assert parse_size(str(size)) == size
    parse_ratio(text)


@given(sides, sides, st.sampled_from("xX×*"), st.sampled_from(["", " ", "  "]))
@settings(deadline=None)
def test_every_spelling_reads_back_as_the_same_size(w: int, h: int, by: str, gap: str) -> None:
    assert parse_size(f"{gap}{w}{gap}{by}{gap}{h}{gap}") == Size(w, h)


@pytest.mark.parametrize(
    ("model", "size", "rule"),
    [
        ("cogview-4-250304", "500x1024", "512 to 2048"),
        ("cogview-4-250304", "1000x1024", "multiples of 16"),
        ("cogview-4-250304", "2048x1040", "2097152 pixels"),
        ("cogview-3-flash", "2064x512", "512 to 2048"),
        ("cogview-3-plus", "512x512", "preset"),
        ("glm-image", "1040x1024", "multiples of 32"),
    ],
)
def test_a_refused_size_names_the_rule_and_the_nearest_legal_one(
    model: str, size: str, rule: str
) -> None:
    with pytest.raises(UsageError, match=rule) as caught:
        resolve_size(model, size)
    nearest = parse_size(caught.value.hint.rpartition(" ")[2])
    assert nearest in legal_sizes(MODELS[model])


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("cogview-4", "2048x1024"),
        ("cogview-4", "512x512"),
        ("glm-image", "2048x2048"),
        ("glm-image", "512x512"),
        ("glm-image", "1728x960"),
    ],
)
def test_the_edges_of_the_rules_are_legal(model: str, size: str) -> None:
    assert resolve_size(model, size) == size


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_model_has_seven_presets_and_all_are_legal(name: str) -> None:
    rules = MODELS[name]
    assert len(rules.presets) == 7
    assert [size_fault(rules, size) for size in rules.presets] == [None] * 7
    assert legal_sizes(rules)[:7] == list(rules.presets)


@given(names, sides, sides)
@settings(deadline=None, max_examples=15)
def test_the_nearest_size_is_legal_and_nothing_of_its_shape_is_nearer(
    name: str, w: int, h: int
) -> None:
    rules = MODELS[name]
    found = nearest_size(rules, Size(w, h))
    assert size_fault(rules, found) is None
    for other in legal_sizes(rules):
        if other.width * found.height == other.height * found.width:
            assert abs(log(found.pixels / (w * h))) <= abs(log(other.pixels / (w * h))) + 1e-9


@given(names, st.integers(1024, 4000), st.integers(1024, 4000))
@settings(deadline=None, max_examples=30)
def test_the_nearest_size_keeps_the_shape(name: str, w: int, h: int) -> None:
    """As well as the step of the sides allows; presets alone are never far."""
    rules = MODELS[name]
    found = nearest_size(rules, Size(w, h))
    off = abs(log(found.width / w) - log(found.height / h))
    step = 2 * rules.step / min(found.width, found.height)
    assert off <= (step if rules.custom_sizes else 0.7)


@pytest.mark.parametrize(
    ("model", "wanted", "nearest"),
    [
        ("cogview-4", "2000x2000", "1440x1440"),
        ("cogview-4", "3000x1500", "2048x1024"),
        ("cogview-4", "1500x3000", "1024x2048"),
        ("cogview-4", "1600x900", "1600x896"),
        ("cogview-4", "1000x1000", "1008x1008"),
        ("cogview-4", "1000x500", "1024x512"),
        ("cogview-4", "500x512", "512x512"),
        ("cogview-4", "100x100", "512x512"),
        ("cogview-3-plus", "2000x1000", "1440x720"),
        ("cogview-3-plus", "4096x4096", "1024x1024"),
        ("glm-image", "4000x4000", "2048x2048"),
        ("glm-image", "1000x1000", "992x992"),
    ],
)
def test_the_nearest_size_by_example(model: str, wanted: str, nearest: str) -> None:
    size = parse_size(wanted)
    assert size and str(nearest_size(MODELS[model], size)) == nearest


@given(names, st.integers(1, 30), st.integers(1, 30))
@settings(deadline=None, max_examples=15)
def test_a_ratio_always_leads_to_a_legal_size(name: str, wide: int, high: int) -> None:
    assert size_fault(MODELS[name], size_for_ratio(MODELS[name], (wide, high))) is None


@pytest.mark.parametrize(
    ("text", "size"), [("1:1", "1024x1024"), ("2:1", "1440x720"), ("2：1", "1440x720")]
)
def test_a_preset_wins_where_it_meets_the_ratio_exactly(text: str, size: str) -> None:
    assert resolve_size("cogview-4", text) == size


@pytest.mark.parametrize("text", ["0:1", "1:0", "1:", ":1", "a:b", "1:2:3", "-1:2"])
def test_a_broken_ratio_is_none(text: str) -> None:
    assert parse_ratio(text) is None


@pytest.mark.parametrize("name", sorted(PRESET_NAMES))
def test_preset_names_are_sizes_in_any_case(name: str) -> None:
    assert resolve_size("glm-image", name.upper()) == resolve_size("glm-image", name)


def test_an_unknown_model_takes_any_size_but_no_ratio() -> None:
    assert resolve_size("my-model", "100x100") == "100x100"
    with pytest.raises(UsageError, match="known model"):
        resolve_size("my-model", "16:9")


def test_without_validation_anything_goes_through() -> None:
    assert resolve_size("cogview-4", "1000X1000", validate=False) == "1000x1000"
    assert resolve_size("cogview-4", "auto", validate=False) == "auto"
    assert resolve_size("other", "auto", validate=False) == "auto"


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("cogview-4-250304", {"hd", "standard"}),
        ("cogview-4", set()),
        ("cogview-3-flash", set()),
        ("cogview-3-plus", set()),
        ("glm-image", {"hd"}),
        ("someone-elses", {"hd", "standard"}),
    ],
)
def test_each_model_takes_only_its_qualities(model: str, taken: set[str]) -> None:
    for quality in ("hd", "standard", "best"):
        if quality in taken:
            check_quality(model, quality)
        else:
            with pytest.raises(UsageError) as caught:
                check_quality(model, quality)
            assert "--quality" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("cogview-4-250304", "0.06"),
        ("cogview-4", "0.06"),
        ("cogview-3-flash", "0"),
        ("cogview-3-plus", "0.06"),
        ("glm-image", "0.1"),
    ],
)
def test_prices_are_exact_decimals(model: str, price: str) -> None:
    assert price_of(model) == Decimal(price)


def test_the_price_of_another_model_is_not_known() -> None:
    assert price_of("my-model") is None


def test_known_names_match_in_any_case_and_others_stay_as_given() -> None:
    assert wire_name("cogView-4-250304") == "cogview-4-250304"
    assert wire_name("My-Model") == "My-Model"
    assert rules_for("GLM-Image") is MODELS["glm-image"]
    assert rules_for("my-model") is None


@pytest.mark.parametrize("length", [0, 5, 129])
def test_a_user_id_outside_6_to_128_characters_is_refused(length: int) -> None:
    with pytest.raises(UsageError, match="6 to 128"):
        check_user_id("u" * length)


@pytest.mark.parametrize("length", [6, 128])
def test_a_user_id_of_6_to_128_characters_passes(length: int) -> None:
    check_user_id("用" * length)


@pytest.mark.parametrize(
    "prompt", ["", " ", "\n\t", "\ufeff", "\u3000\u00a0", "\u2003 \u2029", "\ufeff \x00\r\n"]
)
def test_an_empty_or_blank_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(UsageError, match="prompt is empty"):
        check_prompt(DEFAULT_MODEL, prompt)


def test_the_prompt_limit_counts_characters_and_holds_for_glm_image_only() -> None:
    check_prompt("glm-image", "猫" * 1000)
    check_prompt(DEFAULT_MODEL, "猫" * 5000)
    with pytest.raises(UsageError, match="1001 characters"):
        check_prompt("glm-image", "猫" * 1001)


def test_tiers_and_single_slot_models_are_as_published() -> None:
    assert TIER_SLOTS == {"V0": 5, "V1": 10, "V2": 15, "V3": 20}
    assert {name: rules.slots for name, rules in MODELS.items() if rules.slots} == {"glm-image": 1}


def test_expected_time_follows_the_quality_or_its_default() -> None:
    assert expected_seconds("cogview-4", None) == expected_seconds("cogview-4", "standard")
    assert expected_seconds("glm-image", None) == expected_seconds("glm-image", "hd")
    assert expected_seconds("my-model", None) is None


def test_a_size_knows_its_reduced_ratio() -> None:
    assert Size(1440, 720).ratio == "2:1"
    assert Size(1344, 768).pixels == 1344 * 768
