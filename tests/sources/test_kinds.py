"""Shapes of prompt files that people really have: read as meant, or refused; never guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.sources import Reading, Record
from tests.sources.reading import bad, one, prompts, read, reading, records


def refused(data: str | bytes, file: str = "p.txt", **options: Any) -> UsageError:
    """The error that refuses a file as a whole; it has a hint."""
    with pytest.raises(UsageError) as caught:
        read(data, file, **options)
    assert caught.value.hint
    return caught.value


def line_of(data: str | bytes, file: str = "p.csv", **options: Any) -> str:
    """What is said about a file before anything is sent."""
    rows: Reading = reading(data, file, **options)
    list(rows)
    (log,) = rows.logs
    return log.line


# Which column is the prompt.


@pytest.mark.parametrize(
    ("header", "cells", "prompt"),
    [
        ("headline,caption,image_prompt", "Sale,Now!,a red lamp", "a red lamp"),
        ("text,imagePrompt", "Sale,a red lamp", "a red lamp"),
        ("标题,描述,绘画提示词", "新品,便宜,一盏红灯", "一盏红灯"),
        ("文案,图片提示词", "便宜,一盏红灯", "一盏红灯"),
        ("description,绘画描述", "x,一盏红灯", "一盏红灯"),
        ("prompt,negative_prompt", "a red lamp,blur", "a red lamp"),
        ("n_prompt,prompt,prompt_neg", "blur,a red lamp,fog", "a red lamp"),
        ("提示词,反向提示词", "一盏红灯,模糊", "一盏红灯"),
        ("system_prompt,video_prompt,prompt", "x,y,a red lamp", "a red lamp"),
        ("prompt_id,prompt_type,prompt_length,prompt", "1,t,9,a red lamp", "a red lamp"),
        ("提示词编号,提示词类型,提示词", "1,t,一盏红灯", "一盏红灯"),
    ],
)
def test_a_name_that_holds_prompt_goes_first(header: str, cells: str, prompt: str) -> None:
    assert one(f"{header}\n{cells}\n", "p.csv").prompt == prompt
    row = dict(zip(header.split(","), cells.split(","), strict=True))
    assert one(json.dumps(row), "p.jsonl").prompt == prompt
    assert one(json.dumps([row]), "p.json").prompt == prompt


@pytest.mark.parametrize(
    "header",
    [
        "prompt,image_prompt",
        "prompt,提示词",
        "prompt_a,prompt_b",
        "caption,description",
        "text,caption",
        "prompt_zh,prompt_en",
        "short_description,long_description",
        "中文提示词,英文提示词",
        "prompt,Prompt (final),image_prompt",
    ],
)
def test_candidates_are_named_and_asked_for(header: str) -> None:
    names = header.split(",")
    cells = [f"a {number}" for number, _ in enumerate(names)]
    text = f"{header}\n{','.join(cells)}\n"
    error = refused(text, "p.csv")
    assert all(name in error.message for name in names)
    assert "--prompt-field" in error.hint
    refused(json.dumps(dict(zip(names, cells, strict=True))), "p.jsonl")
    assert prompts(text, "p.csv", prompt_field=names[1]) == [cells[1]]

    asked: list[dict[str, Any]] = []

    def ask(file: str, columns: Any) -> str:
        asked.append(dict(columns))
        return names[-1]

    twice = f"{header}\n{','.join(cells)}\n{','.join(cells)}\n"
    assert prompts(twice, "p.csv", ask=ask) == [cells[-1], cells[-1]]
    assert asked == [dict(zip(names, cells, strict=True))]


def test_only_texts_are_candidates() -> None:
    assert one('{"prompt_a": ["x"], "prompt_b": "a cat"}', "p.jsonl").prompt == "a cat"
    assert one('{"caption": 3, "description": "a cat"}', "p.jsonl").prompt == "a cat"


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "category": "animals"},
        {"id": "b_1", "custom_id": "scene_001", "response": {"status_code": 200}, "error": None},
        {"key": "photo-1", "request": {"contents": [{"parts": [{"inlineData": {}}]}]}},
        {"custom_id": "1", "method": "POST", "body": {"messages": [{"content": "a cat"}]}},
        {"name": "Lamp"},
        {"filename": "a.png", "size": "1:1"},
        {"title": "Lamp", "price": "3"},
        {"negative_prompt": "blur"},
        {"产品描述": "便宜", "价格": "3"},
    ],
)
def test_an_only_text_among_several_is_no_prompt(row: dict[str, Any]) -> None:
    assert "no prompt (fields: " in bad(json.dumps(row), "p.jsonl").why
    if all(isinstance(value, str | int) for value in row.values()):
        table = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"
        assert "no prompt column" in refused(table, "p.csv").message


def test_a_gemini_batch_is_read() -> None:
    line = '{"key":"k-1","request":{"contents":[{"parts":[{"text":"a fox"},{"text":"in snow"}]}]}}'
    got = one(line, "p.jsonl")
    assert (got.prompt, got.id) == ("a fox\nin snow", "k-1")


def test_a_conversation_is_no_prompt() -> None:
    turns = [{"parts": [{"text": "draw"}]}, {"parts": [{"text": "sure"}]}]
    line = json.dumps({"key": "1", "request": {"contents": turns}})
    assert "no prompt" in bad(line, "p.jsonl").why


# What the other columns say.


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("prompt,aspectRatio,numberOfImages,fileName", "a,16:9,3,cat1.png"),
        ("Prompt,Aspect Ratio,Number of Images,File Name", "a,16:9,3,cat1"),
        ("提示词,宽高比,数量,文件名", "a,16:9,3,cat1.jpg"),
        ("提示词,画面比例,张数（张）,图片名称", "a,16:9,3.0,cat1"),
        ("提示词,分辨率,生成数量,文件名称", "a,16:9,3,cat1"),
        ("prompt,resolution,num-images,output-filename", "a,16:9,3,cat1"),
    ],
)
def test_columns_in_any_spelling(header: str, cells: str) -> None:
    got = one(f"{header}\n{cells}\n", "p.csv")
    assert (got.size, got.count, got.name) == ("16:9", 3, "cat1")


def test_chinese_columns_and_values() -> None:
    got = one("提示词,尺寸（px）,质量,模型,编号,水印\n猫,1024x768,高清,cogview-4,007,否\n", "p.csv")
    assert (got.size, got.quality, got.model, got.id) == ("1024x768", "hd", "cogview-4", "007")
    assert got.watermark is False
    assert one("提示词,尺寸\n猫,竖版\n", "p.csv").size == "portrait"
    assert one("提示词,画幅\n猫,方形\n", "p.csv").size == "square"
    assert one("提示词,宽度,高度\n猫,1024,768\n", "p.csv").size == "1024x768"


@pytest.mark.parametrize("column", ["num", "qty", "清晰度", "品质", "库存数量", "product_size"])
def test_what_may_mean_something_else_is_not_obeyed_but_named(column: str) -> None:
    got = one(f"prompt,{column}\na,7\n", "p.csv")
    assert (got.count, got.quality, got.size) == (None, None, None)
    assert column == "num" or f"not understood: {column}" in line_of(f"prompt,{column}\na,7\n")


def test_a_resolution_that_is_no_size_is_said() -> None:
    rows = reading("prompt,resolution\na,4K\nb,1024x1024\n", "p.csv")
    assert [r.size for r in rows if isinstance(r, Record)] == [None, "1024x1024"]
    assert rows.ignored == {"resolution": 1}


def test_the_line_says_what_every_column_is() -> None:
    said = line_of("title,提示词,尺寸,qty,product_size,api_key\nx,a cat,1:1,5,XL,k\n")
    assert said == (
        "p.csv (csv): prompt = 提示词; used: size = 尺寸; only kept: title;"
        " not understood: qty, product_size"
    )


def test_the_line_names_a_second_column_of_a_role_and_a_lone_width() -> None:
    assert "not understood: 尺寸" in line_of("prompt,size,尺寸\na,1:1,2:1\n")
    assert "not understood: width" in line_of("prompt,width\na,512\n")


def test_the_line_of_a_template_and_of_a_plain_list() -> None:
    said = line_of("SKU,shelf,尺寸\nx,7,1:1\n", template="{sku}!")
    assert said == "p.csv (csv): prompt from --template; used: size = 尺寸; only kept: shelf"
    assert line_of("sku\nx\n", template="{sku}!") == "p.csv (csv): prompt from --template"
    assert line_of("a cat\na dog\n", "p.txt") == ""


def test_a_count_of_tokens_is_no_key() -> None:
    assert one("prompt,num_tokens,tokens\na,7,8\n", "p.csv").extra == {
        "num_tokens": "7",
        "tokens": "8",
    }


# JSON and YAML with more than a list.


def test_the_list_whose_elements_have_prompts() -> None:
    story = {
        "cast": [{"name": "Ben", "description": "a boy"}],
        "shots": [{"id": 1, "prompt": "Ben runs"}, {"id": 2, "prompt": "Ben sits"}],
        "size": "1:1",
    }
    rows = reading(json.dumps(story), "p.json")
    assert [r.prompt for r in rows if isinstance(r, Record)] == ["Ben runs", "Ben sits"]
    assert rows.logs[0].unclear == ["cast", "size"]


@pytest.mark.parametrize(
    "value",
    [
        {"animals": ["a cat"], "cars": ["a car"]},
        {"a": [{"prompt": "x"}], "b": [{"prompt": "y"}]},
        {"jobs": ["x"], "prompts": ["y"]},
        {"tags": ["x"], "scenes": [{"description": "y"}]},
    ],
)
def test_several_lists_are_named(value: dict[str, Any]) -> None:
    error = refused(json.dumps(value), "p.json")
    assert all(name in error.message for name in value)
    assert "jq" in error.hint


def test_a_colon_in_a_yaml_list_is_part_of_the_prompt() -> None:
    pytest.importorskip("yaml")
    text = "- a cat\n- Poster: a woman in blue\n- No: 16:9, please\n"
    assert prompts(text, "p.yaml") == ["a cat", "Poster: a woman in blue", "No: 16:9, please"]
    assert "quote" in refused("- Poster: a woman in blue\n", "p.yaml").hint
    assert prompts("- idea: a\n- idea: b\n", "p.yaml") == ["a", "b"]
    assert prompts("- prompt: a\n- b\n", "p.yaml") == ["a", "b"]


@pytest.mark.parametrize("id", ["010", "007", "12:30", "1_000", "0x1F", "1e3", "2026-02-01", "no"])
def test_a_yaml_id_is_as_written(id: str) -> None:
    pytest.importorskip("yaml")
    got = one(f"- {{id: {id}, prompt: a cat}}\n", "p.yaml")
    assert got.id == id
    assert got.columns["id"] == id


def test_a_yaml_number_stays_one_and_a_doubled_key_is_refused() -> None:
    pytest.importorskip("yaml")
    got = one("- {id: 1.50, prompt: a, seed: 7, w: -2.5, x: ~, y: true}\n", "p.yaml")
    assert got.id == "1.50"
    assert [got.extra[name] for name in "wxy"] == [-2.5, None, True]
    assert got.extra["seed"] == 7
    assert "twice" in refused("- prompt: a\n  prompt: b\n", "p.yaml").message


# Texts that are more than a list.


def test_a1111_parameters_are_one_prompt() -> None:
    text = (
        "a castle, dusk\nmore of it\nNegative prompt: lowres,\nblurry\n"
        "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model: xl\n"
        "\na dog\nSteps: 20, Sampler: Euler, Size: 640x512\n"
    )
    rows = reading(text)
    castle, dog = (r for r in rows if isinstance(r, Record))
    assert (castle.line, castle.prompt, castle.size) == (1, "a castle, dusk\nmore of it", "512x768")
    assert castle.extra["negative_prompt"] == "lowres,\nblurry"
    assert (castle.model, castle.extra["sd_model"]) == (None, "xl")
    assert (dog.line, dog.prompt, dog.size) == (7, "a dog", "640x512")
    assert rows.ignored["seed"] == 1


def test_a1111_without_parameters_and_with_a_gap() -> None:
    text = "a castle\nNegative prompt: blur\n\na dog\nNegative prompt: fog\n"
    assert prompts(text) == ["a castle", "a dog"]
    gap = read("a cat\n\na castle\nSteps: 20, Sampler: Euler, Size: 512x512\nSteps: 9, Seed: 1\n")
    assert [r.line for r in gap if not isinstance(r, Record)] == [3, 5]


def test_positive_and_negative_blocks() -> None:
    text = (
        "positive:a girl,\nraincoat\n\nnegative:text\n----\nname: m1\npositive: a museum\n---\n"
        "positive:a\npositive:b\n"
    )
    got = records(text)
    assert [r.prompt for r in got] == ["a girl,\nraincoat", "a museum", "a", "b"]
    assert (got[0].extra, got[1].name) == ({"negative_prompt": "text"}, "m1")


@pytest.mark.parametrize(
    ("text", "file", "word"),
    [
        ("---\ntitle: Ideas\ndate: 2026-01-01\n---\n\na cat\n", "p.md", "front matter"),
        ("---\ntitle: Ideas\n---\na cat\n---\na dog\n", "p.txt", "front matter"),
        ("# Ideas\n\n- a cat\n- a dog\n", "p.md", "Markdown: line 1"),
        ("1. a cat\n2. a dog\n", "p.md", "Markdown"),
        ("====\nWord: x\nFilename: x.jpg\nPrompt: a cat\n", "p.txt", "records"),
        ("Title: One\nPrompt: a cat\n\nTitle: Two\nPrompt: a dog\n", "p.txt", "records"),
        ("a cat\n==========\na dog\n", "p.txt", "separator: line 2"),
        ("a cat\n***\na dog\n", "p.txt", "separator"),
    ],
)
def test_what_is_no_list_is_refused_but_not_if_forced(text: str, file: str, word: str) -> None:
    error = refused(text, file)
    assert word in error.message
    assert "--input-format txt" in error.hint
    assert read(text, file, format="txt")


def test_front_matter_in_a_folder_of_prompts_is_no_prompt(tmp_path: Any) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("---\ntitle: x\n---\na cat\n")
    (folder / "b.md").write_text("a dog\n")
    from cogview_cli.sources import ReadOptions

    got = list(Reading([str(folder)], ReadOptions()))
    assert [type(r) is Record for r in got] == [False, True]


@pytest.mark.parametrize(
    "cell",
    [
        "a castle --ar 16:9 --v 6",
        "/imagine prompt: a castle --ar 16:9",
        "/imagine a castle --ar 16:9",
        "a castle —ar 16:9",
        "a castle –ar 16:9 –v 6",
    ],
)
def test_flags_mean_the_same_in_every_form(cell: str) -> None:
    for text, file in (
        (f"{cell}\n", "p.txt"),
        (f"prompt,note\n{cell},x\n", "p.csv"),
        (json.dumps({"prompt": cell}), "p.jsonl"),
        (json.dumps([cell]), "p.json"),
        (f"{cell}\n---\nb\n", "p.txt"),
    ):
        got = records(text, file)[0]
        assert (got.prompt, got.size) == ("a castle", "16:9"), file


def test_a_column_goes_before_a_flag() -> None:
    assert one("prompt,size\na --ar 16:9,1:1\n", "p.csv").size == "1:1"
    assert one("prompt,size\na --ar 16:9,\n", "p.csv").size == "16:9"
    assert one("name,prompt\nx,a castle\n", "p.csv", template="{prompt} --ar 2:1").size == "2:1"


@pytest.mark.parametrize("prompt", ["a cat — no dogs", "a cat -- a dog", "a man —smiling", "a/b"])
def test_dashes_in_prose_stay(prompt: str) -> None:
    assert prompts(f"prompt,note\n{prompt},x\n", "p.csv") == [prompt]


def test_comments_are_counted() -> None:
    text = "#1 gift, pink\n#fridayart\n// note\na cat\n"
    assert (
        line_of(text, "p.txt") == "p.txt (txt): 3 comment lines skipped: --no-comments reads them"
    )
    assert line_of("# x\na\n---\nb\n", "p.txt").endswith(
        "1 comment line skipped: --no-comments reads it"
    )
    assert "1 comment line" in line_of('# x\n{"prompt": "a"}\n', "p.jsonl")
    assert line_of(text, "p.txt", comments=False) == ""


# Tables from spreadsheets.


def test_a_list_without_header() -> None:
    text = '"A 3:4 print of the ""Nine"" theme, bold."\n"A centred print, retro."\n'
    assert prompts(text, "p.csv") == [
        'A 3:4 print of the "Nine" theme, bold.',
        "A centred print, retro.",
    ]
    assert "no header" in line_of(text)


def test_a_table_without_header_is_told_what_is_missing() -> None:
    error = refused('7,"a cat on a sunny mat",1:1\n8,"a dog on a mat",1:1\n', "p.csv")
    assert "first line must name the columns" in error.hint


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_may_stand_below_a_title(delimiter: str) -> None:
    d = delimiter
    text = (
        f"Catalogue 提示词{d}{d}\n\n编号{d}提示词{d}尺寸\n7{d}一只猫{d}1:1\n编号{d}提示词{d}尺寸\n"
    )
    rows = reading(text, "p.csv")
    (got,) = rows
    assert isinstance(got, Record)
    assert (got.line, got.id, got.prompt, got.size) == (4, "7", "一只猫", "1:1")
    assert "header on line 3" in rows.logs[0].line


@pytest.mark.parametrize("mark", ["sep=;", '"sep=;"', "SEP=;"])
@pytest.mark.parametrize("file", ["p.csv", "p.txt"])
def test_excels_own_mark_of_a_delimiter(mark: str, file: str) -> None:
    got = one(f"{mark}\r\nprompt;size\r\na, b;1:1\r\n", file)
    assert (got.line, got.prompt, got.size) == (3, "a, b", "1:1")


def test_unicode_text_of_excel() -> None:
    text = '描述\t尺寸\r\n"一只猫, ""大""猫"\t1:1\r\n'
    got = one(text.encode("utf-16"), "p.txt")
    assert (got.prompt, got.size) == ('一只猫, "大"猫', "1:1")
    assert prompts('提示词\r\n"一只, 猫"\r\n狗\r\n'.encode("utf-16"), "p.txt") == ["一只, 猫", "狗"]


def test_a_table_with_carriage_returns() -> None:
    got = records("prompt,size\ra cat,1:1\ra dog,2:1\r", "p.csv")
    assert [(r.line, r.prompt, r.size) for r in got] == [(2, "a cat", "1:1"), (3, "a dog", "2:1")]


def test_questions_about_one_prompt_are_counted() -> None:
    text = "item_id,text,proposition_id\n0,a,1\n0,a,2\n1,b,1\n"
    assert "1 row is a question about the prompt of the row before" in line_of(text)
