"""What is said about the prompt files before anything is sent, and what is asked."""

from __future__ import annotations

import io
import os
import select
import subprocess
from pathlib import Path

import openpyxl
import pytest

from cogview_cli.batch.ask import ask_column, column_question
from cogview_cli.errors import UsageError
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.processes import COMMAND, PATIENCE_S, environment
from tests.batch.support import SMALL, Batch, lines, pictures, posts, prompts, refused
from tests.conftest import Run
from tests.test_startup import loaded_by


def workbook(file: str = "p.xlsx") -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["编号", "提示词", "尺寸", "数量"], [7, "a cat", "1:1", 1], [8, "a dog", None, 2]):
        sheet.append(row)
    book.create_sheet("Autumn").append(["prompt", "n"])
    book["Autumn"].append(["a leaf", 1])
    book.save(file)


def test_one_line_says_how_a_file_was_understood(batch: Batch) -> None:
    Path("p.csv").write_text("title,提示词,数量,qty\nx,a cat,1,9\n", "utf-8")
    said = (
        "p.csv (csv): prompt = 提示词; used: count = 数量; only kept: title; not understood: qty\n"
    )
    assert said in batch("--dry-run", source="p.csv").err
    ended = batch(source="p.csv")
    assert ended.err.startswith(said)
    assert "title" not in batch("--quiet", source="p.csv").err


def test_no_line_for_a_plain_list(batch: Batch) -> None:
    prompts("a cat")
    assert batch().err == "saved 1 of 1; nothing paid: sandbox (else 0.06 CNY)\n"


def test_many_files_bring_a_few_lines(cogview: Run) -> None:
    for number in range(14):
        Path(f"{number}.csv").write_text("prompt,x\na,b\n")
    files = [f"{number}.csv" for number in range(14)]
    err = cogview("batch", *files, *SMALL, "-o", "out", "--dry-run").err
    assert err.count("prompt = prompt") == 10
    assert "… and 4 more" in err


@pytest.mark.parametrize("many", [False, True])
def test_repeated_prompts_are_told(batch: Batch, *, many: bool) -> None:
    prompts("a cat", "a cat", *(["a cat"] if many else []), "a dog")
    said = "2 rows repeat a prompt" if many else "1 row repeats a prompt"
    for arguments in (("--dry-run",), ()):
        ended = batch(*arguments)
        assert said in ended.err and "--dedupe" in ended.err
    assert "--dedupe" not in batch("--dedupe", "--dry-run").err


def test_two_candidates_are_refused_where_nobody_can_be_asked(
    batch: Batch, sandbox: SandboxThread
) -> None:
    Path("p.csv").write_text("caption,description\na cat,a dog\n")
    refused(batch(source="p.csv"), sandbox, 2, "caption and description", "--prompt-field caption")


def test_a_workbook_of_products_needs_no_option(batch: Batch) -> None:
    workbook()
    ended = batch(source="p.xlsx")
    used = "used: id = 编号, size = 尺寸, count = 数量"
    assert ended.err.startswith(f"p.xlsx (workbook, sheet 'Sheet'): prompt = 提示词; {used}\n")
    assert pictures() == ["7.png", "8-1.png", "8-2.png"]
    assert batch("--sheet", "autumn", "--json", source="p.xlsx").code == 0


def test_failed_rows_of_a_workbook_are_a_table_that_is_taken_back(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    workbook()
    sandbox.script("a dog", ["ok", "1301", "ok"])
    assert batch("--jobs", "1", "-q", "hd", source="p.xlsx").code == 3
    text = Path("out/failed.csv").read_bytes().decode()
    assert text.splitlines() == [
        "\ufeff编号,提示词,尺寸,数量,model,quality",
        "8,a dog,512x512,1,cogview-4-250304,hd",
    ]
    assert cogview("batch", "out/failed.csv", "-o", "mended").code == 0
    first, *_rest, last = [body for body in sandbox.books.bodies if body["prompt"] == "a dog"]
    assert first == last


def test_another_encoding_is_asked_for_and_read(batch: Batch, sandbox: SandboxThread) -> None:
    Path("p.txt").write_bytes("一隻可愛的小貓\n".encode("big5"))
    refused(batch(), sandbox, 2, "--encoding big5")
    ended = batch("--encoding", "big5", "--json")
    assert lines(ended)[0]["prompt"] == "一隻可愛的小貓"


def test_the_library_of_workbooks_is_loaded_for_them_alone() -> None:
    prompts("a cat")
    workbook()
    heavy = ("python_calamine",)
    line = ("--dry-run", "--sandbox")
    assert loaded_by("batch", "p.txt", *line, heavy=heavy) == []
    assert loaded_by("batch", "p.xlsx", *line, heavy=heavy) == ["python_calamine"]


# The question.


@pytest.mark.parametrize(
    ("typed", "want"), [("2\n", "b"), ("a\n", "a"), ("b", "b"), (" 1 \n", "a")]
)
def test_a_column_is_chosen_by_number_or_name(
    typed: str, want: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert ask_column("p.csv", {"a": "one\x1b[2J", "b": "two"}) == want
    shown = capsys.readouterr().err
    assert "p.csv" in shown and "  2  b: two" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("typed", ["", "\n", "0\n", "3\n", "c\n", "²\n"])
def test_no_choice_sends_nothing(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    with pytest.raises(UsageError, match="nothing was sent"):
        ask_column("p.csv", {"a": "1", "b": "2"})


def test_off_a_terminal_there_is_no_question() -> None:
    assert column_question() is None


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_on_a_terminal_the_column_is_asked_for() -> None:
    import pty

    Path("p.csv").write_text("caption,description\na cat,a dog\n")
    leader, follower = pty.openpty()
    with SandboxThread() as box:
        process = subprocess.Popen(
            [*COMMAND, "p.csv", *SMALL, "-o", "out"],
            env=environment(box, TERM="xterm"),
            stdin=follower, stdout=follower, stderr=follower,
        )  # fmt: skip
        os.close(follower)
        shown = b""
        while b"or Enter" not in shown and select.select([leader], [], [], PATIENCE_S)[0]:
            shown += os.read(leader, 65536)
        os.write(leader, b"2\n")
        while select.select([leader], [], [], PATIENCE_S)[0]:
            try:
                data = os.read(leader, 65536)
            except OSError:
                break
            if not data:
                break
        assert process.wait(PATIENCE_S) == 0
        assert posts(box) == 1
        os.close(leader)
    assert pictures() == ["0001-a-dog.png"]


def test_a_hole_of_the_template_that_rows_leave_empty_is_told(cogview: Run) -> None:
    prompts("name,slogan", "茶,好喝", "咖啡,", "水, ", "酒,香", ",x", file="p.csv")
    ended = cogview("batch", "p.csv", "--template", "{name}海报{slogan}", "--dry-run")
    said = ended.err.splitlines()
    assert "warning: --template: 'slogan' is empty in 2 rows, the first is p.csv:3" in said
    assert "warning: --template: 'name' is empty in 1 row: p.csv:6" in said
    whole = cogview(
        "batch", "p.csv", "--template", "{name}海报{slogan}", "--dry-run", "--limit", "1"
    )
    assert whole.code == 0
