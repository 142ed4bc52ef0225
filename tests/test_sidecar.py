"""Sidecars: all that was asked and came, readable by people, and enough to ask again."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cogview_cli import __version__
from cogview_cli.api.protocol import ImageRef, Reply
from cogview_cli.api.request import ImageRequest
from cogview_cli.errors import UsageError
from cogview_cli.ledger import Entry
from cogview_cli.outcome import SavedFile
from cogview_cli.pictures import sidecar

REQUEST = ImageRequest(model="cogview-4", prompt="一只猫 \ud800", size="1440x720", watermark=False)
KEYS = {
    "schema", "prompt", "model", "size", "quality", "user_id", "watermark_enabled", "created",
    "created_at", "expires_at", "content_filter", "request_id", "url", "image", "cost", "timing",
    "source", "generator",
}  # fmt: skip


def entry(**more: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": "20260101-000000-abcdef", "key": "k", "run": "r", "state": "answer", "attempt": 1,
        "asked": 1700000000.5, "price": Decimal("0.06"), "currency": "CNY", "base_url": "https://h",
        "account": "a", "namespace": "n", "body": REQUEST.body(), "target": {},
        "source": {"file": "p.csv", "line": 3}, "answered": None, "generate_s": 8.12345,
        "answer": None, "expires": 1762327333.0, "code": None, "message": None, "files": [],
    }  # fmt: skip
    return Entry(**{**fields, **more})


def content(reply: Reply | None = None, **more: Any) -> dict[str, Any]:
    saved = SavedFile(
        file="/pictures/猫.jpg",
        sidecar=None,
        format="jpeg",
        width=2,
        height=1,
        bytes=9,
        sha256="ab",
    )
    reply = reply or Reply(images=(ImageRef(url="https://h/x"),), created=1762240925)
    return sidecar.describe(entry(**more), reply, saved, "https://h/x", 0.5)


def write(folder: Path, made: object) -> Path:
    path = folder / "x.png.json"
    path.write_text(json.dumps(made) if not isinstance(made, str) else made, encoding="utf-8")
    return path


def test_a_sidecar_stands_beside_its_image() -> None:
    assert sidecar.sidecar_path(Path("a/cat.png")) == Path("a/cat.png.json")


def test_every_promised_key_is_there() -> None:
    made = content()
    assert set(made) >= KEYS
    assert (made["schema"], made["generator"]) == (1, f"cogview-cli/{__version__}")
    assert made["image"] == {
        "file": "猫.jpg", "format": "jpeg", "width": 2, "height": 1, "bytes": 9, "sha256": "ab",
    }  # fmt: skip


def test_the_request_is_told_as_it_was_sent() -> None:
    made = content()
    assert (made["size"], made["quality"], made["watermark_enabled"]) == ("1440x720", None, False)
    assert made["source"] == {"file": "p.csv", "line": 3}


def test_times_are_told_as_seconds_and_as_utc_text() -> None:
    made = content()
    assert (made["created"], made["created_at"]) == (1762240925, "2025-11-04T07:22:05Z")
    assert made["expires_at"] == "2025-11-05T07:22:13Z"
    assert made["timing"] == {"generate_s": 8.123, "download_s": 0.5}


def test_what_the_answer_left_out_is_filled_in_or_null() -> None:
    made = content(Reply(images=()), expires=None, generate_s=None, price=None)
    assert (made["created"], made["expires_at"], made["content_filter"]) == (1700000000, None, [])
    assert made["cost"] == {"amount": None, "currency": "CNY"}


def test_the_cost_is_an_exact_decimal() -> None:
    assert content(price=Decimal("0.10"))["cost"] == {"amount": "0.10", "currency": "CNY"}


def test_a_sidecar_is_readable_utf8_and_says_which_request_it_belongs_to(tmp_path: Path) -> None:
    path = sidecar.write(tmp_path / "猫.jpg", content())
    assert path == tmp_path / "猫.jpg.json"
    assert "一只猫" in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8")) == content()
    assert sidecar.belongs_to(path, "20260101-000000-abcdef", "other")
    assert sidecar.belongs_to(path, "20260101-000000-000000", "k")
    assert not sidecar.belongs_to(path, "20260101-000000-000000", "other")


def test_writing_again_replaces_the_sidecar_whole(tmp_path: Path) -> None:
    sidecar.write(tmp_path / "x.png", {"id": "a", "prompt": "a" * 1000})
    path = sidecar.write(tmp_path / "x.png", {"id": "b"})
    assert json.loads(path.read_text("utf-8")) == {"id": "b"}


def test_a_sidecar_is_enough_to_ask_again(tmp_path: Path) -> None:
    whole = {**content(), "prompt": "一只猫"}
    path = sidecar.write(tmp_path / "x.png", whole)
    assert sidecar.read_request(path) == REQUEST._replace(prompt="一只猫")


BROKEN = [
    "", "{", "[]", "7", "null", "{}", '{"schema":1}', '{"schema":"1","prompt":"p","model":"m"}',
    '{"schema":1,"prompt":5,"model":"m"}', '{"schema":1,"prompt":"p"}', "[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_anything_else_is_not_a_sidecar(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match="is not a sidecar"):
        sidecar.read_request(path)
    assert not sidecar.belongs_to(path, "x", "y")


def test_bytes_that_are_no_text_are_not_a_sidecar(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UsageError, match="is not a sidecar"):
        sidecar.read_request(tmp_path / "x.png")


def test_a_newer_sidecar_asks_for_an_upgrade(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="newer"):
        sidecar.read_request(write(tmp_path, {"schema": 2, "prompt": "p", "model": "m"}))


@pytest.mark.parametrize(
    ("name", "why"), [("missing.json", "cannot read"), (".", "is not a sidecar")]
)
def test_a_sidecar_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        sidecar.read_request(tmp_path / name)
    assert not sidecar.belongs_to(tmp_path / name, "x", "y")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_is_read_neither_as_a_sidecar_nor_for_its_owner(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png.json")
    with pytest.raises(OSError):
        sidecar.read(tmp_path / "x.png.json")
    assert not sidecar.belongs_to(tmp_path / "x.png.json", "x", "y")


def test_a_byte_order_mark_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.png.json"
    path.write_text('{"id": "a"}', "utf-8-sig")
    assert sidecar.read(path) == {"id": "a"}
    assert sidecar.belongs_to(path, "a", "k")


@pytest.mark.parametrize("beside", [True, False])
def test_a_found_image_is_told_without_being_opened(tmp_path: Path, beside: bool) -> None:
    image = tmp_path / "猫.jpg"
    image.write_bytes(b"123")
    if beside:
        sidecar.write(image, {"id": "a"})
    found = sidecar.found_file(image)
    assert (found.file, found.format, found.bytes) == (str(image), "jpg", 3)
    assert found.sidecar == (f"{image}.json" if beside else None)


def test_an_image_that_goes_while_it_is_told_of_is_empty(tmp_path: Path) -> None:
    assert sidecar.found_file(tmp_path / "gone.png").bytes == 0
