"""The plan: which rows are meant, in which order, at which price."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.batch.plan import CHUNK, Plan, Selection
from cogview_cli.outcome import Outcome
from tests.batch.support import FULL, contents, plan_of, row

# Each example builds plans in SQLite.
FEW = settings(max_examples=40)

TEXTS = st.lists(st.sampled_from(["cat", "dog", "owl", "fox", "bee", "ant"]), max_size=20)


def indexes(plan: Plan) -> list[int]:
    return [item.index for item in plan.items()]


def test_start_and_limit_count_rows_from_one() -> None:
    rows = ["a", "b", "c", "d", "e"]
    assert indexes(plan_of(rows, Selection(start=2))) == [2, 3, 4, 5]
    assert indexes(plan_of(rows, Selection(limit=2))) == [1, 2]
    assert indexes(plan_of(rows, Selection(start=4, limit=9))) == [4, 5]
    assert indexes(plan_of(rows, Selection(start=9))) == []


def test_a_part_of_the_file_has_the_keys_of_the_whole() -> None:
    """So that `--limit 2` first and everything later pays nothing twice."""
    rows = ["cat", "cat", "dog", "cat"]
    whole = contents(plan_of(rows))
    assert contents(plan_of(rows, Selection(limit=2))) == whole[:2]
    assert contents(plan_of(rows, Selection(start=3))) == whole[2:]


@FEW
@given(TEXTS, st.integers(1, 7))
def test_shards_are_a_partition(rows: list[str], shards: int) -> None:
    whole = contents(plan_of(rows))
    parts = [
        contents(plan_of(rows, Selection(shard=(number, shards))))
        for number in range(1, shards + 1)
    ]
    assert sorted(item for part in parts for item in part) == sorted(whole)
    of_text = [{text for text, _ in part} for part in parts]
    assert sum(map(len, of_text)) == len(set(rows)), "the same content is in one shard only"


@FEW
@given(TEXTS, TEXTS, st.integers(1, 5))
def test_an_edited_file_moves_nothing_to_another_shard(
    rows: list[str], more: list[str], shards: int
) -> None:
    for number in range(1, shards + 1):
        selection = Selection(shard=(number, shards))
        assert set(contents(plan_of(rows, selection))) <= set(
            contents(plan_of([*more, *rows], selection))
        )


@FEW
@given(TEXTS, st.integers(1, 4))
def test_dedupe_keeps_the_first_of_each_content(rows: list[str], shards: int) -> None:
    found = [
        item
        for number in range(1, shards + 1)
        for item in plan_of(rows, Selection(shard=(number, shards), dedupe=True)).items()
    ]
    assert sorted(item.index for item in found) == sorted({rows.index(text) + 1 for text in rows})


def test_dedupe_keeps_all_images_of_the_first_row() -> None:
    rows = [row("cat", index=1, count=2), row("cat", index=2, count=3), row("dog", index=3)]
    items = [(item.index, item.n) for item in plan_of(rows, Selection(dedupe=True)).items()]
    assert items == [(1, 1), (1, 2), (3, 1)]


def test_parameters_make_rows_different_to_dedupe() -> None:
    rows = [row("cat", index=1), row("cat", index=2, quality="hd"), row("cat", index=3, name="x")]
    assert indexes(plan_of(rows, Selection(dedupe=True))) == [1, 2]


@FEW
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_the_price_is_exact(full: int, glm: int, unknown: int) -> None:
    models = [FULL] * full + ["glm-image"] * glm + ["cogview-3-flash", "other"] * unknown
    plan = plan_of([row(model=model, index=i) for i, model in enumerate(models, 1)])
    assert plan.price() == Decimal("0.06") * full + Decimal("0.1") * glm
    assert plan.price("todo = 'done'") == 0
    assert sum(plan.models().values()) == plan.count() == len(models)


def test_many_rows_come_back_whole_and_in_order() -> None:
    many = CHUNK * 2 + 7
    plan = plan_of([f"cat {number}" for number in range(many)])
    chunks = list(plan.chunks())
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 7]
    assert [item.index for chunk in chunks for item in chunk] == list(range(1, many + 1))


def test_what_is_decided_while_reading_is_read_no_second_time() -> None:
    """Decisions are stored between the chunks of one pass."""
    plan = plan_of([f"cat {number}" for number in range(CHUNK + 5)])
    seen = 0
    for chunk in plan.chunks("todo = 'send'"):
        plan.decide(("done", "", item.number) for item in chunk)
        seen += len(chunk)
    assert seen == plan.count("todo = 'done'") == CHUNK + 5
    assert plan.count("todo = 'send'") == 0


def test_how_items_ended_is_kept_by_row_and_number() -> None:
    plan = plan_of([row("cat", index=1, count=2), row("dog", index=2)])
    plan.ended(
        Outcome(status="saved", row=1, n=2, prompt="cat", model=FULL, size=None), [{"file": "猫"}]
    )
    left = [(item.index, item.n) for item in plan.items("status IS NULL")]
    assert left == [(1, 1), (2, 1)]
    assert plan.query("SELECT json_extract(outcome, '$[0].file') FROM items").fetchall() == [
        (None,), ("猫",), (None,),
    ]  # fmt: skip


def test_a_closed_plan_leaves_no_file(tmp_path: object) -> None:
    import os

    with closing(plan_of(["cat"])):
        pass
    assert os.listdir() == []
