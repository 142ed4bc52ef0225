"""`check-text` over pictures that are there, with the real reader."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import features

from cogview_cli.pictures.sidecar import sidecar_path
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.terminal.pace import pace
from cogview_cli.textcheck import extra
from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.reading import Block, Reading
from tests.conftest import Ended, Run
from tests.processes import COMMAND, environment
from tests.textcheck.test_reader import TITLE, drawn, needs_reader

SMALL = ("-s", "1024x1024", "--quiet")


def lines(ended: Ended) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert found[0]["schema"] == 1
    return found


def made(cogview: Run, name: str, prompt: str, folder: str = "out") -> Path:
    path = Path(folder, name)
    assert cogview("gen", prompt, "-o", str(path), *SMALL).code == 0
    return path


def sidecar(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sidecar_path(path).read_text("utf-8"))
    return content


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_arguments: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(TextChecker, "check", read)


@needs_reader
def test_a_folder_is_judged_written_down_and_not_read_twice(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = made(cogview, "1.png", f"海报“{TITLE}”")
    bad = made(cogview, "2.png", f"海报“{TITLE}” sandbox:text-wrong")
    plain = made(cogview, "10.png", "一只猫")
    before = sidecar(good)

    ended = cogview("check-text", "out", "--json")
    assert ended.code == 3
    first, second, third, summary = lines(ended)
    right = {
        "wanted": [TITLE], "found": [TITLE], "missing": [], "doubtful": [],
        "score": 1.0, "ok": True,
    }  # fmt: skip
    assert first == {"schema": 1, "type": "text", "file": str(good), "text": right}
    assert second["text"]["missing"] == ["是→室"]
    assert (second["file"], second["text"]["ok"]) == (str(bad), False)
    assert third == {"type": "text", "file": str(plain), "text": None}
    assert summary == {
        "type": "summary", "right": 1, "wrong": 1, "unjudged": 1, "unread": 0, "exit_code": 3,
    }  # fmt: skip
    assert sidecar(good) == {**before, "text": right}
    assert list(sidecar(good))[-1] == "generator"
    assert "text" not in sidecar(plain)

    forbid_reading(monkeypatch)
    assert lines(cogview("check-text", "out", "--json"))[:-1] == [first, second, third]
    plainly = cogview("check-text", "out")
    assert plainly.out == f"{bad}\n"
    assert "是→室" in plainly.err and "text right on 1; wrong on 1" in plainly.err
    assert cogview("check-text", str(good), "--quiet").code == 0
    assert cogview("check-text", "out", "--again").code != 3


@needs_reader
def test_a_picture_that_has_changed_is_read_again_and_that_is_kept(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(cogview, "1.png", f"海报“{TITLE}”")
    assert cogview("check-text", "out").code == 0
    drawn(path, "text-missing")
    assert cogview("check-text", "out").code == 3
    forbid_reading(monkeypatch)
    assert cogview("check-text", "out").code == 3


@needs_reader
def test_other_text_that_is_wanted_is_looked_for_and_then_remembered(cogview: Run) -> None:
    path = made(cogview, "1.png", f"海报“{TITLE}”")
    assert cogview("check-text", "out").code == 0
    assert cogview("check-text", "out", "--text", "上海滩").code == 3
    assert sidecar(path)["text"]["wanted"] == ["上海滩"]
    assert cogview("check-text", "out").code == 3
    assert cogview("check-text", "out", "--text", "韦小宝", "--text", "sandbox").code == 0


@needs_reader
def test_pictures_without_sidecars_are_judged_by_the_text_that_is_given(
    cogview: Run, tmp_path: Path
) -> None:
    for name in ("a.png", "takes/b.png", "replaced/c.png", ".hidden/d.png", ".e.png", "sub/f.png"):
        path = Path("pictures", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(path, "text-missing" if name[0] != "a" else "")
    ended = cogview("check-text", "pictures", "--text", TITLE, "--json")
    assert [(line["file"], line["text"]["ok"]) for line in lines(ended)[:-1]] == [
        ("pictures/a.png", True),
        ("pictures/sub/f.png", False),
    ]
    assert not list(Path("pictures").rglob("*.json"))
    unjudged = cogview("check-text", "pictures", "--json")
    assert unjudged.code == 0
    assert {line["text"] for line in lines(unjudged)[:-1]} == {None}


@needs_reader
def test_what_a_shells_star_names_is_sorted_out(cogview: Run) -> None:
    path = made(cogview, "1.png", f"海报“{TITLE}”")
    shutil.copy(path, "out/no-suffix")
    Path("out/index.html").write_text("<html>")
    names = [f"out/{name}" for name in sorted(os.listdir("out"))]
    ended = cogview("check-text", *names, "out", "--json")
    assert [line["file"] for line in lines(ended)[:-1]] == ["out/1.png", "out/no-suffix"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["pipe.png", "pipe"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    done = subprocess.run(
        [*COMMAND, "check-text", name, "--text", TITLE],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert (done.returncode, "there is no picture to check" in done.stderr) == (2, True)


@needs_reader
@pytest.mark.parametrize("fault", ["gif", "bmp", "tiff", "avif"])
def test_what_was_kept_in_a_rare_format_is_read_too(cogview: Run, fault: str) -> None:
    if fault == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    prompt = f"海报“{TITLE}” sandbox:{fault}-download"
    ended = cogview("gen", prompt, "-o", "out/", "--check-text", "--json", *SMALL)
    assert (ended.code, lines(ended)[0]["text"]["ok"]) == (0, True)
    for named in ("out", lines(ended)[0]["file"]):
        again = cogview("check-text", named, "--json")
        assert (again.code, lines(again)[-1]["right"]) == (0, 1)


@needs_reader
def test_a_damaged_picture_is_an_error_of_its_own(cogview: Run) -> None:
    Path("out").mkdir()
    drawn(Path("out/b.png"))
    Path("out/a.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    ended = cogview("check-text", "out", "--text", TITLE, "--json")
    assert ended.code == 9
    first, second, summary = lines(ended)
    assert (first["file"], first["error"]["code"]) == ("out/a.png", "machine")
    assert first["error"]["retryable"] is False
    assert "it is no picture, or of a kind that cannot be read" in first["error"]["message"]
    assert second["text"]["ok"]
    assert (summary["unread"], summary["exit_code"]) == (1, 9)


@needs_reader
def test_why_a_picture_cannot_be_read_is_told_in_the_users_language(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    drawn(Path("cut.png"))
    whole = Path("cut.png").read_bytes()
    Path("cut.png").write_bytes(whole[: len(whole) // 2])
    Path("page.jpg").write_text("<html>")
    Path("phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    ended = cogview("check-text", "cut.png", "page.jpg", "phone.heic", "--text", TITLE)
    assert ended.code == 9
    assert "cut.png”上的文字：图片不完整\n" in ended.err
    assert ended.err.count("不是图片，或是无法读取的格式\n") == 2
    assert "Error" not in ended.err and "image" not in ended.err


@needs_reader
def test_sidecars_that_cannot_be_written_are_told_once(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "2.png"):
        made(cogview, name, f"海报“{TITLE}”")

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cogview_cli.pictures.checked_text.replace_fresh", full)
    ended = cogview("check-text", "out")
    assert ended.code == 0
    assert ended.err.count("cannot write into the sidecars: No space left") == 1


@needs_reader
def test_the_rows_text_goes_before_the_prompt(cogview: Run) -> None:
    Path("rows.jsonl").write_text(
        json.dumps({"prompt": f"海报“{TITLE}”，印章“福”", "text": TITLE}), "utf-8"
    )
    assert cogview("batch", "rows.jsonl", "-o", "out", "--quiet").code == 0
    (picture,) = Path("out").glob("*.png")
    assert cogview("check-text", "out").code == 0
    assert sidecar(picture)["text"]["wanted"] == [TITLE]


def test_doubtful_characters_count_under_strict_text_only(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by what the sidecar says of an earlier check."""
    if not extra.available():
        pytest.skip("needs the extra 'ocr'")

    async def read(*_arguments: object, **_options: object) -> Reading:
        return Reading((Block("福", (), (0.3,)),))

    monkeypatch.setattr("cogview_cli.textcheck.reader.Reader.read", read)
    path = made(cogview, "1.png", "海报“福”")
    assert cogview("check-text", "out").code == 0
    assert sidecar(path)["text"]["doubtful"] == ["福"]
    assert cogview("check-text", "out", "--strict-text").code == 3
    assert cogview("check-text", "out").code == 0


def test_without_the_extra_nothing_is_done(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "NEEDED", ("no_such_module",))
    drawn(Path("a.png"))
    ended = cogview("check-text")
    assert ended.code == 9
    assert "pip install 'cogview-cli[ocr]'" in ended.err


@pytest.mark.parametrize("arguments", [(), (".",), ("missing",), ("notes.txt",), ("out/a.png",)])
def test_no_picture_is_wrong_usage(cogview: Run, arguments: tuple[str, ...]) -> None:
    Path("notes.txt").write_text("no picture")
    Path("takes").mkdir()
    drawn(Path("takes/a.png"))
    assert cogview("check-text", *arguments).code == 2


@needs_reader
def test_ctrl_c_ends_it_with_what_is_done_and_the_next_run_goes_on(sandbox: SandboxThread) -> None:
    """The signal goes to the whole group, as from a terminal."""
    Path("out").mkdir()
    for number in range(8):
        drawn(Path(f"out/{number}.png"))
        content = {"schema": 1, "prompt": f"“{TITLE}”"}
        Path(f"out/{number}.png.json").write_text(json.dumps(content))
    process = subprocess.Popen(
        [*COMMAND, "check-text", "out", "--json"],
        env=environment(sandbox), stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    rest = [json.loads(line) for line in process.stdout]
    assert process.wait() == 130
    process.stdout.close()
    done = [json.loads(first), *rest[:-1]]
    assert rest[-1] == {
        "type": "summary", "right": len(done), "wrong": 0, "unjudged": 0, "unread": 0,
        "exit_code": 130,
    }  # fmt: skip
    assert 0 < len(done) < 8
    kept = [path for path in Path("out").glob("*.json") if "text" in json.loads(path.read_text())]
    assert len(kept) == len(done)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, 5, 3.0, "0/5"),
        (12, 60, 4.0, "12/60; 3.0 pictures/s; 0:16 left"),
        (1, 1000, 0.5, "1/1000; 2.0 pictures/s; 8:20 left"),
        (5, 5, 1.0, "5/5; 5.0 pictures/s; 0:00 left"),
    ],
)
def test_the_pace(done: int, total: int, seconds: float, line: str) -> None:
    assert pace(done, total, seconds) == line
