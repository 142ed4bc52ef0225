"""CSV and TSV: delimiters, quotes, line numbers, and every way a table can be broken."""

from __future__ import annotations

import tracemalloc

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.sources import Record, RejectedRow
from cogview_cli.sources.lines import LINE_LIMIT
from tests.sources.reading import bad, one, prompts, read, reading, records


def form_of(data: str | bytes, file: str) -> str:
    rows = reading(data, file)
    list(rows)
    (form,) = rows.forms
    return form


def test_oneig_in_both_languages() -> None:
    english = (
        "category,id,prompt_en,type,prompt_length,class\r\n"
        "Anime,000,a girl,T,6,None\r\n"
        "Text,000,a sign,P,6,None\r\n"
    )
    got = records(english, "OneIG-Bench.csv")
    assert [(r.line, r.id, r.prompt) for r in got] == [(2, "000", "a girl"), (3, "000", "a sign")]
    assert got[0].extra == {"category": "Anime", "type": "T", "prompt_length": "6", "class": "None"}
    assert prompts("category,id,prompt_cn,class\n动漫,000,一个女孩,无\n", "OneIG-Bench-ZH.csv") == [
        "一个女孩"
    ]


def test_partiprompts_keeps_the_quotes_of_its_prompts() -> None:
    text = (
        "Prompt\tCategory\tChallenge\tNote\n"
        "a cat\tAnimals\tBasic\t\n"
        '"G I G G L E" painted in thick colors\tAbstract\tWriting\tquotes\n'
    )
    assert prompts(text, "PartiPrompts.tsv") == [
        "a cat", '"G I G G L E" painted in thick colors',
    ]  # fmt: skip
    assert form_of(text, "PartiPrompts.tsv") == "tsv (quotes as they are)"


def test_a_tsv_with_real_quotes() -> None:
    text = 'prompt\tnote\n"two\nlines"\tx\n"tab\there"\ty\n'
    assert prompts(text, "p.tsv") == ["two\nlines", "tab\there"]
    assert form_of(text, "p.tsv") == "tsv"


def test_dpg_asks_many_questions_about_one_prompt() -> None:
    text = (
        "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n"
        "partiprompts17,a dog,k,1,0,entity,whole,t,Is there a dog?\n"
        "partiprompts17,a dog,k,2,1,attribute,color,t,Is it red?\n"
        "0,a house,k,1,0,entity,whole,t,Is there a house?\n"
        "0,a house,k,2,0,entity,whole,t,Is it big?\n"
        "partiprompts17,a dog again,k,1,0,entity,whole,t,?\n"
    )
    got = records(text, "dpg_bench.csv")
    assert [(r.line, r.id, r.prompt) for r in got] == [
        (2, "partiprompts17", "a dog"), (4, "0", "a house"), (6, "partiprompts17", "a dog again"),
    ]  # fmt: skip


def test_item_id_alone_drops_no_row() -> None:
    assert prompts("item_id,text\n1,a\n1,b\n", "p.csv") == ["a", "b"]


def test_a_spreadsheet_of_jobs() -> None:
    text = (
        "output_dir,output_filename,prompt,ref_images,aspect_ratio,resolution,"
        "number_of_images,seed\nx,a/b.PNG,猫,,16:9,2K,4.0,7\nx,,狗,,,,,\n"
    )
    rows = reading(text, "jobs.csv")
    cat, dog = (r for r in rows if isinstance(r, Record))
    assert (cat.name, cat.size, cat.count) == ("a_b", "16:9", 4)
    assert (dog.name, dog.size, dog.count) == (None, None, None)
    assert rows.ignored == {"output_dir": 2, "resolution": 1, "seed": 1}
    assert rows.columns[0] == "output_dir"


def test_yijian_prompt_text() -> None:
    assert prompts("prompt_text,domain,primary_category\n猫,a,b\n", "a.csv") == ["猫"]


@pytest.mark.parametrize(
    ("delimiter", "form"), [(",", "csv"), (";", "csv (';')"), ("\t", "tsv"), ("|", "csv ('|')")]
)
def test_delimiters_are_found_whatever_the_prompts_hold(delimiter: str, form: str) -> None:
    text = f"prompt{delimiter}note\r\n一只猫, a dog, a hat{delimiter}x\r\nb, c{delimiter}\r\n"
    if delimiter == ",":
        text = 'prompt,note\r\n"一只猫, a dog, a hat",x\r\n"b, c",\r\n'
    assert prompts(text, "p.csv") == ["一只猫, a dog, a hat", "b, c"]
    assert form_of(text, "p.csv") == form
    assert prompts(text, "p.txt") == ["一只猫, a dog, a hat", "b, c"]


def test_a_table_is_found_without_its_suffix_only_by_a_telling_name() -> None:
    for header in ("id,prompt", "Prompt_EN,id", "编号,提示词"):
        assert len(prompts(f"{header}\na,b\n", "p.txt")) == 1
    assert prompts("id,text\na,b\n", "p.txt") == ["id,text", "a,b"]


def test_forms_name_encoding_and_delimiter() -> None:
    assert (
        form_of("提示词;风格\n一只可爱的小猫;油画\n".encode("gb18030"), "p.csv")
        == "csv (GB18030, ';')"
    )


def test_excel_tabs_in_utf16() -> None:
    data = "prompt\tn\r\n一只猫\t2\r\n".encode("utf-16")
    assert one(data, "p.csv").count == 2
    assert form_of(data, "p.txt") == "tsv (UTF-16)"


def test_header_with_mark_and_blanks() -> None:
    got = one("\ufeff Prompt , Aspect Ratio \na,1:1\n", "p.csv")
    assert (got.prompt, got.size) == ("a", "1:1")
    assert got.columns == {"Prompt": "a", "Aspect Ratio": "1:1"}


def test_line_ends_inside_quotes_stay_and_lines_are_physical() -> None:
    got = records('prompt,n\r\n"one\r\n\r\ntwo",1\r\n\r\n , \r\nlast,2\r\n', "p.csv")
    assert [(r.line, r.prompt) for r in got] == [(2, "one\n\ntwo"), (7, "last")]


def test_a_single_column_needs_no_known_name() -> None:
    assert prompts("idea\na\nb\n", "p.csv") == ["a", "b"]


@pytest.mark.parametrize("header", ["a cat on a mat", "一只可爱的小猫坐在窗台上看雪景油画风格"])
def test_a_list_without_header_does_not_lose_its_first_prompt(header: str) -> None:
    assert prompts(f'"{header}"\n"a dog, big"\n', "p.csv") == [header, "a dog, big"]


def test_no_prompt_column_lists_the_columns() -> None:
    with pytest.raises(UsageError) as caught:
        read("question,answer\na,b\n", "x.csv")
    assert caught.value.message == "'x.csv' has no prompt column"
    assert "question, answer" in caught.value.hint
    assert "--prompt-field NAME" in caught.value.hint
    assert "--template '… {answer} …'" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        read("sku,slogan,size\na,b,1:1\n", "x.csv")
    assert "--template '… {slogan} …'" in caught.value.hint  # size is a setting, not words
    with pytest.raises(UsageError) as caught:
        read("编号,产品,卖点,价格,尺寸,备注\n1,茶,好,2,1:1,\n", "x.csv")
    assert "--template '… {卖点} …'" in caught.value.hint  # a remark is the last thing to draw
    with pytest.raises(UsageError, match="has no column 'nope'"):
        read("prompt,answer\na,b\n", "x.csv", prompt_field="nope")
    assert prompts("question,answer\na,b\n", "x.csv", prompt_field="ANSWER") == ["b"]


def test_languages() -> None:
    text = "id,prompt_en,prompt_zh\n1,cat,猫\n"
    with pytest.raises(UsageError, match="prompt_en and prompt_zh"):
        read(text, "p.csv")
    assert prompts(text, "p.csv", lang="zh") == ["猫"]
    assert prompts(text, "p.csv", lang="cn") == ["猫"]
    assert prompts(text, "p.csv", lang="en") == ["cat"]
    assert prompts("prompt,x\na,b\n", "p.csv", lang="en") == ["a"]


def test_doubled_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="two columns named 'n'"):
        read("prompt,n,n\na,1,2\n", "p.csv")


def test_an_unclosed_quote_is_bad_where_it_was_opened() -> None:
    lines = "".join(f"row {i},1\n" for i in range(500))
    got = read(f'prompt,n\na,1\n"two\nlines","never closed\n{lines}', "p.csv")
    assert [type(r) for r in got] == [Record, RejectedRow]
    assert (got[1].line, "not closed" in got[1].why) == (4, True)  # type: ignore[union-attr]


def test_an_unclosed_quote_does_not_swallow_a_large_file() -> None:
    rows = reading(
        'prompt,n\n"never closed\n' + "some prompt of a few words,1\n" * 400_000, "p.csv"
    )
    tracemalloc.start()
    try:
        (got,) = rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (got.line, type(got)) == (2, RejectedRow)
    assert peak < 12 * LINE_LIMIT


def test_text_after_a_closing_quote_is_bad_and_the_next_row_is_read() -> None:
    got = read('prompt,n\n"a" cat,1\n"b",2\n', "p.csv")
    assert [type(r) for r in got] == [RejectedRow, Record]
    assert got[0].line == 2


def test_ragged_rows() -> None:
    got = read("prompt,n,note\na, b, c,2\nshort\nlong,1,x,,\n", "p.csv")
    assert got[0] == RejectedRow("p.csv", 2, "4 cells under 3 columns; is a quote missing?")
    assert [r.columns for r in got[1:] if isinstance(r, Record)] == [
        {"prompt": "short", "n": "", "note": ""},
        {"prompt": "long", "n": "1", "note": "x"},
    ]


def test_an_empty_prompt_is_bad() -> None:
    assert bad("prompt,n\na,1\n ,2\n", "p.csv").why == "field prompt: the prompt is empty"


def test_a_nul_spoils_its_row_only() -> None:
    got = read('prompt,n\na,1\nb\x00,2\nc,3\n"d\ne\x00\nf",4\ng,5\n', "p.csv")
    assert [(r.line, type(r)) for r in got] == [
        (2, Record), (3, RejectedRow), (4, Record), (6, RejectedRow), (8, Record),
    ]  # fmt: skip


def test_large_cells_are_fine_up_to_the_limit() -> None:
    text = "x" * 200_000
    assert prompts(f"prompt,n\n{text},1\n", "p.csv") == [text]


def test_a_nameless_column_goes_by_its_number() -> None:
    assert one("prompt,,n\na,b,2\n", "p.csv").extra == {"column 2": "b"}


def test_a_table_without_rows_holds_nothing() -> None:
    assert read("prompt,n\n", "p.csv") == []
    assert read("", "p.csv") == []
