"""What a row says that its picture should say."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.sources.columns import make_plan
from tests.batch.support import posts, rows
from tests.conftest import Ended, Run
from tests.takes import standin
from tests.takes.conftest import SMALL, Batch
from tests.takes.test_takes import RIGHT, TITLE, image_lines, on_disk


def roles(*names: str, lettering: bool = True, prompt: str | None = None) -> tuple[object, object]:
    """The column of the prompt, and that of the text on the picture."""
    guess = prompt is None
    plan = make_plan(names, lang=None, prompt=prompt, guess=guess, lettering=lettering)
    return plan.prompt_column(dict.fromkeys(names, "x")), plan.text


@pytest.mark.parametrize("name", ["text", "Text", "文字", "标题文字", "图上文字", "文字（中文）"])
def test_a_column_beside_the_prompt_is_what_the_picture_should_say(name: str) -> None:
    assert roles("prompt", name) == ("prompt", name)
    assert roles("description", name) == ("description", name)
    assert roles("prompt", name, lettering=False) == ("prompt", None)
    assert roles("brief", name, prompt="brief") == ("brief", name)


def test_a_file_whose_only_prompt_is_called_text_keeps_it() -> None:
    assert roles("text") == ("text", None)
    assert roles("id", "text") == ("text", None)
    assert roles("text", "标题文字") == ("text", "标题文字")
    assert roles("文字") == ("文字", None)
    plan = make_plan(["name", "text"], lang=None, prompt=None, guess=False, lettering=True)
    assert plan.text == "text"  # in a template


def run(cogview: Run, table: Path, *objects: dict[str, object], options: tuple[str, ...]) -> Ended:
    standin.write_table(table, [str(row["prompt"]) for row in objects])
    rows(*objects)
    return cogview("batch", "p.jsonl", *SMALL, "-o", "out", "--name", "{index}", "--json", *options)


def test_the_text_of_a_row_goes_before_its_quotes_and_stays_in_the_sidecar(
    cogview: Run, table: Path
) -> None:
    prompts: list[dict[str, object]] = [
        {"prompt": RIGHT, "text": "上海滩"},
        {"prompt": RIGHT, "text": ["韦小宝", "重生"]},
        {"prompt": f"{RIGHT} 2", "文字": ""},
    ]
    ended = run(cogview, table, *prompts, options=("--check-text",))
    assert [line["text"]["wanted"] for line in image_lines(ended)] == [
        ["上海滩"], ["韦小宝", "重生"], [TITLE],
    ]  # fmt: skip
    assert [line["text"]["ok"] for line in image_lines(ended)] == [False, True, True]
    assert on_disk()["1.png"]["source"]["text"] == "上海滩"
    assert "text = text" in ended.err
    flag = run(cogview, table, *prompts, options=("--text", "宝"))
    assert [line["text"]["wanted"] for line in image_lines(flag)] == [["宝"]] * 3


def test_without_checking_a_text_column_is_any_other(
    cogview: Run, table: Path, sandbox: SandboxThread
) -> None:
    ended = run(cogview, table, {"prompt": RIGHT, "text": "上海滩"}, options=())
    assert ended.code == 0 and "text = text" not in ended.err
    later = run(cogview, table, {"prompt": RIGHT, "text": "上海滩"}, options=("--check-text",))
    assert (later.code, posts(sandbox)) == (3, 1)


def test_a_file_of_texts_is_still_one_of_prompts(cogview: Run, table: Path) -> None:
    standin.write_table(table, [RIGHT])
    Path("p.jsonl").write_text(json.dumps({"text": RIGHT}), "utf-8")
    ended = cogview("batch", "p.jsonl", *SMALL, "-o", "out", "--check-text", "--json")
    assert image_lines(ended)[0]["text"]["wanted"] == [TITLE]


@pytest.mark.parametrize("wrong", [{"a": 1}, [["x"]], True])
def test_a_cell_that_is_no_text_is_told_before_anything_is_sent(
    wrong: object, cogview: Run, table: Path, sandbox: SandboxThread
) -> None:
    ended = run(cogview, table, {"prompt": RIGHT, "text": wrong}, options=("--check-text",))
    assert ended.code == 2 and "field text" in ended.err and posts(sandbox) == 0


def test_the_report_has_columns_for_it(batch: Batch) -> None:
    prompts = [RIGHT, f"{RIGHT} sandbox:text-wrong", "一只猫"]
    batch(prompts, "--check-text", "--report", "r.csv")
    table = list(csv.DictReader(Path("r.csv").read_text("utf-8-sig").splitlines()))
    assert [row["text_ok"] for row in table] == ["true", "false", ""]
    assert table[1]["text_missing"] == "是→室" and table[1]["text_wanted"] == TITLE
    assert batch(prompts, "--check-text", "--report", "r.csv").code == 3
    batch(prompts, "--report", "plain.csv")
    assert "text_ok" not in Path("plain.csv").read_text("utf-8-sig")
    batch(prompts, "--check-text", "--report", "r.json")
    images = json.loads(Path("r.json").read_text("utf-8"))["images"]
    assert images[1]["text"]["ok"] is False


def test_the_gallery_filters_wrong_text_and_leaves_takes_out(batch: Batch, cogview: Run) -> None:
    batch([RIGHT, f"{RIGHT} sandbox:text-wrong"], "--retake", "1")
    assert cogview("gallery", "out", "-o", "g.html").code == 0
    page = Path("g.html").read_text("utf-8")
    assert page.count('data-status="saved wrong-text"') == 1
    assert '<button type="button" data-status="wrong-text"' in page
    assert "take2" not in page
    shown = {"应有文字": "重生之我是韦小宝", "识别到的文字": "重生之我室韦小宝"}
    for label, text in shown.items():
        assert re.search(rf'class="[a-z ]*named"><dt>{label}</dt><dd>[^/]*{text}', page)


def test_a_folder_of_takes_is_shown_where_it_is_named(batch: Batch, cogview: Run) -> None:
    batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "1")
    ended = cogview("gallery", "out/takes")
    assert (ended.code, ended.out) == (0, "out/takes/index.html\n"), ended
    assert "1-take2.png" in Path("out/takes/index.html").read_text("utf-8")


def test_the_money_of_takes_is_counted_in_the_folder_of_their_picture(
    batch: Batch, cogview: Run
) -> None:
    batch([RIGHT, f"{RIGHT} sandbox:text-wrong"], "--retake", "1")
    ended = cogview("history", "--by", "folder", "--json")
    groups = [json.loads(line) for line in ended.out.splitlines()]
    found = {group["name"]: group["requests"] for group in groups if group["type"] == "total"}
    assert found == {str(Path("out").resolve()): 3}
