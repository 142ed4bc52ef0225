"""A row of a prompt file becomes a request with a name and an identity."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.batch.row import RowRequest, item_key, row_request, target_of
from cogview_cli.disk.destination import Destination
from cogview_cli.errors import UsageError
from tests.batch.support import FULL, contents, defaults, plan_of, record, row

# Each example builds plans in SQLite.
FEW = settings(max_examples=40)

ROOT = "/root/out"


def place(made: RowRequest, n: int = 1, key: str = "0123456789") -> str:
    """Where the n-th image of a row goes below the output folder, without suffix."""
    destination = Destination(root=ROOT, template="")
    folder, stem = target_of(destination, made.template, made.fields, n, key).place()
    return (PurePath(folder) / stem).relative_to(ROOT).as_posix()


# --- which value wins ---------------------------------------------------------


def test_a_row_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_QUALITY", "standard")
    monkeypatch.setenv("COGVIEW_SIZE", "768x768")
    made = row(quality="hd", asked=defaults())
    assert (made.request.quality, made.request.size) == ("hd", "768x768")


def test_a_row_goes_before_the_profile_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    config = 'quality = "standard"\nprofile = "mine"\n[profiles.mine]\nmodel = "cogview-4"\n'
    (tmp_path / "config" / "config.toml").write_text(config)
    made = row(model=FULL, quality="hd", asked=defaults())
    assert (made.request.model, made.request.quality) == (FULL, "hd")


def test_a_flag_goes_before_the_row() -> None:
    typed = defaults(
        size="512x512", quality="standard", model=FULL, watermark=False, user_id="me-123"
    )
    own = {"size": "768x768", "quality": "hd", "model": "glm-image", "user_id": "you-123"}
    made = row(**own, watermark=True, asked=typed)
    assert made.request.body() == {
        "prompt": "cat", "model": FULL, "size": "512x512", "quality": "standard",
        "user_id": "me-123", "watermark_enabled": False,
    }  # fmt: skip


def test_omitted_means_not_sent() -> None:
    assert row().request.body() == {"prompt": "cat", "model": FULL}


@pytest.mark.parametrize(("typed", "own", "count"), [(3, 2, 3), (None, 2, 2), (None, None, 1)])
def test_count_flag_then_row_then_one(typed: int | None, own: int | None, count: int) -> None:
    assert row(count=own, asked=defaults(count=typed)).count == count


def test_a_ratio_of_the_row_becomes_a_size_of_its_model() -> None:
    assert row(size="2:1").request.size == "1440x720"
    assert row(size="1:1", model="GLM-Image").request.size == "1280x1280"


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "500x500"},
        {"quality": "uhd"},
        {"user_id": "me"},
        {"model": "cogview-3-flash", "quality": "hd"},
        {"model": "glm-image", "prompt": "猫" * 1001},
    ],
)
def test_what_the_model_refuses_is_refused_here_unless_told_otherwise(
    fields: dict[str, str],
) -> None:
    with pytest.raises(UsageError):
        row(**{"prompt": "cat", **fields})
    assert row_request(record(**{"prompt": "cat", **fields}), 1, defaults(validate=False))


# --- names --------------------------------------------------------------------


def test_the_default_name_is_index_and_slug() -> None:
    assert place(row("一只 小猫!", index=7)) == "0007-一只-小猫"


def test_the_rows_own_name_goes_before_its_id_and_the_default() -> None:
    assert place(row(name="cover", id="7")) == "cover"
    assert place(row(id="sku-7")) == "sku-7"


def test_a_name_of_the_row_is_no_template() -> None:
    assert place(row(name="{slug} {nothing} }{")) == "{slug} {nothing} }{"


def test_a_name_of_the_row_may_lie_in_folders() -> None:
    assert place(row(name="shop/cats/1")) == "shop/cats/1"


def test_name_template_uses_columns_and_settings() -> None:
    asked = defaults(name="{sku}/{slug}-{size}-{n:03}.png", size="512x512")
    assert place(row(columns={"sku": "A/1", "other": [1]}, asked=asked), 2) == "A_1/cat-512x512-002"


def test_numbers_of_a_json_row_can_be_used_in_names() -> None:
    asked = defaults(name="{number}-{ratio}-{yes}")
    assert place(row(columns={"number": 7, "ratio": 1.5, "yes": True}, asked=asked)) == "7-1.5-True"


def test_a_column_the_row_lacks_is_an_error_that_names_it() -> None:
    with pytest.raises(UsageError, match="sku"):
        row(columns={"other": "x"}, asked=defaults(name="{sku}"))
    with pytest.raises(UsageError, match="sku"):
        row(columns={"sku": None}, asked=defaults(name="{sku}"))


def test_a_stray_brace_in_the_template_is_an_error() -> None:
    with pytest.raises(UsageError, match="brace"):
        row(asked=defaults(name="{slug"))


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        (None, "0001-cat-1", "0001-cat-2"),
        ("{slug}", "cat-1", "cat-2"),
        ("{n:02}/{slug}", "01/cat", "02/cat"),
        ("{slug}.{ext}", "cat-1", "cat-2"),
    ],
)
def test_several_images_of_a_row_have_names_of_their_own(
    name: str | None, first: str, second: str
) -> None:
    made = row(asked=defaults(count=2, name=name))
    assert [place(made, 1), place(made, 2)] == [first, second]


def test_the_id_is_the_rows_own_else_the_key_of_the_image() -> None:
    asked = defaults(name="{id}-{slug}")
    assert place(row(id="7", asked=asked)) == "7-cat"
    assert place(row(asked=asked), key="0123456789") == "01234567-cat"


HOSTILE = [
    "../../etc/x", "/etc/passwd", "..\\..\\x", "~root/x", "a\x00b", "con", "a\u202eb",
    ".", "..", " ", "-rf",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["name", "id", "prompt", "column"])
def test_no_text_of_a_row_leaves_the_folder(field: str, text: str) -> None:
    if field == "column":
        made = row(columns={"c": text}, asked=defaults(name="a/{c}"))
    elif field == "prompt":
        made = row(f"cat {text}")
    else:
        made = row(**{field: text})
    found = place(made)
    assert not found.startswith(("/", "-", "~", ".")) and ".." not in PurePath(found).parts
    assert not set(found) & set("\\\x00\u202e:")


@FEW
@given(st.text(min_size=1, max_size=80), st.sampled_from(["name", "id", "column"]))
def test_any_text_of_a_row_stays_below_the_folder(text: str, field: str) -> None:
    if field == "column":
        made = row(columns={"c": text}, asked=defaults(name="{c}"))
    else:
        made = row(**{field: text})
    parts = PurePath(place(made)).parts
    assert parts and all(part not in ("..", "/") and len(part.encode()) <= 255 for part in parts)


# --- identity -----------------------------------------------------------------


def test_what_makes_the_image_makes_the_identity() -> None:
    variants = [
        row(),
        row("dog"),
        row(size="512x512"),
        row(quality="hd"),
        row(model="cogview-4"),
        row(watermark=False),
        row(watermark=True),
    ]
    assert len({made.content for made in variants}) == len(variants)


def test_name_place_and_other_columns_do_not_change_the_identity() -> None:
    other = row(name="x", id="9", line=99, file="other.csv", extra={"note": "x"}, index=5, count=3)
    assert other.content == row().content


def test_spelling_of_size_and_model_does_not_change_the_identity() -> None:
    assert (
        row(size="1440×720", model="CogView-4").content
        == row(size="2:1", model="cogview-4").content
    )


def test_hosts_and_occurrences_differ() -> None:
    content = row().content
    keys = {item_key(host, content, n) for host in ("a", "b", "sandbox") for n in (1, 2, 3)}
    assert len(keys) == 9
    assert item_key("a", content, 1) == item_key("a", content, 1)


TEXTS = st.lists(st.sampled_from(["cat", "dog", "owl", "fox"]), max_size=12)


@FEW
@given(TEXTS, st.randoms(use_true_random=False))
def test_moving_rows_changes_no_identity(rows: list[str], random: object) -> None:
    moved = list(rows)
    random.shuffle(moved)  # type: ignore[attr-defined]
    assert sorted(contents(plan_of(moved))) == sorted(contents(plan_of(rows)))


@FEW
@given(TEXTS, TEXTS, st.data())
def test_inserting_rows_keeps_the_identity_of_the_others(
    rows: list[str], more: list[str], data: st.DataObject
) -> None:
    edited = list(rows)
    for text in more:
        edited.insert(data.draw(st.integers(0, len(edited))), text)
    before, after = set(contents(plan_of(rows))), contents(plan_of(edited))
    assert before <= set(after)
    assert len(set(after)) == len(after) == len(edited)
    assert Counter(text for text, _ in after) == Counter(edited)


@FEW
@given(st.lists(st.tuples(st.sampled_from(["cat", "dog"]), st.integers(1, 4)), max_size=6))
def test_counts_make_occurrences(rows: list[tuple[str, int]]) -> None:
    """Two rows of 1 and 3 images ask for the same images as one row of 4."""
    made = [row(text, index=i, count=count) for i, (text, count) in enumerate(rows, 1)]
    flat = [text for text, count in rows for _ in range(count)]
    assert sorted(contents(plan_of(made))) == sorted(contents(plan_of(flat)))
