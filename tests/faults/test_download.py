"""G1-G25: fetching the picture. It costs nothing and may be repeated; the answer is never lost."""

from __future__ import annotations

import base64
import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from cogview_cli.net.clients import load_trust
from cogview_cli.pictures.verify import sniff
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import Case, check_streams, later, run_case, saved, unsaved
from tests.faults.peers import HOST, Scripted, Step, http, in_answer, picture, silence
from tests.faults.test_network import server_context, trust
from tests.faults.world import KEY, SMALL, history, images, states, temporaries

pytestmark = pytest.mark.faults
# Each passes by itself, is fetched again, and is waited for as long as one run is patient.
PASSING = {
    "G1 500": "500-download",
    "G1 closed without an answer": "lost-download",
    "G2 403": "403-download",
    "G2 404": "404-download",
    "G3 cut, length given": "cut-download",
    "G4 cut, no length": "short-download",
    "G5 PNG minus 12 bytes": "trim-download",
    "G7 bit flip in a PNG": "flip-download",
    "G8 stall": "stall-download",
    "G11 HTML in a 200": "html-download",
    "G11 nothing in a 200": "empty-download",
    "G20 206 with half of it": "206-part",
    "G21 gzip cut": "packed-cut",
}
# Trying again at once is of no use.
FINAL = {
    "G9 gzip of 128 MiB": "gzip-download",
    "G14 302 to a private address": "redirect-private",
    "G14 302 to file:": "redirect-file",
    "G15 redirect loop": "redirect-loop",
    "G25 302 to no address": "redirect-junk",
    "G25 302 to nowhere": "redirect-empty",
    "G25 302 to port 99999": "redirect-port",
    "G17 endless picture": "oversize-download",
    "G17 Content-Length of 10 TB": "huge-length",
}
BOMBS = {"G10 50000x50000": "bomb-download", "G10 12000x12000": "bomb-warning"}
# Addresses that are never fetched.
NOWHERE = {
    "G14 169.254.169.254": "private-url",
    "G14 http: of another host": "http-url",
    "G14 file:": "file-url",
    "G14 user:password@": "userinfo-url",
    "G15 line feed and ESC in the URL": "control-url",
    "G15 10,000 characters": "long-url",
    "G25 behind the key, which stays here": "relative-url",
    "G25 a path on the server's disk": "disk-path",
    "G25 empty label": "host-url",
    "G25 label of 64 letters": "label-url",
    "G25 bad punycode": "punycode-url",
    "G25 a number for a host": "number-url",
    "G25 zone": "zone-url",
    "G25 port 99999": "port-url",
    "G25 port 0": "zero-port-url",
}
# Whole pictures, however odd their way here is.
USABLE = {
    "G19 base64 in lines": "b64-lines",
    "G19 base64 beside a bad URL": "b64-and-url",
    "G19 URL beside bad base64": "url-and-junk",
    "G19 data:": "data-picture",
    "G19 blanks around the URL": "spaced-url",
    "Z4 Expires is past": "past-url",
    "Z4 Expires in milliseconds": "millis-url",
    "Z4 X-Amz-Date and X-Amz-Expires": "amz-url",
    "Z4 no end": "timeless-url",
    "G20 206 with all of it": "206-download",
    "G21 gzip": "packed-download",
    "G21 gzip unsaid": "packed-unsaid",
    "G22 text and profile of 2 MiB": "text-download",
}
# Formats that the API does not promise.
UNUSUAL = {
    "gif-download": ".gif",
    "bmp-download": ".bmp",
    "tiff-download": ".tif",
    "avif-download": ".avif",
}
# Whatever it is, it is kept; nothing else can be fetched, so `recover` has nothing to do.
UNVERIFIED = {
    **{id: (fault, 1) for id, fault in BOMBS.items()},
    "G23 bytes of no format": ("binary-download", 2),
    "G21 br": ("br-download", 2),
    "G19 data: of eight bytes": ("data-url", 0),
}
# Half a picture is better than none, if no more comes; so are words, to look at.
KEPT_ON_THE_WAY = (
    "cut-download", "short-download", "stall-download", "trim-download", "flip-download",
    "html-download", "packed-cut",
)  # fmt: skip


def kept_of(fault: str) -> tuple[str, ...]:
    """What is left beside the pictures after so long a fault, until it has passed."""
    return (".json", ".unverified") if fault in KEPT_ON_THE_WAY else ()


CASES = [
    *(saved(f"{id} once", f"{fault}x1", downloads=2) for id, fault in PASSING.items()),
    *(unsaved(f"{id} for ever", fault, keeps=kept_of(fault)) for id, fault in PASSING.items()),
    *(
        later(f"{id} until recover", f"{fault}x2", keeps=kept_of(fault))
        for id, fault in PASSING.items()
    ),
    unsaved("G24 503, again in a second", "503-download", downloads=1),
    unsaved("G24 503, again tomorrow", "503-day-download", downloads=1),
    *(unsaved(id, fault) for id, fault in FINAL.items()),
    # One turn of a loop is an ordinary redirect.
    *(
        later(f"{id} until recover", f"{fault}x1")
        for id, fault in FINAL.items()
        if fault != "redirect-loop"
    ),
    *(
        unsaved(
            id,
            fault,
            keeps=(".json", ".unverified"),
            words=(".unverified'",),
            downloads=downloads,
        )
        for id, (fault, downloads) in UNVERIFIED.items()
    ),
    *(saved(id, fault) for id, fault in USABLE.items()),
    *(
        saved(f"G22 {suffix}", fault, suffix=suffix, words=("warning: ", "kept as received"))
        for fault, suffix in UNUSUAL.items()
    ),
    saved("G22 no end mark", "noend-download", suffix=".jpg", downloads=2, words=("end mark",)),
    *(unsaved(id, fault, downloads=0) for id, fault in NOWHERE.items()),
    Case(
        id="G2 the link has expired", fault="expired-url", code=6, state="expired", charged=1,
        words=("expired",),
    ),
    saved("G6 half a JPEG", "cut-downloadx1 sandbox:jpeg", suffix=".jpg"),
    saved("G8 512 bytes at a time", "slow-download"),
    saved("G12 PNG as image/gif", "wrong-type"),
    saved("G12 JPEG under a .png name", "jpeg", suffix=".jpg"),
    saved("G12 WebP under a .png name", "webp", suffix=".webp"),
    saved("G13 302 to another origin", "redirect-download"),
    saved("G16 Content-Disposition ../../x", "disposition"),
]  # fmt: skip


@pytest.mark.usefixtures("both_transports")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(
    case: Case, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "stall" in case.fault or "huge" in case.fault:
        monkeypatch.setattr("cogview_cli.pictures.download.IDLE_SECONDS", 0.2)
    run_case(case, cogview, sandbox)


def fetched(cogview: Run, *gets: Step, url: str = "%ORIGIN%/1.png") -> tuple[Ended, Scripted]:
    """`gen` against a server whose picture is fetched with these steps."""
    with Scripted([in_answer(url=url)], gets) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url)
    assert api.count(b"POST") == 1
    check_streams(ended)
    return ended, api


def whole(body: bytes, *headers: str) -> bytes:
    return http("200 OK", body, *headers)


PNG, JPEG, WEBP = picture("PNG"), picture("JPEG"), picture("WEBP")
DAMAGED = {
    "G5 PNG minus 1 byte": (PNG[:-1], PNG),
    "G5 PNG minus 12 bytes": (PNG[:-12], PNG),
    "G6 JPEG minus 1 byte": (JPEG[:-1], JPEG),
    "G6 half a JPEG": (JPEG[: len(JPEG) // 2], JPEG),
    "G6 WebP minus 1 byte": (WEBP[:-1], WEBP),
    "G7 bit flip in a PNG": (PNG[:-40] + bytes([PNG[-40] ^ 16]) + PNG[-39:], PNG),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_picture_is_fetched_again(how: str, cogview: Run) -> None:
    bad, good = DAMAGED[how]
    ended, api = fetched(cogview, whole(bad), whole(good))
    assert (ended.code, api.count(b"GET")) == (0, 2), ended
    (path,) = images()
    assert path.read_bytes() == good


def test_g7_a_bit_flip_in_a_jpeg_cannot_be_promised_and_harms_nobody(cogview: Run) -> None:
    """Saved as it came, or fetched again; nothing in between."""
    for at in range(700, len(JPEG) - 2, max(1, len(JPEG) // 4)):
        flipped = JPEG[:at] + bytes([JPEG[at] ^ 1]) + JPEG[at + 1 :]
        ended, api = fetched(cogview, whole(flipped), whole(JPEG))
        assert ended.code == 0, ended
        kept = Path(ended.out.strip()).read_bytes()
        assert kept == (flipped if api.count(b"GET") == 1 else JPEG)


def drip(link: socket.socket) -> None:
    """The picture byte by byte."""
    link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for byte in PNG:
        link.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["G8 a byte at a time", "G8 nothing at all"])
def test_a_drip_ends_at_the_deadline(
    how: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole picture has a deadline, however often a byte comes."""
    monkeypatch.setattr("cogview_cli.pictures.download.TOTAL_SECONDS", 0.5)

    began = time.monotonic()
    ended, _ = fetched(cogview, drip if "byte" in how else silence)
    assert ended.code == 6, ended
    assert time.monotonic() - began < 5
    assert (states(), temporaries()) == (["answer"], [])


def test_g8_slower_than_a_kilobyte_a_second_is_too_slow(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.pictures.body.SLOW_AFTER_SECONDS", 0.1)

    ended, api = fetched(cogview, drip, whole(PNG))
    assert (ended.code, api.count(b"GET")) == (0, 2), ended


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "203 X", "226 IM Used"])
def test_g20_a_whole_picture_under_another_success_is_the_picture(
    status: str, cogview: Run
) -> None:
    ended, api = fetched(cogview, http(status, PNG))
    assert (ended.code, api.count(b"GET")) == (0, 1), ended
    (path,) = images()
    assert path.read_bytes() == PNG


def test_g2_thirty_days_later_a_refusal_is_the_end(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that it may come back; after it nobody is told again."""
    cogview("gen", "sandbox:404-download", *SMALL)
    assert cogview("recover").code == 6 and states() == ["answer"]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 31 * 86400)
    assert cogview("recover").code == 6 and states() == ["expired"]
    assert cogview("recover").code == 0
    assert sandbox.books.posts.total() == 1


def test_g10_the_bytes_of_a_bomb_are_kept(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "sandbox:bomb-download", *SMALL)
    (kept,) = Path.cwd().rglob("*.unverified")
    assert kept.read_bytes().startswith(b"\x89PNG") and str(kept) in ended.err


@pytest.mark.parametrize(
    "value",
    [
        'attachment; filename="../../.bashrc"',
        'attachment; filename="C:\\x"',
        "attachment; filename*=UTF-8''..%2F..%2Fx%00y",
        'attachment; filename="/etc/passwd"',
    ],
    ids=["G16 dots", "G16 drive", "G16 NUL", "G16 absolute"],
)
def test_the_server_names_nothing(value: str, cogview: Run, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir()) - {tmp_path / "state"}
    ended, _ = fetched(
        cogview, whole(PNG, f"Content-Disposition: {value}"), url="%ORIGIN%/..%2f..%2fx.exe"
    )
    assert ended.code == 0, ended
    (path,) = images()
    assert path.parent == tmp_path / "work" and path.name.endswith("-cat.png")
    assert set(tmp_path.iterdir()) - {tmp_path / "state"} == before


def test_g13_no_key_and_no_cookie_goes_to_the_image_host(cogview: Run) -> None:
    with Scripted([], [whole(PNG)]) as mirror:
        moved = http("302 Found", b"", f"Location: {mirror.origin}/2.png", "Set-Cookie: a=b")
        ended, api = fetched(cogview, moved)
        assert ended.code == 0, ended
        for request in (api.requests[1], mirror.requests[0]):
            assert b"authorization" not in request.lower() and KEY.encode() not in request
            assert b"cookie" not in request.lower()


# --- G14: addresses, with an API that is not on loopback ---------------------

PUBLIC = "93.184.215.14"  # stands for the internet; nothing is ever sent there
Names = dict[str, list[str]]


@pytest.fixture
def internet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Names, int], list[tuple[str, int]]]:
    """Names resolve as told; connections to PUBLIC go to a port of loopback, others are noted."""
    tried: list[tuple[str, int]] = []
    connect = socket.socket.connect

    def lay(names: Names, port: int) -> list[tuple[str, int]]:
        answers = {name: itertools.cycle(ips) for name, ips in names.items()}

        def resolve(host: str | bytes, asked: object, *_: object, **__: object) -> list[object]:
            name = host.decode() if isinstance(host, bytes) else host
            ip = next(answers[name]) if name in answers else name
            kind = socket.AF_INET6 if ":" in ip else socket.AF_INET
            return [(kind, socket.SOCK_STREAM, 6, "", (ip, int(str(asked or 443))))]

        def redirected(self: socket.socket, address: tuple[str, int]) -> None:
            tried.append(address[:2])
            connect(self, (HOST, port if address[0] == PUBLIC else 1))

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(socket.socket, "connect", redirected)
        return tried

    return lay


INSIDE = {
    "G14 127.0.0.1": ("https://127.0.0.1/1.png", {}),
    "G14 ::1": ("https://[::1]/1.png", {}),
    "G14 169.254.169.254": ("https://169.254.169.254/latest", {}),
    "G14 10.0.0.1": ("https://10.0.0.1/1.png", {}),
    "G14 IPv4 inside IPv6": ("https://[::ffff:10.0.0.1]/1.png", {}),
    "G14 name that leads inside": ("https://inner.example/1.png", {"inner.example": ["10.0.0.1"]}),
    "G14 localhost": ("https://localhost/1.png", {"localhost": ["127.0.0.1"]}),
    "G14 plain http": ("http://images.example/1.png", {"images.example": [PUBLIC]}),
}


@pytest.mark.parametrize("how", INSIDE)
def test_no_picture_is_fetched_from_inside(
    how: str,
    cogview: Run,
    internet: Callable[[Names, int], list[tuple[str, int]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, names = INSIDE[how]
    authority = trustme.CA()
    trust(authority, tmp_path, monkeypatch)
    load_trust.cache_clear()
    with Scripted([in_answer(url=url)], tls=server_context(authority, "api.example")) as api:
        tried = internet({"api.example": [PUBLIC], **names}, api.port)
        ended = cogview("gen", "cat", "--base-url", "https://api.example/v4")
    load_trust.cache_clear()
    assert (ended.code, states()) == (6, ["answer"]), ended
    assert tried == [(PUBLIC, 443)] and api.count(b"POST") == 1


def test_g14_the_address_that_was_checked_is_the_one_that_is_used(
    cogview: Run,
    internet: Callable[[Names, int], list[tuple[str, int]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that leads outside at the first look and inside at the second."""
    authority = trustme.CA()
    trust(authority, tmp_path, monkeypatch)
    load_trust.cache_clear()
    context = server_context(authority, "api.example", "images.example")
    answer = in_answer(url="https://images.example/1.png")
    with Scripted([answer], [whole(PNG)], tls=context) as api:
        names = {"api.example": [PUBLIC], "images.example": [PUBLIC, "10.0.0.1"]}
        tried = internet(names, api.port)
        ended = cogview("gen", "cat", "--base-url", "https://api.example/v4")
    load_trust.cache_clear()
    assert ended.code == 0, ended
    assert tried == [(PUBLIC, 443)] * 2
    assert b"Host: images.example" in api.requests[1]


def test_g17_memory_is_not_taken_for_a_length_that_is_only_said(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, api = fetched(cogview, http("200 OK", PNG, length=10 * 2**40))
    assert (ended.code, api.count(b"GET")) == (6, 1), ended
    assert "64 MiB" in ended.err


def test_g11_what_came_instead_is_told(cogview: Run) -> None:
    ended, _ = fetched(cogview, whole("<h1>链接已过期\x1b[31m</h1>".encode()))
    (entry,) = history()
    assert (ended.code, entry.state) == (6, "answer")
    assert entry.message and "not a picture" in str(entry.message)


PAGES = {
    "G11 HTML": "<html>Log in to the hotel's network: 登录</html>".encode(),
    "G11 HTML in GB18030": "<html>请先登录</html>".encode("gb18030"),
    "G11 words": b"please log in",
    "G11 JSON": b'{"error": "expired"}',
    "G23 bytes of no format": bytes(range(256)),
}


@pytest.mark.parametrize("how", PAGES)
def test_what_is_no_picture_is_kept_and_recover_goes_on(how: str, cogview: Run) -> None:
    """A captive portal says the same however often it is asked."""
    page = whole(PAGES[how])
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [page]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        check_streams(ended)
        assert ended.code == 6 and "cat.unverified'" in ended.err, ended
        for _ in range(3):
            gets = api.count(b"GET")
            assert cogview("recover").code == 6
            assert api.count(b"GET") > gets and history()[0].state == "answer"
        assert {path.name for path in Path.cwd().iterdir()} == {
            "cat.unverified",
            "cat.unverified.json",
        }
        assert Path("cat.unverified").read_bytes() == PAGES[how]
        api._steps[b"GET"] = [whole(PNG)]
        assert cogview("recover").code == 0
    assert {path.name for path in Path.cwd().iterdir()} == {"cat.png", "cat.png.json"}
    assert api.count(b"POST") == 1


def test_g11_pages_that_differ_do_not_pile_up(cogview: Run) -> None:
    pages: list[Step] = [whole(b"<html>%d</html>" % number) for number in range(20)]
    with Scripted([in_answer(url="%ORIGIN%/1.png")], pages) as api:
        cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        for _ in range(3):
            assert cogview("recover").code == 6
    assert len(list(Path.cwd().glob("*.unverified"))) == 1


def test_g11_a_page_does_not_take_the_place_of_half_a_picture(cogview: Run) -> None:
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [whole(PNG[:-12])]) as api:
        cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        api._steps[b"GET"] = [whole(b"<html>")]
        assert cogview("recover").code == 6
        assert Path("cat.unverified").read_bytes() == PNG[:-12]
        # Half a picture does take the place of a page.
    with Scripted([in_answer(url="%ORIGIN%/1.png")], [whole(b"<html>")]) as api:
        cogview("gen", "dog", "--base-url", api.base_url, "-o", "dog.png")
        api._steps[b"GET"] = [whole(PNG[:-12])]
        assert cogview("recover").code == 6
    (kept,) = Path.cwd().glob("dog*.unverified")
    assert kept.read_bytes() == PNG[:-12]


def test_g11_a_page_in_another_folder_goes_too(cogview: Run) -> None:
    """What `recover -o` saves elsewhere leaves nothing behind."""
    assert cogview("gen", "cat sandbox:html-downloadx2", *SMALL, "-o", "cat.png").code == 6
    Path("other").mkdir()
    assert cogview("recover", "-o", "other").code == 0
    assert {path.name for path in Path.cwd().iterdir()} == {"other"}


def test_g11_words_in_the_answer_itself_are_kept_and_that_is_all(cogview: Run) -> None:
    """No other copy can come."""
    with Scripted([in_answer(b64_json=base64.b64encode(b"<html>").decode())]) as api:
        ended = cogview("gen", "cat", "--base-url", api.base_url, "-o", "cat.png")
        assert ended.code == 6 and Path("cat.unverified").read_bytes() == b"<html>", ended
        assert cogview("recover").code == 6
        assert cogview("recover").code == 0


def test_only_pictures_are_ever_decoded() -> None:
    assert {sniff(head) for head in (b"%PDF-1.7", b"8BPS", b"BM", b"%!PS", b"<svg")} == {None}
