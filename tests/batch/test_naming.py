"""Names: decided in the order of the rows, from columns as people write them, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.batch.shared_names import tell_apart
from cogview_cli.disk.destination import Destination
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    Batch,
    defaults,
    lines,
    pictures,
    plan_of,
    posts,
    prompts,
    refused,
    row,
    rows,
)
from tests.conftest import Run

PLACE = Destination(root="/out", template="")


def stems(rows_: list[Any], **more: Any) -> list[str]:
    """The names of the images of these rows, in order."""
    plan = plan_of(rows_, **more)
    tell_apart(plan, PLACE)
    return [item.job(PLACE, "").target.place()[1] for item in plan.items()]


def named(*names: str, count: int | None = None) -> list[Any]:
    asked = defaults(count=count)
    return [row(f"p{i}", index=i, line=i, name=n, asked=asked) for i, n in enumerate(names, 1)]


@pytest.mark.parametrize(
    ("names", "want"),
    [
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-3", "a-2"]),
        (["a", "A", "b"], ["a", "A-2", "b"]),
        (["a:b", "a?b"], ["a_b", "a_b-2"]),
        (["é", "e\u0301"], ["é", "é-2"]),
        (["x" * 300, "x" * 301], ["x" * 220, "x" * 220 + "-2"]),
    ],
)
def test_rows_of_one_name_are_numbered_in_their_order(names: list[str], want: list[str]) -> None:
    assert stems(named(*names)) == want


def test_each_image_of_such_a_row_has_a_name_of_its_own() -> None:
    assert stems(named("a", "a", count=2)) == ["a-1", "a-2", "a-1-2", "a-2-2"]


def test_a_shard_gives_the_same_names_as_the_whole() -> None:
    from cogview_cli.batch.selection import Selection

    whole = dict(zip("123456", stems(named(*"aaabba")), strict=True))
    parts: dict[str, str] = {}
    for number in (1, 2):
        plan = plan_of(named(*"aaabba"), Selection(shard=(number, 2)))
        tell_apart(plan, PLACE)
        for item in plan.items():
            parts[str(item.index)] = item.job(PLACE, "").target.place()[1]
    assert parts == whole


def test_two_rows_of_one_id_are_told_and_named_alike_in_every_run(
    batch: Batch, sandbox: SandboxThread
) -> None:
    Path("p.csv").write_text("category,id,prompt\nPortrait,000,a slow cat\nObject,000,a cup\n")
    sandbox.script("a slow cat", ["500", "ok"])
    ended = batch(source="p.csv")
    assert ended.err.count("p.csv:2 and p.csv:3 are both named '000'") == 1
    assert _prompts() == {"000.png": "a slow cat", "000-2.png": "a cup"}
    Path("out/000.png").unlink()
    batch(source="p.csv")
    assert _prompts() == {"000.png": "a slow cat", "000-2.png": "a cup"}


def test_a_shared_name_is_told_as_it_is_written(batch: Batch) -> None:
    """Though names that differ in case alone are one name on many disks."""
    Path("p.csv").write_text("id,prompt\nA2,a cat\nA2,a dog\na2,a cup\n")
    ended = batch(source="p.csv")
    assert "both named 'A2': 2 images" in ended.err, ended
    assert _prompts() == {"A2.png": "a cat", "A2-2.png": "a dog", "a2-3.png": "a cup"}


def test_a_row_that_is_left_out_shares_no_name(batch: Batch) -> None:
    Path("p.csv").write_text("id,prompt\nc1,a cat\nc1,a cat\n")
    assert "named 'c1'" in batch("--dry-run", source="p.csv").err
    assert "named 'c1'" not in batch("--dry-run", "--dedupe", source="p.csv").err


def _prompts() -> dict[str, str]:
    found = {}
    for name in pictures():
        found[name] = json.loads(Path("out", f"{name}.json").read_text("utf-8"))["prompt"]
    return found


@pytest.mark.parametrize(
    ("template", "want"),
    [
        ("{sku}", "A1"),
        ("{SKU}", "A1"),
        ("{item name}", "lamp"),
        ("{itemName}", "lamp"),
        ("{file}", "abrupt"),
        ("{index0:03}", "000"),
        ("{index}", "1"),
        ("{col[index]}", "77"),
        ("{col[n]}-{n0}", "1-0"),
        ("{prompt}", "a cat"),
        ("{row_id}", "x7"),
        ("{row_id}-{index0}-{n0}.png", "x7-0-0"),
    ],
)
def test_fields_of_a_name(batch: Batch, template: str, want: str) -> None:
    rows({"prompt": "a cat", "Sku": "A1", "Item Name": "lamp", "file": "abrupt.jpg",
          "index": 77, "n": 1, "id": "x7"})  # fmt: skip
    assert batch("--name", template, source="p.jsonl").code == 0
    assert pictures() == [f"{want}.png"]


def test_an_id_that_is_a_file_name_loses_its_suffix(batch: Batch) -> None:
    rows({"prompt": "cat", "id": "abrupt.JPG"})
    batch(source="p.jsonl")
    assert pictures() == ["abrupt.png"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_wrong_field_is_one_error_with_the_real_columns(
    batch: Batch, sandbox: SandboxThread, suffix: str
) -> None:
    table = [{"prompt": f"cat {n}", "sku": str(n)} for n in range(3)]
    if suffix == "csv":
        Path("p.csv").write_text("prompt,sku\n" + "".join(f"cat {n},{n}\n" for n in range(3)))
    else:
        rows(*table)
    ended = batch("--name", "{skuu}", source=f"p.{suffix}")
    refused(ended, sandbox, 2, "no field 'skuu'", "columns: prompt, sku")
    assert ended.err.count("skuu") == 1


def test_a_stray_brace_is_one_error(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("a", "b", "c")
    assert batch("--name", "{slug").err.count("stray brace") == 1


def test_an_empty_cell_is_told_and_gets_the_default_name(batch: Batch) -> None:
    Path("p.csv").write_text("prompt,sku,colour\na cat,,\na dog,B2,red\na cow,,red\n")
    ended = batch("--name", "{sku}", source="p.csv")
    assert "--name: 'sku' is empty in 2 rows, the first is p.csv:2" in ended.err
    assert pictures() == ["0001-a-cat.png", "0003-a-cow.png", "B2.png"]


def test_a_cell_that_is_partly_empty_stays_in_the_name(batch: Batch) -> None:
    Path("p.csv").write_text("prompt,sku,colour\na cat,,red\n")
    assert "'sku' is empty" in batch("--name", "{sku}-{colour}", source="p.csv").err
    assert pictures() == ["_red.png"]


def test_a_dry_run_shows_the_names(batch: Batch, sandbox: SandboxThread) -> None:
    Path("p.csv").write_text("id,prompt\n7,a cat\n7,a dog\n")
    ended = batch("--dry-run", source="p.csv")
    assert "p.csv:2 -> out/7.png\np.csv:3 -> out/7-2.png\n" in ended.err
    planned = lines(batch("--dry-run", "--json", source="p.csv"))[:-1]
    assert [(line["file"], line["row_id"]) for line in planned] == [
        ("out/7.png", "7"), ("out/7-2.png", "7"),
    ]  # fmt: skip
    assert not posts(sandbox)
    made = lines(batch("--json", source="p.csv"))[:-1]
    assert sorted(line["file"] for line in made) == ["out/7-2.png", "out/7.png"]


def test_a_dry_run_counts_names_that_are_taken(batch: Batch) -> None:
    prompts("a cat")
    Path("out").mkdir()
    Path("out/0001-a-cat.jpg").write_bytes(b"x")
    assert "-> out/0001-a-cat-2.png" in batch("--dry-run").err
    assert "-> out/0001-a-cat.jpg" in batch("--dry-run", "--format", "jpeg", "--on-exists",
                                            "overwrite").err  # fmt: skip


def test_a_dry_run_of_many_names_the_first_few(batch: Batch) -> None:
    prompts(*(f"cat {n}" for n in range(30)))
    ended = batch("--dry-run")
    assert ended.err.count(" -> ") == 20
    assert "… and 10 more" in ended.err


def test_the_rows_own_id_is_everywhere(batch: Batch, cogview: Run) -> None:
    Path("p.csv").write_text("id,filename,prompt,file,line\n7,abrupt.jpg,a cat,f,l\n")
    ended = batch("--json", "--report", "r.csv", source="p.csv")
    assert lines(ended)[0]["row_id"] == "7"
    sidecar = json.loads(Path("out/abrupt.png.json").read_text("utf-8"))
    assert sidecar["row_id"] == sidecar["source"]["row_id"] == "7"
    assert (sidecar["source"]["file"], sidecar["source"]["line"]) == ("p.csv", 2)
    assert sidecar["source"]["column file"] == "f"
    head, values = Path("r.csv").read_text("utf-8-sig").splitlines()
    assert dict(zip(head.split(","), values.split(","), strict=True))["row_id"] == "7"
    again = batch("--json", "--report", "r.json", source="p.csv")
    assert lines(again)[0]["row_id"] == "7"
    assert json.loads(Path("r.json").read_text())["images"][0]["row_id"] == "7"


# Rows that were edited.


def table(*cells: str, ids: bool = True) -> None:
    head, numbered = (
        ("id,prompt", enumerate(cells, 1)) if ids else ("prompt,x", enumerate(cells, 1))
    )
    text = "".join(f"{n},{cell}\n" if ids else f"{cell},{n}\n" for n, cell in numbered)
    Path("p.csv").write_text(f"{head}\n{text}")


def test_an_edited_row_says_so_and_both_pictures_are_kept(batch: Batch) -> None:
    table("a cat", "a dog")
    batch(source="p.csv")
    table("a cat", "a big dog")
    for arguments in (("--dry-run",), ()):
        ended = batch(*arguments, source="p.csv")
        assert "1 row was edited since its picture was made (p.csv:3: '2.png')" in ended.err
    assert _prompts() == {"1.png": "a cat", "2.png": "a dog", "2-2.png": "a big dog"}


def test_replace_edited_gives_the_new_picture_the_old_name(
    batch: Batch, sandbox: SandboxThread
) -> None:
    table("a cat", "a dog")
    batch(source="p.csv")
    table("a cat", "a big dog")
    assert "-> out/2.png" in batch("--replace-edited", "--dry-run", source="p.csv").err
    assert "replaced/" in batch("--replace-edited", source="p.csv").err
    want = {"1.png": "a cat", "2.png": "a big dog", "replaced/2.png": "a dog"}
    assert _prompts() == want
    before = posts(sandbox)
    assert "edited" not in batch("--replace-edited", source="p.csv").err
    assert (_prompts(), posts(sandbox)) == (want, before)
    table("a cat", "a red dog")
    batch("--replace-edited", source="p.csv")
    assert _prompts() == want | {"2.png": "a red dog", "replaced/2-2.png": "a big dog"}
    table("a cat", "a dog")
    batch(source="p.csv")
    assert posts(sandbox) == before + 1


def test_a_row_without_id_is_known_by_its_line(batch: Batch) -> None:
    table("a cat", "a dog", ids=False)
    batch(source="p.csv")
    table("a cat", "a big dog", ids=False)
    assert "p.csv:3: '0002-a-dog.png'" in batch(source="p.csv").err


def test_another_prompt_column_of_the_same_row_is_no_edit(batch: Batch) -> None:
    Path("p.csv").write_text("id,short,long\n1,a cat,a cat on a mat\n2,a dog,a dog in a boat\n")
    batch("--prompt-field", "short", source="p.csv")
    assert "edited" not in batch("--prompt-field", "long", "--replace-edited", source="p.csv").err
    Path("p.csv").write_text("id,short,long\n1,a cow,a cat on a mat\n2,a dog,a dog in a boat\n")
    said = batch("--prompt-field", "short", "--dry-run", source="p.csv").err
    assert "1 row was edited since its picture was made (p.csv:2:" in said


def test_rows_that_only_moved_are_not_edited(batch: Batch) -> None:
    table("a cat", "a dog", ids=False)
    batch(source="p.csv")
    table("a cow", "a cat", "a dog", ids=False)
    assert "edited" not in batch(source="p.csv").err


def test_another_size_or_a_part_of_the_rows_is_no_edit(batch: Batch, cogview: Run) -> None:
    table("a cat", "a dog")
    batch(source="p.csv")
    assert "edited" not in cogview("batch", "p.csv", "-s", "1024x1024", "-o", "out").err
    table("a cat", "a big dog")
    assert "edited" not in batch("--limit", "2", source="p.csv").err
