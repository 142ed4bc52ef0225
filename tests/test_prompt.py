"""Where the prompt comes from: an argument, stdin, a file; and what is no prompt."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from cogview_cli.errors import UsageError
from cogview_cli.gen.prompt import PROMPT_BYTES_LIMIT, prompt_from


class Stdin(io.TextIOWrapper):
    """A stdin that holds `data`, on a terminal or not."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="ascii")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes = b"", *, terminal: bool = False) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data, terminal=terminal))


def test_an_argument_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"never read")
    assert prompt_from(" 猫\n ", None, repeat=False) == (" 猫\n ", None)


@pytest.mark.parametrize("argument", [None, "-"])
def test_piped_stdin_is_the_prompt(monkeypatch: pytest.MonkeyPatch, argument: str | None) -> None:
    stdin(monkeypatch, "\ufeff海报\r\n第二行\r\n".encode())
    assert prompt_from(argument, None, repeat=False) == ("海报\r\n第二行", {"file": "-", "line": 1})


def test_prompt_file_dash_is_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"cat\n")
    assert prompt_from(None, "-", repeat=False)[0] == "cat"


def test_a_file_loses_bom_and_last_line_end_only(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_bytes(b"\xef\xbb\xbf a\n\nb \n\n")
    assert prompt_from(None, str(file), repeat=False) == (
        " a\n\nb ",
        {"file": str(file), "line": 1},
    )


def test_a_sidecar_may_supply_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"never read")
    assert prompt_from(None, None, repeat=True) == (None, None)


def test_a_sidecars_prompt_can_be_replaced_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"dog")
    assert prompt_from("-", None, repeat=True)[0] == "dog"


@pytest.mark.parametrize("argument", [None, "-"])
def test_a_terminal_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, argument: str | None
) -> None:
    stdin(monkeypatch, terminal=True)
    with pytest.raises(UsageError) as caught:
        prompt_from(argument, None, repeat=False)
    assert "cogview gen" in caught.value.hint


def test_no_stdin_at_all_is_no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="no prompt"):
        prompt_from(None, None, repeat=False)


@pytest.mark.parametrize("data", [b"", b" \n"])
def test_empty_stdin_is_no_prompt(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    stdin(monkeypatch, data)
    with pytest.raises(UsageError, match="stdin is empty"):
        prompt_from(None, None, repeat=False)


def test_prompt_and_file_contradict() -> None:
    with pytest.raises(UsageError, match="contradict"):
        prompt_from("cat", "p.txt", repeat=False)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"'no\.txt'"):
        prompt_from(None, "no.txt", repeat=False)


def test_a_folder_is_no_prompt_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        prompt_from(None, str(tmp_path), repeat=False)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_mark_tells_the_encoding_as_it_does_for_batch(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes("\ufeff一只猫\r\n".encode(codec))
    assert prompt_from(None, str(path), repeat=False)[0] == "一只猫"
    path.write_bytes("\ufeff一只猫".encode(codec)[:-1])
    with pytest.raises(UsageError, match="not UTF-8"):
        prompt_from(None, str(path), repeat=False)


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    file = tmp_path / "gb.txt"
    file.write_bytes("ab中文".encode("gb18030"))
    with pytest.raises(UsageError, match=r"byte 0xd6 at offset 2") as caught:
        prompt_from(None, str(file), repeat=False)
    assert "GB18030" in caught.value.hint


def test_an_argument_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(UsageError, match="0xff at character 3"):
        prompt_from("ab\udcff", None, repeat=False)


def test_a_nul_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"a\0b")
    with pytest.raises(UsageError, match="NUL"):
        prompt_from(None, str(tmp_path / "p"), repeat=False)


def test_a_prompt_of_more_than_a_mebibyte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.write_bytes(b"a" * PROMPT_BYTES_LIMIT)
    assert prompt_from(None, str(file), repeat=False)[0] == "a" * PROMPT_BYTES_LIMIT
    file.write_bytes(b"a" * (PROMPT_BYTES_LIMIT + 1))
    with pytest.raises(UsageError, match="1 MiB"):
        prompt_from(None, str(file), repeat=False)
