"""The plan: which rows are meant, in which order, at which price."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from cogview_cli.batch.plan import CHUNK, Plan
from cogview_cli.batch.resume import Action
from cogview_cli.batch.selection import Selection
from cogview_cli.engine.confirm import price_of
from cogview_cli.outcome import Outcome, Status
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
    price = price_of(plan.models_to_send(), {}, retry=False)
    assert price.known == Decimal("0.06") * full + Decimal("0.1") * glm
    assert price.unpriced == unknown
    assert plan.models_to_send() == plan.models_to_send(first=True) == plan.models()
    assert sum(plan.models().values()) == plan.counts().total == len(models)
    plan.decide((Action.DONE, "", item.number) for item in list(plan.items()))
    assert plan.models_to_send() == {}


def test_many_rows_come_back_whole_and_in_order() -> None:
    many = CHUNK * 2 + 7
    plan = plan_of([f"cat {number}" for number in range(many)])
    plan.decide((Action.DONE, "", item.number) for item in list(plan.items()))
    chunks = list(plan.settled())
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 7]
    assert [item.index for chunk in chunks for item in chunk] == list(range(1, many + 1))
    assert indexes(plan) == list(range(1, many + 1))


def test_what_is_decided_while_reading_is_read_no_second_time() -> None:
    """Decisions are stored between the chunks of one pass."""
    plan = plan_of([f"cat {number}" for number in range(CHUNK + 5)])
    seen = 0
    for item in plan.to_send():
        plan.decide([(Action.DONE, "", item.number)])
        seen += 1
    assert seen == CHUNK + 5 == len([item for chunk in plan.settled() for item in chunk])
    assert plan.counts().to_send == 0


def test_each_action_has_its_items_and_its_count() -> None:
    plan = plan_of([action.value for action in Action])
    plan.decide((action, "", number) for number, action in enumerate(Action, 1))
    settled = [item.body["prompt"] for chunk in plan.settled() for item in chunk]
    assert [item.body["prompt"] for item in plan.to_send()] == ["send"]
    assert [item.body["prompt"] for item in plan.to_fetch()] == ["fetch"]
    assert [i.body["prompt"] for chunk in plan.waiting_chunks() for i in chunk] == ["wait"]
    assert settled == ["done", "unknown", "refused", "dropped"]
    resting = [item.body["prompt"] for chunk in plan.not_to_send() for item in chunk]
    assert [item.body["prompt"] for item in plan.to_check()] == ["read-text"]
    assert resting == ["fetch", "read-text", "wait", *settled]
    counts = plan.counts()
    assert (counts.total, counts.to_send, counts.to_fetch, counts.waiting) == (8, 1, 1, 1)
    assert (counts.to_check, counts.to_do) == (1, 4)


def test_items_to_send_can_be_had_model_by_model() -> None:
    plan = plan_of([row(model=model, index=i) for i, model in enumerate((FULL, "other", FULL), 1)])
    assert [item.index for item in plan.to_send(FULL)] == [1, 3]
    assert [item.index for item in plan.to_send("other")] == [2]
    assert list(plan.to_send("none")) == []


def test_an_empty_plan_counts_nothing() -> None:
    assert plan_of([]).counts() == (0, 0, 0, 0, 0, 0)


def test_how_items_ended_is_kept_by_row_and_number() -> None:
    plan = plan_of([row("cat", index=1, count=2), row("dog", index=2)])
    ended = Outcome(status=Status.SAVED, row=1, n=2, prompt="cat", model=FULL, size=None)
    plan.ended(ended, [{"file": "猫"}])
    assert [(item.index, item.n) for item in plan.unfinished()] == [(1, 1), (2, 1)]
    assert plan.counts().unfinished == 2
    assert [record.get("file") for record in plan.records()] == [None, "猫", None]
    assert plan.images_of_row(1) is None
    plan.ended(ended._replace(n=1))
    assert plan.images_of_row(1) is None, "saved, but nobody says where"
    plan.ended(ended._replace(n=1, status=Status.SKIPPED), [{"file": "b"}])
    assert plan.images_of_row(1) == ["b", "猫"]


def test_a_name_has_one_owner_and_each_table_its_own_names() -> None:
    """Also the name of a folder whose bytes are no text."""
    plan = plan_of(["cat", "dog"])
    first, second = plan.names(), plan.names()
    for name in ("cat", "\udcff/cat"):
        assert (first.owner(name), first.claim(name, 1)) == (None, None)
        assert (first.owner(name), first.claim(name, 2), first.claim(name, 1)) == (1, 1, 1)
        assert second.owner(name) is None


def test_a_closed_plan_leaves_no_file(tmp_path: object) -> None:
    import os

    with closing(plan_of(["cat"])):
        pass
    assert os.listdir() == []
