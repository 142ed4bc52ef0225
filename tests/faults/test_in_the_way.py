"""C of the catalogue, G18-G25: nothing stands in another's way, and what arrived is kept."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.peers import Scripted, Step, http, in_answer, picture
from tests.faults.world import SMALL, files, history, images, run, state_folder, states, temporaries

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name == "nt", reason="disks as POSIX knows them"),
]
BAD_LINKS = ("host-url", "label-url", "punycode-url", "port-url", "redirect-port", "file-url")


def records(ended: Ended) -> list[dict[str, object]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_g25_bad_links_among_thirty_good_ones(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends by itself, in the batch and in `recover`, which saves all the others."""
    # All fail at first, to be recovered: what ends such a run is tested elsewhere.
    monkeypatch.setattr("cogview_cli.engine.brake.BAD_IN_A_ROW", 1000)
    rows = [f"bad sandbox:{name}" for name in BAD_LINKS]
    rows[3:3] = [f"good {n} sandbox:500-downloadx2" for n in range(30)]
    Path("p.txt").write_text("\n".join(rows))
    first = cogview("batch", "p.txt", "-o", "out", "--json")
    assert first.code == 6 and records(first)[-1]["unsaved"] == len(rows), first
    again = cogview("recover", "--json")
    *ends, summary = records(again)
    assert (again.code, summary["saved"], summary["unsaved"]) == (6, 30, len(BAD_LINKS)), again
    assert len(images()) == 30 and sandbox.books.posts.total() == len(rows)
    for end in ends:
        if end["status"] == "unsaved":
            error = end["error"]
            assert isinstance(error, dict) and "Error" not in error["message"]
            assert error["retryable"] is ("redirect" in str(end["prompt"]))


@pytest.mark.parametrize(
    "location", [b"https://xn--0.com/1.png", b"https://[", b"https://a..b/", b"//:0/"]
)
def test_g25_a_redirect_to_nonsense_is_told(location: bytes, cogview: Run) -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [moved]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
        check_streams(ended)
        assert (ended.code, api.count(b"GET"), api.count(b"POST")) == (6, 1, 1), ended
    assert states() == ["answer"] and "bug" not in ended.err


# --- conversions --------------------------------------------------------------


def png(**options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "PNG", **options)  # type: ignore[arg-type]
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(kind: bytes, data: bytes) -> bytes:
    whole = png()
    return whole[:33] + chunk(kind, data) + whole[33:]


def texts(key: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt(key, "x" * 70_000)
    return info


UNCONVERTIBLE = {
    "G18 70 KB of text": png(pnginfo=texts("parameters")),
    "G18 70 KB of XMP": png(pnginfo=texts("XML:com.adobe.xmp")),
    "G18 70 KB of EXIF": with_chunk(b"eXIf", b"MM\0*" + bytes(70_000)),
    "G18 garbage EXIF": with_chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\xee" * 300),
    "G18 broken zTXt": with_chunk(b"zTXt", b"k\0\0not packed"),
}


def saved_from(cogview: Run, *gets: Step, more: tuple[str, ...] = ()) -> Ended:
    with Scripted([in_answer(url="%ORIGIN%/1.png")], gets) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, *more)
        assert api.count(b"POST") == 1
    check_streams(ended)
    return ended


@pytest.mark.parametrize("how", UNCONVERTIBLE)
@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_a_picture_that_does_not_convert_is_kept_as_it_came(
    how: str, format: str, cogview: Run
) -> None:
    """Or converts after all, where the format and the codec can."""
    body = UNCONVERTIBLE[how]
    ended = saved_from(cogview, http("200 OK", body), more=("--format", format))
    assert (ended.code, states(), temporaries()) == (0, ["saved"], []), ended
    (path,) = images()
    check(path)
    if "kept as received" in ended.err:
        assert path.read_bytes() == body and path.suffix == ".png"
    else:
        assert check(path).format == format
    kept = json.loads(Path(f"{path}.json").read_text())["image"]
    assert (kept["file"], kept["bytes"]) == (path.name, path.stat().st_size)


@pytest.mark.parametrize("how", ["G18 70 KB of text", "G18 70 KB of XMP"])
def test_a_jpeg_has_no_room_for_so_much(how: str, cogview: Run) -> None:
    ended = saved_from(
        cogview, http("200 OK", UNCONVERTIBLE[how]), more=("-o", "cat.jpg", "--json")
    )
    (image, _summary) = records(ended)
    assert (ended.code, image["file"]) == (0, "cat.png"), ended
    assert "could not be converted to JPEG" in str(image["warnings"])
    assert "warning: 'cat.png' could not be converted" in ended.err


def test_g18_a_full_disk_is_no_matter_of_conversion(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("cogview_cli.pictures.placing.convert", full)
        ended = cogview("gen", "cat", *SMALL, "--format", "jpeg")
    assert (ended.code, files(), states()) == (6, [], ["answer"]), ended
    assert cogview("recover").code == 0 and images()[0].suffix == ".jpg"


@pytest.mark.parametrize("how", UNCONVERTIBLE)
@pytest.mark.parametrize("format", ["jpeg", "webp", "png"])
def test_g18_what_the_codec_thinks_reaches_nobody_raw(how: str, format: str) -> None:
    """In a process of its own: here, warnings are errors."""
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [http("200 OK", UNCONVERTIBLE[how])]) as api:
        keys = {"COGVIEW_BASE_URL": api.base_url, "COGVIEW_API_KEY": "k"}
        ended = run("gen", "cat", "--format", format, "--preview", **keys, PYTHONWARNINGS="default")
    assert ended.code == 0, ended
    lines = [line for line in ended.err.splitlines() if not line.startswith("warning: 'cat")]
    assert not [line for line in lines if "PIL" in line or "Warning" in line], ended


# --- exceptions nobody foresaw ------------------------------------------------

UNFORESEEN = (
    "pictures.saver:decode",
    "pictures.download:allowed",
    "pictures.download:judged",
    "pictures.arrival:verify",
    "pictures.placing:publish",
    "pictures.sidecar:describe",
    "pictures.sidecar:write",
)


@pytest.mark.parametrize("where", UNFORESEEN)
def test_an_exception_costs_one_answer(
    where: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one it strikes is told as a bug and stays to be recovered."""
    module, name = f"cogview_cli.{where}".split(":")
    calls: list[int] = []
    target = __import__(module, fromlist=[name])
    real: Callable[..., object] = getattr(target, name)

    class Struck:
        def __call__(self, *arguments: object, **more: object) -> object:
            self._strike()
            return real(*arguments, **more)

        def __getattr__(self, attribute: str) -> object:
            if attribute == "check_bytes":
                self._strike()
            return getattr(real, attribute)

        def _strike(self) -> None:
            calls.append(1)
            if len(calls) == 3:
                raise ZeroDivisionError("nobody foresaw this")

    Path("p.txt").write_text("a\nb\nc\nd\ne\n")
    with monkeypatch.context() as patched:
        patched.setattr(target, name, Struck())
        ended = cogview("batch", "p.txt", "-o", "out", "--json", "--debug")
    *ends, summary = records(ended)
    assert (ended.code, summary["saved"], summary["unsaved"]) == (6, 4, 1), ended
    (struck,) = [end["error"] for end in ends if end["status"] == "unsaved"]
    assert isinstance(struck, dict) and struck["code"] == "bug"
    assert "ZeroDivisionError: nobody foresaw this" in struck["message"]
    assert "Traceback" in ended.err
    assert cogview("recover").code == 0
    assert (len(images()), sandbox.books.posts.total()) == (5, 5)


def test_no_traceback_without_debug(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("cogview_cli.pictures.placing.publish", lambda *_, **__: 1 / 0)
        ended = cogview("gen", "cat", *SMALL)
    check_streams(ended)
    assert (ended.code, states()) == (6, ["answer"]) and "--debug" in ended.err, ended


# --- strange files under our names --------------------------------------------


def put(path: Path, what: str, precious: Path) -> None:
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "link":
        precious.write_text("mine")
        path.symlink_to(precious)
    else:
        path.symlink_to(precious)


def untouched(path: Path, what: str, precious: Path) -> bool:
    if what == "fifo":
        return path.is_fifo()
    if what == "folder":
        return path.is_dir() and not os.listdir(path)
    return (
        path.is_symlink()
        and precious.exists() == (what == "link")
        and (what != "link" or precious.read_text() == "mine")
    )


STRANGE = ("fifo", "folder", "link", "dangling link")


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("policy", ["rename", "overwrite"])
def test_d19_a_strange_file_under_the_sidecars_name(
    what: str, policy: str, cogview: Run, tmp_path: Path
) -> None:
    precious, name = tmp_path / "precious", Path("cat.png.json")
    put(name, what, precious)
    ended = cogview("gen", "cat", *SMALL, "-o", "cat.png", "--on-exists", policy)
    assert ended.code == 0, ended
    if policy == "overwrite" and "link" in what:  # as for the picture itself: the link goes
        assert json.loads(name.read_text())["prompt"] == "cat"
        assert what != "link" or precious.read_text() == "mine"
        return
    assert untouched(name, what, precious) and ended.out == "cat-2.png\n"
    assert json.loads(Path("cat-2.png.json").read_text())["prompt"] == "cat"


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("suffix", ["-0.part", "-0.jpeg.part", ".tmp"])
def test_d19_a_strange_file_under_a_temporary_name(
    what: str,
    suffix: str,
    cogview: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The names hold a request's id, which nobody can guess; here it is known."""
    precious, name = tmp_path / "precious", Path(f".cogview-known{suffix}")
    put(name, what, precious)
    monkeypatch.setattr("cogview_cli.ledger.entry.new_id", lambda _now: "known")
    ended = cogview("gen", "cat", *SMALL, "-o", "cat.jpg")
    assert (ended.code, ended.out) == (0, "cat.jpg\n"), ended
    assert untouched(name, what, precious)
    assert [path for path in temporaries() if path != name.absolute()] == []


@pytest.mark.parametrize("what", ["fifo", "folder", "empty"])
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_d20_skip_takes_nothing_for_done_that_is_not(
    what: str, command: str, cogview: Run, sandbox: SandboxThread, tmp_path: Path
) -> None:
    Path("out").mkdir()
    name = Path("out/0001-cat.png")
    name.touch() if what == "empty" else put(name, what, tmp_path / "x")
    Path("p.txt").write_text("cat\n")
    line = {"gen": ("cat", "-o", "out/{index:04}-cat.png"), "batch": ("p.txt", "-o", "out")}[
        command
    ]
    ended = cogview(command, *line, "--on-exists", "skip")
    assert (ended.code, ended.out) == (9, ""), ended
    assert "0001-cat.png" in ended.err and not sandbox.books.posts
    check_streams(ended)


def test_d20_skip_says_so_of_a_file_that_is_no_picture(cogview: Run) -> None:
    Path("cat.png").write_text("mine")
    ended = cogview("gen", "cat", "-o", "cat.png", "--on-exists", "skip")
    assert (ended.code, ended.out) == (0, "cat.png\n")
    assert "cat.png' counts as done" in ended.err


# --- kept, and an end of it ---------------------------------------------------


def test_g23_what_arrived_is_kept_once_and_recover_ends(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "cat sandbox:bomb-download", *SMALL, "-o", "cat.png", "--json")
    image, _summary = records(ended)
    kept = Path("cat.unverified")
    assert (ended.code, image["status"], image["file"]) == (6, "unsaved", kept.name), ended
    assert kept.read_bytes().startswith(b"\x89PNG")
    described = json.loads(Path("cat.unverified.json").read_text())
    assert described["prompt"].startswith("cat") and described["image"]["format"] == "unverified"
    assert described["image"]["width"] is None
    again = cogview("recover")
    assert again.code == 6 and "fetching it again is of no use" in again.err, again
    downloads = sandbox.books.downloads.total()
    last = cogview("recover")
    assert (last.code, sandbox.books.downloads.total()) == (0, downloads), last
    assert sorted(os.listdir()) == ["cat.unverified", "cat.unverified.json"]
    named = cogview("recover", history()[0].id)
    assert (named.code, sandbox.books.downloads.total()) == (6, downloads + 1), named


@pytest.mark.parametrize("fault", ["binary-download", "trim-download"])
def test_g23_what_is_no_picture_never_goes_to_stdout(fault: str, cogview: Run) -> None:
    ended = cogview("gen", f"cat sandbox:{fault}", *SMALL, "-o", "-", "--preview")
    assert (ended.code, ended.out) == (6, ""), ended
    (kept,) = state_folder().rglob("*.unverified")
    assert str(kept) in ended.err and files() == []


def test_g23_a_batch_on_another_machine_pays_for_nothing_twice(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar beside what was kept is the witness; it is not called done."""
    Path("p.txt").write_text("cat sandbox:binary-download\n")
    assert cogview("batch", "p.txt", "-o", "out").code == 6
    assert cogview("batch", "p.txt", "-o", "out").code == 6
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(tmp_path / "elsewhere"))
    ended = cogview("batch", "p.txt", "-o", "out", "--json")
    image, summary = records(ended)
    assert (ended.code, image["status"], summary["unsaved"]) == (6, "unsaved", 1), ended
    assert str(image["file"]).endswith(".unverified") and sandbox.books.posts.total() == 1


def test_g23_a_file_that_was_kept_and_changed_stays(cogview: Run) -> None:
    """Only what we wrote goes when the picture is there."""
    cogview("gen", "cat sandbox:trim-downloadx2", *SMALL, "-o", "cat.png")
    Path("cat.unverified").write_bytes(b"mended by hand")
    assert cogview("recover").code == 0
    assert Path("cat.unverified").read_bytes() == b"mended by hand" and len(images()) == 1


def test_g23_one_of_two_pictures_of_an_answer_is_bad(cogview: Run) -> None:
    body = {"created": 1, "data": [{"url": "https://a..b/1.png"}, {"url": "%ORIGIN%/2.png"}]}
    answer = http("200 OK", json.dumps(body).encode(), "Content-Type: application/json")
    with Scripted([answer], [http("200 OK", picture())]) as api:
        # The origin is longer than its placeholder: the length must be right.
        answer = answer.replace(b"%ORIGIN%", api.origin.encode())
        data = answer.partition(b"\r\n\r\n")[2]
        api._steps[b"POST"] = [http("200 OK", data)]
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        assert (ended.code, [path.name for path in images()]) == (6, ["cat-2.png"]), ended
        assert cogview("recover").code == 6
        assert [path.name for path in images()] == ["cat-2.png"]


@pytest.mark.parametrize("fault", ["binary-download", "packed-cut", "br-download"])
def test_g11_binary_data_never_reaches_a_message(
    fault: str, cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", f"cat sandbox:{fault}", *SMALL)
    assert "it says" not in ended.err and "\ufffd" not in ended.err + ended.out
    (entry,) = history()
    assert entry.message and "\\u" not in entry.message


def test_d19_recover_in_a_process_of_its_own(cogview: Run, sandbox: SandboxThread) -> None:
    """The setting holds there too."""
    cogview("gen", "cat sandbox:404-download", *SMALL)
    before = sandbox.books.downloads.total()
    keys = {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": "k"}
    assert run("recover", **keys, COGVIEW_DOWNLOAD_PATIENCE="0").code == 6
    assert sandbox.books.downloads.total() == before + 1
