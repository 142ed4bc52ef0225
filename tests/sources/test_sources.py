"""What can be given as a source, what is refused at once, and several sources in a row."""

from __future__ import annotations

import gc
import io
import os
from pathlib import Path
from threading import Thread

import pytest

from cogview_cli.errors import MachineError, UsageError
from cogview_cli.sources import Reading, ReadOptions, Record, RejectedRow
from tests.sources.reading import from_stdin


class Terminal(io.BytesIO):
    """A stdin that nobody types into."""

    def isatty(self) -> bool:
        return True


def refused(*sources: str, stdin: io.BytesIO | None = None, **options: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        Reading(sources, ReadOptions(**options), stdin=stdin)  # type: ignore[arg-type]
    assert caught.value.hint
    return caught.value


def test_stdin_is_read_like_a_file_named_dash() -> None:
    assert from_stdin("a\n猫\n") == [
        Record(file="-", line=1, prompt="a"),
        Record(file="-", line=2, prompt="猫"),
    ]
    assert from_stdin('{"prompt": "a"}\n{"prompt": "b"}\nplain\n')[2].prompt == "plain"
    assert from_stdin("prompt,n\na,2\n")[0].count == 2
    assert [r.prompt for r in from_stdin("prompt: a, n\nb, c\n")] == ["prompt: a, n", "b, c"]


def test_the_process_stdin_is_taken_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a cat\n")))
    (got,) = Reading(["-"], ReadOptions())
    assert isinstance(got, Record)


@pytest.mark.parametrize("stdin", [Terminal(b"never read"), io.BytesIO(b"")])
def test_a_terminal_or_empty_stdin_is_refused(stdin: io.BytesIO) -> None:
    refused("-", stdin=stdin)


def test_no_stdin_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    refused("-")


def test_stdin_twice_is_refused() -> None:
    assert "twice" in refused("-", "-", stdin=io.BytesIO(b"a")).message


def test_the_copy_of_stdin_is_closed_even_if_nothing_was_read() -> None:
    rows = Reading(["-"], ReadOptions(), stdin=io.BytesIO(b"a\nb\n"))
    copy = rows._sources[0].copy
    assert copy is not None
    begun = iter(rows)
    next(begun)
    del rows, begun
    gc.collect()
    assert copy.closed


@pytest.mark.parametrize("source", ["missing.txt", "", "a\x00b", "missing/p.txt"])
def test_a_missing_file_is_refused_at_once(source: str) -> None:
    assert "cannot read" in refused(source).message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_an_unreadable_file_is_refused_at_once() -> None:
    Path("p.txt").write_text("a")
    Path("p.txt").chmod(0)
    assert "Permission" in refused("p.txt").message


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"PAR1\x15\x04", "duckdb"),
        (b"PK\x03\x04....", "CSV"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"\x89PNG\r\n", "prompts"),
        (b"\xff\xd8\xff\xe0", "prompts"),
    ],
)
def test_what_is_no_text_is_refused_at_once(head: bytes, word: str) -> None:
    Path("p.data").write_bytes(head + b"\x00" * 50)
    assert word in refused("p.data").hint
    assert word in refused("-", stdin=io.BytesIO(head)).hint


def test_unknown_options_are_refused_at_once() -> None:
    assert "csv" in refused(format="xlsx").hint
    assert "zh" in refused(lang="fr").hint
    refused(template="{a}", prompt_field="a")


def test_sources_are_read_in_order_each_in_its_own_form() -> None:
    Path("a.txt").write_text("one\n")
    Path("b.csv").write_text("prompt,seed\ntwo,5\n")
    Path("c.json").write_text('["three"]')
    Path("d").mkdir()
    Path("d/x.txt").write_text("four")
    rows = Reading(["a.txt", "b.csv", "c.json", "d", "-"], ReadOptions(), stdin=io.BytesIO(b"five"))
    assert rows.forms == []
    got = [(r.file, r.prompt) for r in rows if isinstance(r, Record)]
    assert got == [
        ("a.txt", "one"), ("b.csv", "two"), ("c.json", "three"), ("d/x.txt", "four"), ("-", "five"),
    ]  # fmt: skip
    assert rows.forms == ["txt", "csv", "json", "folder of 1 file", "txt"]
    assert rows.columns == ["prompt", "seed"]
    assert rows.ignored == {"seed": 1}


def test_an_empty_file_holds_nothing() -> None:
    Path("a.txt").write_text("")
    assert list(Reading(["a.txt"], ReadOptions())) == []


def test_a_file_that_vanishes_before_it_is_read() -> None:
    Path("a.txt").write_text("a")
    rows = Reading(["a.txt"], ReadOptions())
    Path("a.txt").unlink()
    with pytest.raises(UsageError, match=r"cannot read 'a\.txt'"):
        list(rows)


def test_a_file_that_changes_while_it_is_read() -> None:
    Path("a.txt").write_bytes(b"a\n" * 100_000)
    rows = iter(Reading(["a.txt"], ReadOptions(format="txt")))
    next(rows)
    with open("a.txt", "r+b") as file:
        file.seek(150_000)
        file.write(b"\xff\xff")
    with pytest.raises(UsageError, match="changed while it was read"):
        list(rows)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_a_source() -> None:
    """As shells make them for `<(command)`."""
    os.mkfifo("pipe")
    writer = Thread(target=Path("pipe").write_bytes, args=(b"a\nb\n",))
    writer.start()
    got = list(Reading(["pipe"], ReadOptions()))
    writer.join()
    assert [(r.file, r.line) for r in got] == [("pipe", 1), ("pipe", 2)]


def test_format_forces() -> None:
    Path("p.csv").write_text('prompt,n\n{"prompt": "a"}\n')

    def read(form: str) -> list[Record | RejectedRow]:
        return list(Reading(["p.csv"], ReadOptions(format=form)))

    assert [r.prompt for r in read("txt") if isinstance(r, Record)] == [
        "prompt,n",
        '{"prompt": "a"}',
    ]
    assert [r.prompt for r in read("jsonl") if isinstance(r, Record)] == ["prompt,n", "a"]


def test_no_room_for_the_copy_of_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(MachineError, match="No space left"):
        Reading(["-"], ReadOptions(), stdin=io.BytesIO(b"a"))
