"""A small file of others' making is read whole, and never beyond what it may hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cogview_cli.disk import regular
from cogview_cli.disk.regular import NotRegular, read_regular

MOST = 100_000


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, MOST - 1, MOST])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(os.urandom(size))
    content, status = read_regular(path, MOST)
    assert content == path.read_bytes() and status.st_size == size


@pytest.mark.parametrize("size", [5, 2**16 + 5, MOST])
def test_one_that_grows_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """As those of /proc, which say 0 bytes."""
    path = tmp_path / "f"
    _grows(path, size, monkeypatch)
    assert len(read_regular(path, MOST)[0]) == size


@pytest.mark.parametrize("most", [10, MOST])
def test_what_is_too_large_is_refused_when_it_has_grown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(most + 1))
    with pytest.raises(NotRegular):
        read_regular(path, most)
    path.unlink()
    _grows(path, most + 1, monkeypatch)
    with pytest.raises(NotRegular):
        read_regular(path, most)


def _grows(path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file that has `size` bytes once it was looked at."""
    path.touch()
    fstat = os.fstat

    def grown(handle: int) -> os.stat_result:
        found = fstat(handle)
        path.write_bytes(bytes(size))
        return found

    monkeypatch.setattr(regular.os, "fstat", grown)
