"""What remains of a run: the report, and the rows to ask again."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from threading import Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.batch.report import neutral
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    Batch,
    paths,
    pictures,
    posts,
    prompts,
    rows,
)
from tests.conftest import Run
from tests.faults.peers import Scripted, http, inline
from tests.processes import until

REFUSAL = http("400 Bad Request", b'{"error":{"code":"1301","message":"no"}}')

# --- reports ---------------------------------------------------------------------


def test_report_csv_is_safe_for_spreadsheets(batch: Batch) -> None:
    rows({"prompt": "=HYPERLINK(1)"}, {"prompt": "@x sandbox:1301"}, {"prompt": '猫,"x"'})
    assert batch("--report", "r.csv", source="p.jsonl").code == 3
    raw = Path("r.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert [line["prompt"] for line in table] == ["'=HYPERLINK(1)", "'@x sandbox:1301", '猫,"x"']
    assert [line["status"] for line in table] == ["saved", "refused", "saved"]
    assert [line["error_code"] for line in table] == ["", "1301", ""]
    assert [line["source_line"] for line in table] == ["1", "2", "3"]
    assert [line["cost"] for line in table] == ["0.06", "", "0.06"]


@given(st.text(max_size=20))
def test_no_cell_is_a_formula(text: str) -> None:
    cell = neutral(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text


def test_report_json_has_every_item_and_the_summary(batch: Batch) -> None:
    prompts("cat", "dog sandbox:1113", "owl")
    ended = batch("--jobs", "1", "--report", "r.json")
    report = json.loads(Path("r.json").read_text("utf-8"))
    assert [image["status"] for image in report["images"]] == ["saved", "failed", "not_sent"]
    assert [image["index"] for image in report["images"]] == [1, 2, 3]
    assert report["images"][0]["source"] == {"file": "p.txt", "line": 1}
    assert report["summary"]["exit_code"] == ended.code == 4
    assert report["summary"]["not_sent"] == report["summary"]["failed"] == 1


def test_a_report_that_cannot_be_written_is_9_and_loses_nothing(batch: Batch) -> None:
    prompts("cat")
    Path("p.txt").rename("reports.txt")
    Path("reports").mkdir()
    with SandboxThread(latency=(0.5, 0.5)) as box:
        removal = Timer(0, lambda: (until(lambda: box.books.posts), Path("reports").rmdir()))
        removal.start()
        place = ("--report", "reports/r.csv", "--base-url", box.base_url)
        ended = batch(*place, source="reports.txt")
        removal.join()
    assert ended.code == 9 and len(pictures()) == 1, ended
    assert "reports': No such file" in ended.err


def test_a_report_that_is_a_folder_is_told_before_anything_is_paid(batch: Batch) -> None:
    prompts("cat")
    Path("r.csv").mkdir()
    assert batch("--report", "r.csv").code == 2
    assert not pictures()


# --- failed rows -----------------------------------------------------------------


def failed_rows(name: str = "failed") -> list[dict[str, object]]:
    text = Path("out", f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_failed_rows_are_taken_back_as_they_are(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("p.csv").write_text("提示词,sku,ar\ncat sandbox:1301x1,A1,1:1\ndog,B2,1:1\n", "utf-8")
    ended = cogview("batch", "p.csv", "-q", "hd", "-o", "out", "--name", "{sku}")
    assert ended.code == 3
    assert "failed.csv" in ended.err
    text = Path("out/failed.csv").read_text("utf-8-sig")
    assert text.splitlines()[0] == "提示词,sku,ar,model,quality,n"
    again = cogview("batch", "out/failed.csv", "-o", "out", "--name", "{sku}", "--retry-failed")
    assert (again.code, paths(again)) == (0, ["out/A1.png"])
    asked = [body for body in sandbox.books.bodies if "1301" in str(body["prompt"])]
    assert asked[0] == asked[1]


FAILING = "a cat sandbox:1301"


@pytest.mark.parametrize(
    ("file", "text", "flags"),
    [
        ("p.csv", f"编号,绘画提示词,宽高比,质量\n007,{FAILING},16:9,高清\n", ()),
        ("p.csv", f"prompt,note\n{FAILING} --ar 16:9,x\n", ("-q", "hd", "--no-watermark")),
        ("p.csv", "name,slogan\ncat,now\n", ("--template", "{name} sandbox:1301 {slogan}")),
        ("p.csv", f"prompt,width,height\n{FAILING},1024,768\n", ("-s", "512x512")),
        ("p.tsv", f"prompt\tn\n{FAILING}\t2\n", ("-m", "cogview-3-flash")),
        ("p.jsonl", f'{{"prompt": "x", "image_prompt": "{FAILING}"}}\n',
         ("--prompt-field", "image_prompt")),
        ("p.jsonl", f'{{"prompt_zh": "{FAILING}", "prompt_en": "x"}}\n', ("--lang", "zh")),
        ("p.json", f'[{{"image_prompt": "{FAILING}", "numberOfImages": 2}}]', ("-q", "hd")),
        ("p.txt", f"{FAILING} --ar 3:2 --no dogs\n", ("--watermark",)),
    ],
)  # fmt: skip
def test_failed_rows_of_any_source_ask_for_the_same(
    cogview: Run, sandbox: SandboxThread, file: str, text: str, flags: tuple[str, ...]
) -> None:
    Path(file).write_text(text, "utf-8")
    assert cogview("batch", file, *flags, "-o", "out").code == 3
    asked = list(sandbox.books.bodies)
    (failed,) = Path("out").glob("failed.*")
    assert failed.suffix == (".csv" if file.endswith(("csv", "tsv")) else ".jsonl")
    assert cogview("batch", str(failed), "-o", "mended").code == 3
    assert list(sandbox.books.bodies)[len(asked) :] == asked


def test_one_file_of_failed_rows_is_kept_up_to_date(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    batch()
    assert os.listdir("out") == ["failed.jsonl"]
    prompts("cat sandbox:1301", "dog sandbox:1301")
    batch()
    batch()
    assert os.listdir("out") == ["failed.jsonl"]
    assert len(failed_rows()) == 2
    prompts("dog")
    assert batch().code == 0
    assert not Path("out/failed.jsonl").exists()


def test_failed_rows_that_were_edited_or_are_the_users_own_are_left_alone(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    Path("out/failed.jsonl").write_text("my own\n")
    prompts("cat sandbox:1301", "dog sandbox:1301")
    batch()
    assert sorted(os.listdir("out")) == ["failed-2.jsonl", "failed.jsonl"]
    prompts("cat sandbox:1301", "dog sandbox:1301", "cow sandbox:1301")
    batch()
    assert sorted(os.listdir("out")) == ["failed-2.jsonl", "failed.jsonl"]
    assert len(failed_rows("failed-2")) == 3
    prompts("dog")
    batch()
    assert sorted(name for name in os.listdir("out") if "failed" in name) == ["failed.jsonl"]
    assert Path("out/failed.jsonl").read_text() == "my own\n"


def test_failed_rows_of_another_source_or_part_are_left_alone(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    prompts("dog", "cow sandbox:1301", file="q.txt")
    assert batch(source="q.txt").code == 3
    names = {name for name in os.listdir("out") if "failed" in name}
    assert names == {"failed.jsonl", "failed-2.jsonl"}
    batch("--limit", "1", source="q.txt")
    assert names <= set(os.listdir("out"))
    prompts("dog", file="q.txt")
    assert batch(source="q.txt").code == 0
    assert {name for name in os.listdir("out") if "failed" in name} == {"failed.jsonl"}


def test_shards_keep_their_own_failed_rows_until_a_whole_run(batch: Batch) -> None:
    prompts(*(f"cat {number} sandbox:1301" for number in range(12)))
    for shard in ("1/2", "2/2", "1/2"):
        batch("--shard", shard)
    found = [name for name in os.listdir("out") if "failed" in name]
    assert len(found) == 2
    assert sum(len(failed_rows(name.removesuffix(".jsonl"))) for name in found) == 12
    batch()
    assert len(failed_rows()) == 12
    assert [name for name in os.listdir("out") if "failed" in name] == ["failed.jsonl"]


def test_failed_rows_that_are_asked_again_from_their_own_file_go(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat sandbox:1301", "dog sandbox:1301")
    batch()
    assert batch("--retry-failed", source="out/failed.jsonl").code == 3
    assert [name for name in os.listdir("out") if "failed" in name] == ["failed.jsonl"]


def test_a_run_that_ends_early_removes_no_failed_rows(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    prompts("dog", "cow")
    assert batch("--max-cost", "0.06").code == 7
    assert Path("out/failed.jsonl").exists()


def test_a_table_after_a_list_leaves_one_file(batch: Batch) -> None:
    prompts("cat sandbox:1301")
    batch()
    Path("p.txt").write_text("prompt,note\ncat sandbox:1301,x\n")
    batch()
    assert [name for name in os.listdir("out") if "failed" in name] == ["failed.csv"]


def test_a_reports_folder_is_tried_before_anything_is_paid(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts("cat")
    Path("closed").mkdir()

    def closed(folder: Path) -> None:  # to root no folder is
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("cogview_cli.disk.atomic._write_probe", closed)
    ended = batch("--report", "closed/r.csv")
    assert (ended.code, posts(sandbox)) == (9, 0)
    assert "closed" in ended.err


def test_no_failure_no_file_of_failures(batch: Batch) -> None:
    prompts("cat")
    batch()
    assert not Path("out/failed.jsonl").exists()


def test_failed_rows_ask_for_as_many_images_as_are_missing(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    rows({"prompt": "cat", "n": 3}, {"prompt": "dog"})
    sandbox.script("cat", ["ok", "1301", "ok"])
    assert batch("--jobs", "1", source="p.jsonl").code == 3
    assert cogview("batch", "out/failed.jsonl", "-o", "mended").code == 0
    assert sandbox.books.charges["cat"] == 3
    assert sandbox.books.charges["dog"] == 1


def test_failed_rows_never_repeat_what_may_be_paid(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    prompts("cat sandbox:lost-answer", "dog sandbox:1301x1")
    assert batch().code == 5
    assert cogview("batch", "out/failed.jsonl", "-o", "mended").code == 0
    assert sandbox.books.posts["cat sandbox:lost-answer"] == 1


def test_failed_rows_hold_what_was_sent_not_what_a_flag_went_before(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    rows({"Prompt": "cat sandbox:1301", "watermark": True, "Quality": "standard", "count": 1})
    flags = ("--no-watermark", "-q", "hd", "-n", "2")
    assert batch(*flags, source="p.jsonl").code == 3
    cogview("batch", "out/failed.jsonl", "-o", "mended")
    first, second, third, fourth = sandbox.books.bodies
    assert first == second == third == fourth
    assert (first["quality"], first["watermark_enabled"]) == ("hd", False)


# --- the row's own columns, and what was paid before -------------------------------


def report(name: str = "r.csv") -> list[dict[str, str]]:
    text = Path(name).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_the_report_has_the_columns_of_the_rows(batch: Batch) -> None:
    Path("p.csv").write_text(
        "提示词,sku,status,=x,价格\n一只猫,A1,新品,1,-5\n一只狗,B2,,@cmd,7\n", "utf-8"
    )
    assert batch("--report", "r.csv", source="p.csv").code == 0
    first, second = report()
    assert [*first][-6:] == ["earlier_cost", "提示词", "sku", "row_status", "'=x", "价格"]
    assert (first["status"], first["row_status"], second["row_status"]) == ("saved", "新品", "")
    assert (first["sku"], first["价格"], second["'=x"]) == ("A1", "'-5", "'@cmd")
    assert first["prompt"] == first["提示词"] == "一只猫"


def test_rows_of_several_forms_have_all_columns(batch: Batch, cogview: Run) -> None:
    rows({"prompt": "cat", "tags": ["a", "b"]}, {"prompt": "dog", "more": {"x": 1}, "n": 2})
    assert batch("--report", "r.csv", source="p.jsonl").code == 0
    table = report()
    assert [line["tags"] for line in table] == ['["a", "b"]', "", ""]
    assert [line["more"] for line in table] == ["", '{"x": 1}', '{"x": 1}']
    assert [line["row_n"] for line in table] == ["", "2", "2"]


def test_what_earlier_runs_paid_has_a_column_of_its_own(batch: Batch) -> None:
    prompts("cat", "dog sandbox:1301", "hen")
    with Scripted([inline(), REFUSAL, inline()]) as api:
        batch("--jobs", "1", "--report", "r.csv", "--base-url", api.base_url)
        assert [line["cost"] for line in report()] == ["0.06", "", "0.06"]
        assert [line["earlier_cost"] for line in report()] == ["", "", ""]
        batch("--report", "r.csv", "--base-url", api.base_url)
        assert [line["cost"] for line in report()] == ["0", "0", "0"]
        assert [line["earlier_cost"] for line in report()] == ["0.06", "", "0.06"]
        batch("--report", "r.json", "--base-url", api.base_url)
        images = json.loads(Path("r.json").read_text("utf-8"))["images"]
        assert [image.get("earlier_cost") for image in images] == ["0.06", None, "0.06"]
        ledger = Path(os.environ["COGVIEW_STATE_DIR"])
        ledger.rename(ledger.with_name("lost"))
        batch("--report", "r.csv", "--base-url", api.base_url, "--limit", "1")
        assert [line["earlier_cost"] for line in report()] == ["0.06"]
        assert api.count(b"POST") == 3


def test_a_sandbox_was_never_paid(batch: Batch) -> None:
    prompts("cat")
    batch()
    batch("--report", "r.csv")
    assert [line["earlier_cost"] for line in report()] == [""]


def test_a_report_of_an_older_version_is_replaced(batch: Batch) -> None:
    prompts("cat")
    Path("r.csv").write_text(
        "\ufeffindex,n,status,file,sidecar,id,prompt,model,size,cost,error_code,error_message,"
        "source_file,source_line,row_id\r\n",
        "utf-8",
    )
    assert batch("--report", "r.csv").code == 0
    assert len(report()) == 1
