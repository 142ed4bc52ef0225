"""What the standard library writes is read back to the same prompts."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.errors import UsageError
from cogview_cli.sources import Reading, ReadOptions, RejectedRow
from tests.sources.reading import from_stdin

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: bool(text.strip())
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\t"), min_size=1).filter(
    lambda text: bool(text.strip())
)
ROWS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@given(rows=ROWS)
def test_csv(delimiter: str, rows: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("prompt", "note"), *rows])
    got = from_stdin(out.getvalue(), format="csv")
    # Inside a cell CR LF becomes a line feed, as a file may have either at its line ends.
    assert [r.prompt for r in got] == [prompt.replace("\r\n", "\n") for prompt, _ in rows]


@given(rows=st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=5))
def test_tsv_that_knows_no_quotes(rows: list[tuple[str, str]]) -> None:
    """One cell with an odd quote shows that none of them are quotes."""
    lines = ["prompt\tnote", 'a "cat\tx', '"G I" painted\ty', *("\t".join(row) for row in rows)]
    got = from_stdin("\n".join(lines), format="tsv")
    assert [r.prompt for r in got] == ['a "cat', '"G I" painted', *(prompt for prompt, _ in rows)]


@pytest.mark.parametrize("ascii_only", [True, False])
@given(rows=ROWS)
def test_jsonl(ascii_only: bool, rows: list[tuple[str, str]]) -> None:
    lines = (json.dumps({"prompt": p, "note": n}, ensure_ascii=ascii_only) for p, n in rows)
    got = from_stdin("\n".join(lines), format="jsonl")
    assert [(r.prompt, r.columns["note"]) for r in got] == rows


@pytest.mark.parametrize("indent", [None, 1])
@given(rows=ROWS)
def test_json(indent: int | None, rows: list[tuple[str, str]]) -> None:
    text = json.dumps([{"prompt": p, "note": n} for p, n in rows], indent=indent)
    got = from_stdin(text)
    assert [(r.prompt, r.columns["note"]) for r in got] == rows


@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([None, "csv", "tsv", "jsonl", "blocks"])
)
def test_any_bytes_end_in_records_or_a_usage_error(data: bytes, form: str | None) -> None:
    try:
        for record in Reading(["-"], ReadOptions(format=form), stdin=io.BytesIO(data)):
            assert isinstance(record, RejectedRow) or record.prompt.strip()
    except UsageError as error:
        assert error.hint
