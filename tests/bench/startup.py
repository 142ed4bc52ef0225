"""How long until a command answers, or its request leaves: ratios to an empty interpreter."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

import certifi
import trustme

from tests.bench.figures import Figure
from tests.bench.world import COGVIEW, World

Case = Callable[[], float]
EMPTY = "python -c pass"
ZAI = """
import sys
from zai import ZhipuAiClient
client = ZhipuAiClient(api_key="id.secret", base_url=sys.argv[1], max_retries=0)
client.images.generations(model="cogview-4-250304", prompt="cat")
"""
REFUSAL = b'{"error":{"code":"1210","message":"no"}}'
_GOALS = {"--version": 1.6, "--help": 8.0, "sizes": 8.0, "config get model": 8.0, "TAB": 8.0}
_FIRST_BYTE_GOALS, _OF_ZAI_GOAL = {"http": 10.0, "https": 11.0}, 0.7


def local(world: World, command: list[str], **more: str) -> Case:
    """A command without network: seconds of its whole run."""
    return lambda: world.run(command, **more).wall


class Listener:
    """Takes one request at a time, notes when its first byte is there, and refuses it."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(30)
        self._context = context

    @property
    def base_url(self) -> str:
        """The certificate, if there is one, is for this name."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://localhost:{self._socket.getsockname()[1]}"

    def first_byte(self) -> float:
        """When the first byte of the next request comes, by the monotonic clock."""
        connection, _ = self._socket.accept()
        connection.settimeout(30)
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            head = connection.recv(1)
            came = time.monotonic()
            while b"\r\n\r\n" not in head or not head.endswith(b"}"):
                head += connection.recv(65536)
            length = f"Content-Length: {len(REFUSAL)}\r\nConnection: close\r\n\r\n".encode()
            connection.sendall(b"HTTP/1.1 400 -\r\nContent-Type: application/json\r\n" + length)
            connection.sendall(REFUSAL)
        return came

    def close(self) -> None:
        """Frees the port."""
        self._socket.close()


def sending(world: World, listener: Listener, command: list[str], **more: str) -> Case:
    """A command that sends: seconds until the first byte of its request is at the server."""

    def seconds() -> float:
        began = time.monotonic()
        with subprocess.Popen(
            command,
            env=world.environment(**more),
            cwd=world.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ):
            return listener.first_byte() - began

    return seconds


@contextmanager
def listeners(world: World) -> Iterator[dict[str, tuple[Listener, dict[str, str]]]]:
    """A plain one and one with TLS, each with what its clients need in the environment.

    The CA is added to the usual ones: reading those is part of a real start.
    """
    ca = trustme.CA()
    trusted = world.folder / "trusted.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + ca.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    with closing(Listener()) as plain, closing(Listener(context)) as secure:
        yield {"http": (plain, {}), "https": (secure, {"SSL_CERT_FILE": str(trusted)})}


def _local_cases(world: World) -> dict[str, Case]:
    tab = {"_COGVIEW_COMPLETE": "complete_bash", "COMP_WORDS": "cogview gen --s", "COMP_CWORD": "2"}
    lines = [name for name in _GOALS if name != "TAB"]
    cases = {name: local(world, [*COGVIEW, *name.split()]) for name in lines}
    return {**cases, "TAB": local(world, COGVIEW, **tab)}


def _sending_cases(
    world: World, kind: str, listener: Listener, more: dict[str, str]
) -> dict[str, Case]:
    url = listener.base_url
    commands = {
        "gen": [*COGVIEW, "gen", "cat", "--base-url", url],
        "zai-sdk script": [sys.executable, "-c", ZAI, url],
    }
    if shutil.which("curl"):
        trust = ["--cacert", more["SSL_CERT_FILE"]] if more else []
        commands["curl"] = [
            "curl",
            "-s",
            *trust,
            "-d",
            '{"prompt":"cat"}',
            f"{url}/images/generations",
        ]
    return {
        f"{kind} {name}": sending(world, listener, command, **more)
        for name, command in commands.items()
    }


def ratios(cases: Mapping[str, Case], rounds: int) -> dict[str, float]:
    """Median of each case over that of the empty one; every round runs all of them."""
    for case in cases.values():  # fills caches
        case()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            seconds[name].append(case())
    base = median(seconds[EMPTY])
    return {name: median(found) / base for name, found in seconds.items()}


def figures(world: World, rounds: int) -> Iterator[Figure]:
    """All start-up times, measured in the same rounds."""
    with listeners(world) as open_:
        cases = {EMPTY: local(world, [sys.executable, "-c", "pass"]), **_local_cases(world)}
        for kind, (listener, more) in open_.items():
            cases |= _sending_cases(world, kind, listener, more)
        found = ratios(cases, rounds)
    for name, goal in _GOALS.items():
        yield Figure(what=f"`cogview {name}` / `{EMPTY}`", ours=found[name], goal=goal)
    for kind in open_:
        yield from _first_bytes(kind, found)


def _first_bytes(kind: str, found: Mapping[str, float]) -> Iterator[Figure]:
    start = f"{kind} "
    others = {
        name.removeprefix(start): value for name, value in found.items() if name.startswith(start)
    }
    ours = others.pop("gen")
    what = f"first byte of `cogview gen` over {kind} / `{EMPTY}`"
    yield Figure(what=what, ours=ours, goal=_FIRST_BYTE_GOALS[kind], others=others)
    share = ours / others["zai-sdk script"]
    yield Figure(what=f"the same / zai-sdk script, {kind}", ours=share, goal=_OF_ZAI_GOAL)
