"""Where the images of a `batch` go, and what is there already."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    SMALL,
    Batch,
    paths,
    pictures,
    posts,
    prompts,
    refused,
    rows,
    statuses,
)
from tests.conftest import Run

# --- where it goes -------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("p.txt", 9, "p.txt"),
        ("no/such", 9, "mkdir -p"),
        ("-", 2, "stdout"),
        ("a/{slug}", 2, "--name"),
    ],
)
def test_an_output_that_cannot_be_is_found_before_sending(
    cogview: Run, sandbox: SandboxThread, output: str, code: int, words: str
) -> None:
    prompts("cat")
    refused(cogview("batch", "p.txt", *SMALL, "-o", output), sandbox, code, words)
    assert os.listdir() == ["p.txt"]


@pytest.mark.parametrize("source", ["...txt", "..txt", ". .txt"])
def test_a_source_named_after_dots_leads_nowhere_else(
    cogview: Run, sandbox: SandboxThread, source: str
) -> None:
    Path("here").mkdir()
    os.chdir("here")
    Path(source).write_text("cat\n", "utf-8")
    assert paths(cogview("batch", f"./{source}", *SMALL)) == ["batch/0001-cat.png"]
    assert os.listdir("..") == ["here"]


def test_the_same_server_under_another_name_pays_nothing_again(
    cogview: Run, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    assert cogview("batch", "p.txt", *SMALL).code == 0
    other = sandbox.base_url.replace("127.0.0.1", "localhost")
    assert cogview("batch", "p.txt", *SMALL, "--base-url", other).code == 0
    assert sum(sandbox.books.posts.values()) == 2


def test_count_numbers_the_names(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    found = paths(batch("-n", "4"))
    stems = [f"{stem}-{n}" for stem in ("0001-cat", "0002-dog") for n in (1, 2, 3, 4)]
    assert found == [f"out/{stem}.png" for stem in stems]
    assert dict(sandbox.books.posts) == {"cat": 4, "dog": 4}


def test_names_come_from_columns(batch: Batch) -> None:
    Path("p.csv").write_text("sku,text_prompt,kind\nA-1,cat,pets\nB/2,dog,../x\n", "utf-8")
    ended = batch("--name", "{kind}/{sku}.png", source="p.csv")
    assert paths(ended) == ["out/_._x/B_2.png", "out/pets/A-1.png"]


def test_a_missing_column_is_a_bad_row(batch: Batch, sandbox: SandboxThread) -> None:
    rows({"prompt": "cat", "sku": "1"}, {"prompt": "dog"})
    refused(batch("--name", "{sku}", source="p.jsonl"), sandbox, 2, "p.jsonl:2", "sku")


def test_names_of_rows_that_collide_are_numbered(batch: Batch) -> None:
    rows({"prompt": "cat", "name": "x"}, {"prompt": "dog", "name": "x"})
    assert paths(batch(source="p.jsonl")) == ["out/x-2.png", "out/x.png"]


def test_a_suffix_of_the_name_asks_for_the_format(batch: Batch) -> None:
    prompts("cat")
    (path,) = paths(batch("--name", "{slug}.jpg"))
    assert path == "out/cat.jpg"
    assert Path(path).read_bytes().startswith(b"\xff\xd8\xff")


def test_on_exists_skip_takes_any_file_of_the_name(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    Path("out").mkdir()
    Path("out/0001-cat.png").write_bytes(b"mine")
    ended = batch("--on-exists", "skip", "--json")
    assert (ended.code, statuses(ended)) == (0, ["skipped", "saved"])
    assert Path("out/0001-cat.png").read_bytes() == b"mine"
    assert dict(sandbox.books.posts) == {"dog": 1}


def test_on_exists_fail_sends_nothing(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    Path("out").mkdir()
    Path("out/0002-dog.png").write_bytes(b"mine")
    refused(batch("--on-exists", "fail"), sandbox, 9, "0002-dog.png")


def test_on_exists_fail_lets_a_batch_go_on(batch: Batch, sandbox: SandboxThread) -> None:
    """What the same batch made before is no obstacle."""
    prompts("cat")
    assert batch("--on-exists", "fail").code == 0
    prompts("cat", "dog")
    assert batch("--on-exists", "fail").code == 0
    assert posts(sandbox) == 2


def test_on_exists_overwrite_replaces_what_is_there(batch: Batch) -> None:
    prompts("cat")
    Path("out").mkdir()
    Path("out/0001-cat.png").write_bytes(b"mine")
    assert paths(batch("--on-exists", "overwrite")) == ["out/0001-cat.png"]
    assert Path("out/0001-cat.png").read_bytes() != b"mine"


@pytest.mark.parametrize("names", [("x", "x"), ("X", "x"), ("猫.png", "猫.jpg")])
def test_overwrite_never_lets_two_rows_share_a_name(
    batch: Batch, sandbox: SandboxThread, names: tuple[str, str]
) -> None:
    rows({"prompt": "cat", "name": names[0]}, {"prompt": "dog", "name": names[1]})
    ended = batch("--on-exists", "overwrite", source="p.jsonl")
    refused(ended, sandbox, 2, "p.jsonl:1", "p.jsonl:2", "--name")


def test_overwrite_never_takes_the_image_of_another_row_of_the_batch(
    batch: Batch, sandbox: SandboxThread
) -> None:
    """A line put before the others moves their numbers, not their images."""
    numbered = ("--name", "{index}", "--on-exists", "overwrite")
    prompts("cat", "dog")
    assert batch(*numbered).code == 0
    before = {name: Path("out", name).read_bytes() for name in pictures()}
    prompts("new", "cat", "dog")
    ended = batch(*numbered)
    assert ended.code == 2, ended
    assert {name: Path("out", name).read_bytes() for name in pictures()} == before
    assert posts(sandbox) == 2


def test_what_is_configured_for_gen_is_not_the_folder_of_a_batch(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts("cat")
    monkeypatch.setenv("COGVIEW_OUTPUT", "pics/{slug}.png")
    ended = cogview("batch", "p.txt", *SMALL)
    assert ended.code == 0 and pictures("p") == ["0001-cat.png"], ended


def test_an_id_never_makes_a_folder(batch: Batch) -> None:
    rows({"prompt": "cat", "id": "a/b"})
    assert batch(source="p.jsonl").code == 0
    assert pictures() == ["a_b.png"]


def test_images_of_one_row_whose_names_are_cut_alike_are_refused(
    batch: Batch, sandbox: SandboxThread
) -> None:
    """A name is cut at its end, where the number stands."""
    prompts("cat")
    ended = batch("-n", "2", "--name", "x" * 300, "--on-exists", "overwrite")
    refused(ended, sandbox, 2, "p.txt:1 and p.txt:1 both make", "--name")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
@pytest.mark.parametrize("flags", [("--on-exists", "overwrite"), ("--grid", "2x1")])
def test_a_folder_whose_name_is_no_text_is_checked_for_names_too(
    flags: tuple[str, str], cogview: Run
) -> None:
    prompts("cat")
    folder = os.fsdecode(b"out\xff")
    ended = cogview("batch", "p.txt", *SMALL, "-o", folder, "--json", *flags)
    assert ended.code == 0, ended
    assert len(pictures(folder)) == (1 if "overwrite" in flags else 3)


@pytest.mark.parametrize("place", ["out.png", "out.gif", "{date", "a/{x/y"])
def test_a_file_or_a_broken_template_is_no_output_folder(
    cogview: Run, sandbox: SandboxThread, place: str
) -> None:
    prompts("cat")
    refused(cogview("batch", "p.txt", "-o", place), sandbox, 2)
    assert sorted(os.listdir()) == ["p.txt"]


def test_a_name_for_other_files_is_refused(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    refused(batch("--name", "{slug}.gif"), sandbox, 2, ".gif", ".webp")


def test_dates_in_names_are_written_as_asked(batch: Batch) -> None:
    prompts("cat")
    ended = batch("--name", "{date:%Y}/{time:%H%M}-{index}")
    (path,) = paths(ended)
    assert re.fullmatch(r"out/\d{4}/\d{4}-1\.png", path)
