"""G24, G26, G27: image hosts with several addresses, beside a proxy, or not ready yet."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from cogview_cli.net.clients import load_trust
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Ended, Run
from tests.faults.case import check_streams
from tests.faults.peers import HOST, ConnectProxy, Scripted, Step, http, in_answer, picture
from tests.faults.test_network import server_context, trust
from tests.faults.world import SMALL, images, running, said, states
from tests.processes import until

pytestmark = pytest.mark.faults
PUBLIC, ALSO_PUBLIC = "93.184.215.14", "93.184.215.15"
DEAD = [f"2606:2800:220:1::{number}" for number in range(1, 9)]
SERVED = http("200 OK", picture())


class Internet:
    """Names and addresses as the test says; what was connected to, in order."""

    def __init__(self, names: dict[str, list[str]], ports: dict[str, int]) -> None:
        self.names, self.ports = names, ports
        self.tried: list[str] = []

    def resolve(self, host: str | bytes, port: object, *_: object, **__: object) -> list[object]:
        name = host.decode() if isinstance(host, bytes) else host
        return [
            (
                socket.AF_INET6 if ":" in ip else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (ip, int(str(port or 443))),
            )
            for ip in self.names.get(name, [name])
        ]


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A server for api.example and images.example, behind the addresses that are told."""
    connect = socket.socket.connect

    @contextmanager
    def lay(
        addresses: list[str], *gets: Step, open: tuple[str, ...] = (PUBLIC,)
    ) -> Iterator[tuple[Internet, Scripted]]:
        authority = trustme.CA()
        trust(authority, tmp_path, monkeypatch)
        load_trust.cache_clear()
        context = server_context(authority, "api.example", "images.example")
        answer = in_answer(url="https://images.example/1.png")
        with Scripted([answer], gets or [SERVED], tls=context) as server:
            net = Internet({"api.example": [PUBLIC], "images.example": addresses}, {})

            def reach(self: socket.socket, address: tuple[str, int]) -> None:
                ip = address[0]
                if ip == HOST:  # a proxy
                    connect(self, address)
                    return
                net.tried.append(ip)
                if ip not in open:
                    raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
                connect(self, (HOST, server.port))

            with monkeypatch.context() as patched:
                patched.setattr(socket, "getaddrinfo", net.resolve)
                patched.setattr(socket.socket, "connect", reach)
                yield net, server
        load_trust.cache_clear()

    return lay


def gen(cogview: Run) -> Ended:
    ended = cogview("gen", "cat", "--base-url", "https://api.example/v4")
    check_streams(ended)
    return ended


@pytest.mark.parametrize(
    "addresses",
    [[PUBLIC, *DEAD], [*DEAD, PUBLIC], [*DEAD[:4], PUBLIC, *DEAD[4:]]],
    ids=["G26 first", "G26 last", "G26 among them"],
)
def test_one_address_that_answers_is_enough(
    addresses: list[str], cogview: Run, internet: Callable[..., Any]
) -> None:
    with internet(addresses) as (net, server):
        ended = gen(cogview)
    assert (ended.code, server.count(b"GET")) == (0, 1), ended
    assert net.tried.count(PUBLIC) == 2 and b"Host: images.example" in server.requests[1]


def test_g26_the_next_try_begins_at_the_next_address(
    cogview: Run, internet: Callable[..., Any]
) -> None:
    """Where the first address takes connections and serves nothing."""
    both = (PUBLIC, ALSO_PUBLIC)
    with internet(list(both), http("500 No"), SERVED, open=both) as (net, _server):
        ended = gen(cogview)
    assert (ended.code, net.tried) == (0, [PUBLIC, PUBLIC, ALSO_PUBLIC]), ended


def test_g26_one_private_address_among_many_is_one_too_many(
    cogview: Run, internet: Callable[..., Any]
) -> None:
    with internet([PUBLIC, "10.0.0.1"]) as (net, server):
        ended = gen(cogview)
    assert (ended.code, server.count(b"GET")) == (6, 0), ended
    assert net.tried == [PUBLIC] and "private address" in ended.err


@pytest.mark.parametrize(
    ("exempt", "asked"),
    [
        ("images.example", ["api.example:443"]),
        (".example", []),
        ("*", []),
        ("93.184.215.14", ["api.example:443", "images.example:443"]),
        ("images.example:8443", ["api.example:443", "images.example:443"]),
        ("", ["api.example:443", "images.example:443"]),
    ],
    ids=lambda value: f"G27 {value or 'nothing'}" if isinstance(value, str) else "",
)
def test_a_proxy_is_asked_for_names_and_not_for_what_they_resolve_to(
    exempt: str,
    asked: list[str],
    cogview: Run,
    internet: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with internet([PUBLIC]) as (_net, server):
        ports = {"api.example:443": server.port, "images.example:443": server.port}
        with ConnectProxy(ports) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", exempt)
            ended = gen(cogview)
    assert (ended.code, proxy.asked) == (0, asked), ended
    assert len(images()) == 1


@pytest.mark.parametrize("address", ["10.0.0.1", "[::1]", "127.1"])
def test_g27_no_proxy_is_asked_for_a_private_address(
    address: str, cogview: Run, internet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with internet([PUBLIC]) as (_net, server):
        server._steps[b"POST"] = [in_answer(url=f"https://{address}/1.png")]
        with ConnectProxy({"api.example:443": server.port}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy.port}")
            ended = gen(cogview)
    assert (ended.code, proxy.asked) == (6, ["api.example:443"]), ended


# --- G24: not ready yet -------------------------------------------------------


def test_g24_the_server_says_when(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DOWNLOAD_PATIENCE", "20")
    began = time.monotonic()
    ended = cogview("gen", "cat sandbox:503-downloadx1", *SMALL)
    assert (ended.code, sandbox.books.downloads.total()) == (0, 2), ended
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("fault", ["404-downloadx4", "403-downloadx4", "500-downloadx4"])
def test_g24_a_picture_that_is_late_is_waited_for(
    fault: str, cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DOWNLOAD_PATIENCE", "20")
    monkeypatch.setattr("cogview_cli.pictures.failure.FIRST_WAIT", 0.02)
    ended = cogview("gen", f"cat sandbox:{fault}", *SMALL)
    assert (ended.code, sandbox.books.downloads.total()) == (0, 5), ended


def test_g24_the_others_do_not_wait_for_one_that_is_late(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One download at a time, and one picture that never comes: the rest are there before."""
    monkeypatch.setenv("COGVIEW_DOWNLOAD_PATIENCE", "4")
    Path("p.txt").write_text("a sandbox:404-download\n" + "".join(f"{n}\n" for n in range(8)))
    ended = cogview("batch", "p.txt", "-o", "out", "--json", "--jobs", "4")
    ends = [json.loads(line) for line in ended.out.splitlines()][:-1]
    assert [end["status"] for end in ends] == ["saved"] * 8 + ["unsaved"], ended


def test_g24_a_second_signal_ends_all_patience(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"COGVIEW_DOWNLOAD_PATIENCE": "600"}
    with running("gen", "cat sandbox:404-download", *SMALL, **keys) as process:
        until(lambda: sandbox.books.downloads.total() > 2)
        process.send_signal(signal.SIGINT)
        until(lambda: "stopped by SIGINT" in said())
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert time.monotonic() - began < 10
    assert states() == ["answer"] and "stopped before it was saved" in said()
