"""A hostile `--from` is told in words: exit 2, no hang, nothing sent."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cogview_cli.errors import UsageError
from cogview_cli.pictures.sidecar import LONGEST_BYTES, read_request
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run

GOOD = {"schema": 1, "prompt": "cat", "model": "cogview-4-250304", "size": "512x512"}
TEXTS = {
    "empty": b"",
    "binary": b"\x89PNG\r\n\x1a\n\x00\xff\xfe",
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a list": b"[1]",
    "deep": b"[" * 10_000 + b"]" * 10_000,
    "deep object": b'{"a":' * 990 + b"1" + b"}" * 990,
    "endless number": b'{"schema": 1' + b"0" * 5000 + b"}",
    "NaN": b'{"schema": NaN, "prompt": "cat", "model": "m"}',
}
VALUES: dict[str, list[object]] = {
    "schema": [None, "1", 1.0, True, [], {}, 10**30, 2],
    "prompt": [None, 5, [], {"a": 1}, "\ud800", "", " "],
    "model": [None, 5, [], "\udfff", ""],
    "size": [5, [512, 512], {"w": 1}, True, "\ud83d", "x" * 10_000],
    "quality": [5, [], "\ud800", "best"],
    "user_id": [5, [], {}, "\udc00bcdefgh", "x"],
    "watermark_enabled": ["true", 1, 0, [], {}],
}


def refused(ended: Ended, sandbox: SandboxThread) -> None:
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.startswith("error: ") and "hint: " in ended.err, ended
    assert not sandbox.books.bodies and not list(Path.cwd().glob("*.png"))


@pytest.mark.parametrize("how", TEXTS)
def test_text_that_is_no_sidecar(how: str, cogview: Run, sandbox: SandboxThread) -> None:
    Path("s.json").write_bytes(TEXTS[how])
    refused(cogview("gen", "--from", "s.json"), sandbox)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in VALUES.items() for value in values]
)
def test_a_value_of_the_wrong_kind(
    name: str, value: object, cogview: Run, sandbox: SandboxThread
) -> None:
    Path("s.json").write_text(json.dumps({**GOOD, name: value}))
    refused(cogview("gen", "--from", "s.json"), sandbox)


@pytest.mark.parametrize("name", ["schema", "prompt", "model"])
def test_a_value_that_is_missing(name: str, cogview: Run, sandbox: SandboxThread) -> None:
    Path("s.json").write_text(json.dumps({key: GOOD[key] for key in GOOD if key != name}))
    refused(cogview("gen", "--from", "s.json"), sandbox)


def _fifo() -> None:
    os.mkfifo("s.json")


def _socket() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.json")


def _huge() -> None:
    with Path("s.json").open("wb") as file:
        file.truncate(1 << 40)


def _loop() -> None:
    Path("s.json").symlink_to("s.json")


OTHERS = {
    "FIFO": _fifo, "socket": _socket, "huge": _huge, "loop": _loop,
    "folder": lambda: Path("s.json").mkdir(),
    "endless device": lambda: Path("s.json").symlink_to("/dev/zero"),
    "missing": lambda: None,
}  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="files of POSIX")
@pytest.mark.parametrize("how", OTHERS)
def test_what_is_no_file(how: str, cogview: Run, sandbox: SandboxThread) -> None:
    OTHERS[how]()
    refused(cogview("gen", "--from", "s.json"), sandbox)


def test_a_large_sidecar_within_the_limit_is_read(cogview: Run, sandbox: SandboxThread) -> None:
    source = {"file": "p.csv", "line": 1, "notes": "x" * (LONGEST_BYTES - 1000)}
    Path("s.json").write_text(json.dumps({**GOOD, "source": source}))
    assert cogview("gen", "--from", "s.json", "--dry-run").code == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*GOOD, "quality", "user_id"]), json_values), st.booleans())
def test_any_json_is_a_request_that_can_be_sent_or_is_refused(
    tmp_path: Path, changed: dict[str, object], whole: bool
) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({**GOOD, **changed} if whole else changed))
    try:
        read_request(path).encode()
    except UsageError:
        return


# --- a picture, or an id of history -----------------------------------------------


def same_request(ended: Ended, sandbox: SandboxThread) -> None:
    """The last two bodies that were sent are the same."""
    assert ended.code == 0, ended
    assert sandbox.books.bodies[-1] == sandbox.books.bodies[-2]


ASKED = ("gen", "a cat", "-s", "512x512", "-q", "hd", "--extra", "style=ink", "-o", "cat.png")


def test_a_picture_is_as_good_as_its_sidecar(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview(*ASKED).code == 0
    same_request(cogview("gen", "--from", "cat.png"), sandbox)


def test_a_picture_without_a_sidecar_is_known_by_its_bytes(
    cogview: Run, sandbox: SandboxThread
) -> None:
    assert cogview(*ASKED, "--no-sidecar").code == 0
    Path("cat.png").rename("other name.png")
    same_request(cogview("gen", "--from", "other name.png"), sandbox)


@pytest.mark.parametrize("part", [slice(None), slice(0, 15), slice(16, 23)])
def test_an_id_of_history(part: slice, cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview(*ASKED).code == 0
    id = json.loads(Path("cat.png.json").read_text("utf-8"))["id"]
    same_request(cogview("gen", "--from", id[part]), sandbox)


def test_an_id_of_a_request_that_was_refused(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "cat sandbox:1301x1", "-s", "512x512").code == 8
    id = json.loads(cogview("history", "--json").out)["id"]
    same_request(cogview("gen", "--from", id), sandbox)


def test_flags_go_before_what_is_repeated(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview(*ASKED).code == 0
    assert cogview("gen", "--from", "cat.png", "-s", "1024x1024").code == 0
    first, second = sandbox.books.bodies
    assert second == {**first, "size": "1024x1024"}


def test_a_file_called_like_an_id_is_a_file(cogview: Run, sandbox: SandboxThread) -> None:
    Path("20261125").write_text(json.dumps(GOOD))
    assert cogview("gen", "--from", "20261125").code == 0
    assert sandbox.books.bodies[-1]["prompt"] == "cat"


@pytest.mark.parametrize("what", ["20261125-000000-ffffffffff", "2026", "ffff"])
def test_an_id_that_nothing_has(what: str, cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "--from", what), sandbox)
    assert cogview("gen", "sandbox:1301", "-s", "512x512").code == 8
    sandbox.books.bodies.clear()
    if what != "2026":  # the beginning of every id
        refused(cogview("gen", "--from", what), sandbox)


def test_an_id_that_several_have(cogview: Run, sandbox: SandboxThread) -> None:
    for _ in range(2):
        cogview("gen", "sandbox:1301", "-s", "512x512")
    sandbox.books.bodies.clear()
    ended = cogview("gen", "--from", "20")
    refused(ended, sandbox)
    ended = cogview("gen", "--from", "2026") if "2026" in cogview("history").out else ended
    refused(ended, sandbox)


def test_a_picture_of_another_program(cogview: Run, sandbox: SandboxThread) -> None:
    Path("own").mkdir()
    Path("own/photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture of ours")
    ended = cogview("gen", "--from", "own/photo.jpg")
    refused(ended, sandbox)
    assert "no sidecar" in ended.err
