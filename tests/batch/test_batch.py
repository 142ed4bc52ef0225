"""`cogview batch`: what it reads, where the images go, what it prints and leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    FULL,
    SMALL,
    Batch,
    lines,
    paths,
    pictures,
    piped,
    posts,
    prompts,
    refused,
    rows,
)
from tests.conftest import Run

# --- sources --------------------------------------------------------------------


def test_each_line_becomes_an_image_with_its_sidecar(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "# a comment", "", "一只 狗")
    ended = batch()
    assert ended.code == 0
    assert paths(ended) == ["out/0001-cat.png", "out/0002-一只-狗.png"]
    assert sorted(os.listdir("out")) == sorted(
        name for path in paths(ended) for name in (path[4:], f"{path[4:]}.json")
    )
    assert ended.err == (
        "p.txt (txt): 1 comment line skipped: --no-comments reads it\n"
        "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY)\n"
    )
    assert batch("--quiet").err == ""


def test_prompts_come_from_stdin(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (("-",), ()):
        piped(monkeypatch, "猫\ndog\n".encode())
        assert cogview("batch", *arguments, *SMALL).code == 0
    assert pictures("batch") == ["0001-猫.png", "0002-dog.png"]
    assert posts(sandbox) == 2


def test_the_default_folder_is_named_after_the_source(cogview: Run) -> None:
    Path("lists").mkdir()
    prompts("cat", file="lists/animals.v2.txt")
    assert paths(cogview("batch", "lists/animals.v2.txt", *SMALL)) == ["animals.v2/0001-cat.png"]
    assert paths(cogview("batch", "lists", *SMALL)) == ["lists-images/animals.v2.png"]


def test_a_source_without_suffix_is_never_its_own_folder(cogview: Run) -> None:
    prompts("cat", file="animals")
    assert paths(cogview("batch", "animals", *SMALL)) == ["animals-images/0001-cat.png"]


def test_the_folder_of_a_relative_source_stays_in_the_current_folder(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("lists/deep").mkdir(parents=True)
    prompts("cat", file="lists/a.txt")
    monkeypatch.chdir("lists/deep")
    ended = cogview("batch", "..", *SMALL)
    assert paths(ended) == ["lists/a.png"]


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_a_source_without_prompts_is_a_usage_error(
    batch: Batch, sandbox: SandboxThread, content: str
) -> None:
    Path("p.txt").write_text(content)
    refused(batch(), sandbox, 2, "no prompt")


def test_a_missing_source_is_a_usage_error(batch: Batch, sandbox: SandboxThread) -> None:
    refused(batch(source="no.txt"), sandbox, 2, "no.txt")


def test_no_source_at_all_is_told(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    refused(cogview("batch"), sandbox, 2, "no prompt file")


# --- bad rows ------------------------------------------------------------------


def test_bad_rows_are_all_named(cogview: Run, sandbox: SandboxThread) -> None:
    rows(
        {"prompt": "cat"},
        {"prompt": ""},
        {"prompt": "cat", "size": "500x500"},
        {"prompt": "cat", "quality": "uhd"},
        {"prompt": "cat", "n": "many"},
    )
    ended = cogview("batch", "p.jsonl", "-o", "out")
    refused(ended, sandbox, 2, "4 bad rows", "512x512", "--skip-bad")
    for line in (2, 3, 4, 5):
        assert f"error: p.jsonl:{line}: " in ended.err
    assert "p.jsonl:1:" not in ended.err
    assert not Path("out").exists()


def test_bad_line_37_is_named_and_nothing_is_sent(cogview: Run, sandbox: SandboxThread) -> None:
    good: list[dict[str, object]] = [{"prompt": f"cat {number}"} for number in range(50)]
    good[36] = {"prompt": "cat", "size": "500x500"}
    rows(*good)
    refused(cogview("batch", "p.jsonl", "-o", "out"), sandbox, 2, "p.jsonl:37")


def test_very_many_bad_rows_are_counted(cogview: Run, sandbox: SandboxThread) -> None:
    rows(*({"prompt": f"cat {n}", "size": "500x500"} for n in range(60)))
    refused(cogview("batch", "p.jsonl"), sandbox, 2, "and 10 more", "60 bad rows")


def test_skip_bad_makes_the_others(cogview: Run, sandbox: SandboxThread) -> None:
    rows({"prompt": "cat", "size": "512x512"}, {"prompt": "dog", "size": "1x1"})
    ended = cogview("batch", "p.jsonl", "-o", "out", "--skip-bad")
    assert (ended.code, paths(ended)) == (0, ["out/0001-cat.png"])
    assert "warning: p.jsonl:2: " in ended.err
    assert posts(sandbox) == 1


def test_only_bad_rows_are_an_error_even_when_skipped(cogview: Run, sandbox: SandboxThread) -> None:
    rows({"prompt": "dog", "size": "1x1"})
    refused(cogview("batch", "p.jsonl", "--skip-bad"), sandbox, 2)


# --- rows and models -------------------------------------------------------------


def test_rows_have_settings_of_their_own(cogview: Run, sandbox: SandboxThread) -> None:
    header = "prompt,size,quality,model,n\n"
    table = "cat,512x768,hd,,\ndog,512x512,,cogview-4,2\nowl,,,CogView-3-Flash,\n"
    Path("p.csv").write_text(header + table, "utf-8")
    ended = cogview("batch", "p.csv", "-o", "out")
    assert len(paths(ended)) == 4
    bodies = {str(body["prompt"]): body for body in sandbox.books.bodies}
    assert bodies["cat"] == {"prompt": "cat", "model": FULL, "size": "512x768", "quality": "hd"}
    assert bodies["dog"] == {"prompt": "dog", "model": "cogview-4", "size": "512x512"}
    assert bodies["owl"] == {"prompt": "owl", "model": "cogview-3-flash"}
    assert sandbox.books.posts["dog"] == 2


def test_template_makes_the_prompt(batch: Batch, sandbox: SandboxThread) -> None:
    Path("p.csv").write_text("name,slogan\n茶,好喝\n", "utf-8")
    assert batch("--template", "{name}海报，标题“{slogan}”", source="p.csv").code == 0
    assert dict(sandbox.books.posts) == {"茶海报，标题“好喝”": 1}


def test_columns_without_meaning_are_told_once(batch: Batch, sandbox: SandboxThread) -> None:
    rows(*({"prompt": f"cat {n}", "seed": n + 1} for n in range(3)))
    ended = batch(source="p.jsonl")
    assert ended.err.count("seed") == 1
    assert all("seed" not in body for body in sandbox.books.bodies)


def test_start_limit_shard_and_dedupe_choose_rows(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("a", "b", "c", "d", "b")
    assert len(paths(batch("--start", "2", "--limit", "2"))) == 2
    assert dict(sandbox.books.posts) == {"b": 1, "c": 1}
    assert batch("--dedupe").code == 0
    assert dict(sandbox.books.posts) == {"a": 1, "b": 1, "c": 1, "d": 1}
    for number in (1, 2, 3):
        assert batch("--shard", f"{number}/3").code == 0
    assert dict(sandbox.books.posts) == {"a": 1, "b": 2, "c": 1, "d": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        ("--shard", "0/4"), ("--shard", "5/4"), ("--shard", "1"), ("--shard", "1/x"),
        ("--grid", "2"), ("--grid", "1x1"), ("--grid", "0x9"), ("--grid", "2x2", "-n", "3"),
        ("--start", "0"), ("--limit", "0"), ("-n", "0"), ("--start", "9"),
        ("--report", "r.txt"), ("--report", "no/such/r.csv"), ("--name", "{nothing}"),
        ("--name", "{slug"), ("--max-cost", "x"), ("--tier", "V9"), ("--size", "7x7"),
        ("--input-format", "xls"), ("--template", "{nothing}"),
        ("--prompt-field", "x", "--template", "y"),
    ],
)  # fmt: skip
def test_wrong_options_are_told_before_anything_is_sent(
    cogview: Run, sandbox: SandboxThread, wrong: tuple[str, ...]
) -> None:
    prompts("cat")
    refused(cogview("batch", "p.txt", "-o", "out", *wrong), sandbox, 2)
    assert not Path("out").exists()


# --- streams --------------------------------------------------------------------


def test_print0_ends_each_path_with_nul(batch: Batch) -> None:
    prompts("cat", "dog")
    assert sorted(batch("--print0").out.split("\0")) == ["", "out/0001-cat.png", "out/0002-dog.png"]


def test_json_lines_and_summary_agree(batch: Batch) -> None:
    prompts("猫", "dog sandbox:1301", "owl sandbox:lost-answer")
    ended = batch("-n", "2", "--json")
    *images, summary = lines(ended)
    assert "猫" in ended.out
    assert ended.code == summary["exit_code"] == 5
    assert sorted((line["index"], line["n"]) for line in images) == [
        (index, n) for index in (1, 2, 3) for n in (1, 2)
    ]
    for status, many in (("saved", 2), ("refused", 2), ("unknown", 2), ("not_sent", 0)):
        assert summary[status] == many == sum(line["status"] == status for line in images)
    assert (summary["cost"], summary["cost_max"]) == ("0.12", "0.24")
    for line in images:
        assert None not in line.values()
        assert ("file" in line) == ("sidecar" in line) == (line["status"] == "saved")
        assert ("error" in line) == (line["status"] != "saved")


def test_two_images_in_an_answer_are_two_lines_and_paid_once(batch: Batch) -> None:
    prompts("cat sandbox:two-images")
    first, second, summary = lines(batch("--json"))
    assert (first["cost"], second["cost"], summary["cost"]) == ("0.06", "0", "0.06")
    assert first["file"] != second["file"]
    again = lines(batch("--json"))
    assert [line.get("file") for line in again[:-1]] == [first["file"], second["file"]]


def test_a_failure_is_told_with_its_line(batch: Batch) -> None:
    prompts("cat", "", "dog sandbox:1301")
    ended = batch()
    assert ended.code == 3
    assert "p.txt:3" in ended.err
    assert "refused 1" in ended.err


def test_a_thousand_failures_are_counted_not_recited(batch: Batch) -> None:
    prompts(*(f"cat {n} sandbox:1301" for n in range(30)))
    ended = batch("--no-sidecar")
    assert ended.err.count("error: ") == 20
    assert "refused 30" in ended.err


def test_hostile_text_is_shown_as_text(batch: Batch) -> None:
    prompts("cat sandbox:hostile", "dog \x1b]0;x\x07 \u202e sandbox:1301")
    ended = batch("-v")
    assert ended.code == 3
    assert not set(ended.err + ended.out) & set("\x1b\x07\u202e\u2066\x9b")


# --- half characters -------------------------------------------------------------


def test_half_a_character_makes_a_row_bad(batch: Batch, sandbox: SandboxThread) -> None:
    """Before anything is paid: neither the ledger nor a report could hold it."""
    prompts('{"prompt": "cat"}', '{"prompt": "dog", "note": "\\ud800"}', file="p.jsonl")
    refused(batch("--report", "r.json", source="p.jsonl"), sandbox, 2, "p.jsonl:2")
