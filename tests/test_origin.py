"""Links on the API's own origin: relative ones, paths on its disk, its key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.api.error_codes import ErrorClass
from cogview_cli.api.protocol import ApiError
from cogview_cli.engine.equal_pictures import TOLD, EqualPictures
from cogview_cli.engine.failure import Failure
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.outcome import Outcome, SavedFile, Status
from cogview_cli.pictures.failure import DownloadFailed, hint_for
from cogview_cli.pictures.links import allowed
from cogview_cli.pictures.origin import Origin, is_on_disk, is_relative
from cogview_cli.pictures.urls import url_of
from cogview_cli.pictures.verify import check
from cogview_cli.sandbox.picture import Sketch, render
from cogview_cli.sandbox.stamp import stamped

BASE = "http://10.0.0.5:30000/v1"
WHY = Message.of("host-status", status=404)


def origin(**headers: str) -> Origin:
    return Origin(url_of(BASE), headers)


@pytest.mark.parametrize(
    ("link", "whole"),
    [
        ("/v1/images/7/content", "http://10.0.0.5:30000/v1/images/7/content"),
        ("images/7.png?a=%2B", "http://10.0.0.5:30000/v1/images/7.png?a=%2B"),
        (" /a.png ", "http://10.0.0.5:30000/a.png"),
        ("https://h.example/a.png", "https://h.example/a.png"),
        (" //h.example/a.png", "http://h.example/a.png"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("/root/x.jpg", "http://10.0.0.5:30000/root/x.jpg"),
    ],
)
def test_a_relative_link_is_below_the_base_url(link: str, whole: str) -> None:
    assert origin().resolved(link) == whole


@pytest.mark.parametrize(
    "link", ["file:///srv/a.png", "FILE:/a", r"C:\a.png", "c:/a.png", r"\\h\a"]
)
def test_a_path_that_can_only_be_on_a_disk(link: str) -> None:
    assert is_on_disk(link) and not is_relative(link)
    assert origin().explained(link, None, WHY).name == "server-path"


@pytest.mark.parametrize(
    ("link", "status", "headers", "name"),
    [
        ("/a", 404, {}, "server-path"),
        ("/a", 200, {}, "server-path"),  # a page, not a picture
        ("/a", None, {}, "host-status"),  # it did not answer
        ("/a", 401, {}, "content-key"),
        ("/a", 403, {}, "content-key"),
        ("/a", 401, {"Authorization": "x"}, "server-path"),
        (f"{BASE}/a", 401, {}, "content-key"),
        (f"{BASE}/a", 403, {}, "host-status"),
        (f"{BASE}/a", 404, {}, "host-status"),
        ("http://10.0.0.5:1/a", 401, {}, "host-status"),
        ("https://h.example/a", 401, {}, "host-status"),
    ],
)
def test_the_reason_names_the_way_out(
    link: str, status: int | None, headers: dict[str, str], name: str
) -> None:
    message = origin(**headers).explained(link, status, WHY)
    assert message.name == name
    assert (hint_for(message) is None) is (name == "host-status")


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (f"{BASE}/a", True),
        ("http://10.0.0.5:30000/", True),
        ("https://10.0.0.5:30000/", False),
        ("http://10.0.0.5:30001/", False),
        ("http://10.0.0.50:30000/", False),
        ("http://10.0.0.5/", False),
    ],
)
def test_the_key_is_for_its_origin_alone(url: str, own: bool) -> None:
    assert bool(origin(Authorization="k").headers_for(url_of(url))) is own


def test_a_port_that_is_left_out_is_the_usual_one() -> None:
    assert Origin(url_of("https://h.example/v1"), {}).is_own(url_of("https://h.example:443/"))


def test_plain_http_is_for_the_host_that_is_asked_so() -> None:
    assert allowed("http://gpu.lan/a.png", "gpu.lan", plain=True).host == "gpu.lan"
    for url, plain in (("http://gpu.lan/a", False), ("http://other.lan/a", True)):
        with pytest.raises(DownloadFailed):
            allowed(url, "gpu.lan", plain=plain)


@given(st.text(max_size=30))
def test_no_link_raises(link: str) -> None:
    origin().resolved(link)
    origin().explained(link, 401, WHY)


# --- equal pictures


def saved(number: int, sha256: str, status: Status = Status.SAVED) -> Outcome:
    file = SavedFile(f"{number}.png", None, "png", 1, 1, 1, sha256)
    return Outcome(status, 1, number, "p", "m", None, files=(file,))


def test_equal_pictures_are_told_a_few_times() -> None:
    seen = EqualPictures()
    assert not list(seen.seen(saved(0, "a"))) and not list(seen.seen(saved(1, "b")))
    told = [text for n in range(2, 20) for text in seen.seen(saved(n, "a"))]
    assert len(told) == TOLD and "'2.png'" in told[0] and "'0.png'" in told[0]


def test_what_was_there_before_is_not_compared() -> None:
    seen = EqualPictures()
    assert not list(seen.seen(saved(0, "", Status.SKIPPED)))
    assert not list(seen.seen(saved(1, "", Status.SKIPPED)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("watermark", [True, False])
def test_pictures_of_the_sandbox_are_each_their_own(
    kind: str, watermark: bool, tmp_path: Path
) -> None:
    image = render(Sketch("cat", 512, 512, watermark, kind))
    made = {stamped(image, text) for text in ("/1.png", "/22.png", "/1.png")}
    assert len(made) == 2
    for number, data in enumerate(made):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert check(path).width == 512


# --- what makes the share shrink


@pytest.mark.parametrize(
    ("failure", "late"),
    [
        (Failure(ErrorClass.UNKNOWN, "", Message.of("no-answer", seconds="1")), True),
        (Failure(ErrorClass.UNKNOWN, "", Message.of("read-error")), False),
        (Failure(None, "", Message.of("connect-timeout")), False),
    ],
)
def test_an_answer_that_does_not_come_in_time(failure: Failure, late: bool) -> None:
    assert failure.timed_out is late


@pytest.mark.parametrize(("status", "late"), [(408, True), (504, True), (500, False), (429, False)])
def test_a_gateways_timeout_is_one_too(status: int, late: bool) -> None:
    error = ApiError(ErrorClass.UNKNOWN, "", WHY, status)
    assert Failure(ErrorClass.UNKNOWN, "", WHY, error).timed_out is late
