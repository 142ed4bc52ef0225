"""Servers of raw bytes on loopback: an API with its image host, and three kinds of proxies."""

from __future__ import annotations

import base64
import io
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Self

from PIL import Image

HOST = "127.0.0.1"
PATIENCE_S = 20
ORIGIN = b"%ORIGIN%"
Step = bytes | Callable[[socket.socket], None]


@cache
def picture(format: str = "PNG") -> bytes:
    """A real picture of 512x512 pixels."""
    out = io.BytesIO()
    Image.radial_gradient("L").resize((512, 512)).convert("RGB").save(out, format)
    return out.getvalue()


def http(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """A complete answer that closes the connection; `%ORIGIN%` is the server's own."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {size}", "Connection: close"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def in_answer(**data: str) -> bytes:
    """The API's 200 with this one picture: `url=` or `b64_json=`."""
    body = {"created": 1760335349, "data": [data], "content_filter": []}
    return http("200 OK", json.dumps(body).encode(), "Content-Type: application/json")


def inline() -> bytes:
    """A 200 that holds the picture itself: nothing to download."""
    return in_answer(b64_json=base64.b64encode(picture()).decode())


def throttled(*headers: str) -> bytes:
    """429 with 1303, as when requests come too fast."""
    body = b'{"error":{"code":"1303","message":"slow down"}}'
    return http("429 Too Many Requests", body, *headers)


def reset(link: socket.socket) -> None:
    """Drop the connection with RST."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def silence(link: socket.socket) -> None:
    """Say nothing until the client leaves."""
    with suppress(OSError):
        while link.recv(65536):
            pass


class Listener:
    """Accepts connections, each in a thread of its own, and counts them."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self._tls = tls
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._end, self._ended = socket.socketpair()
        self._threads = [threading.Thread(target=self._accept)]

    def _accept(self) -> None:
        while self._ended not in select.select([self._socket, self._ended], [], [])[0]:
            link, _ = self._socket.accept()
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(link,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, link: socket.socket) -> None:
        link.settimeout(PATIENCE_S)
        with suppress(OSError), link:
            if self._tls is None:
                self.talk(link)
                return
            with self._tls.wrap_socket(link, server_side=True) as secure:
                self.talk(secure)

    def talk(self, link: socket.socket) -> None:
        """One connection, decrypted; it is closed afterwards."""

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.send(b".")
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for end in (self._socket, self._end, self._ended):
            end.close()


class Scripted(Listener):
    """Answers POSTs and GETs with these steps in turn; the last one of each is repeated."""

    def __init__(
        self,
        posts: Sequence[Step] = (),
        gets: Sequence[Step] = (),
        *,
        tls: ssl.SSLContext | None = None,
        name: str = HOST,
    ) -> None:
        super().__init__(tls=tls)
        self._steps = {b"POST": list(posts), b"GET": list(gets)}
        self._lock = threading.Lock()
        self.origin = f"{'https' if tls else 'http'}://{name}:{self.port}"
        self.base_url = f"{self.origin}/v4"
        self.requests: list[bytes] = []

    @property
    def seen(self) -> bytes:
        return b"".join(self.requests)

    def count(self, method: bytes) -> int:
        """How many requests with this method came."""
        return sum(request.startswith(method + b" ") for request in self.requests)

    def talk(self, link: socket.socket) -> None:
        request = read_request(link)
        with self._lock:
            self.requests.append(request)
            steps = self._steps.get(request.partition(b" ")[0], [])
            step = (steps.pop(0) if len(steps) > 1 else steps[0]) if steps else b""
        if isinstance(step, bytes):
            link.sendall(step.replace(ORIGIN, self.origin.encode()))
        else:
            step(link)


def read_request(link: socket.socket) -> bytes:
    """Head and body of one request; what there is if the client leaves."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = link.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    wanted = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < wanted and (piece := link.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


class ConnectProxy(Listener):
    """An HTTP proxy: `answer` to every CONNECT, or a tunnel to a port of loopback by name."""

    def __init__(self, ports: dict[str, int] | None = None, answer: bytes = b"") -> None:
        super().__init__()
        self._ports, self._answer = ports or {}, answer
        self.asked: list[str] = []
        self.seen = b""

    def talk(self, link: socket.socket) -> None:
        head = read_request(link)
        self.seen += head
        name = head.split(b" ")[1].decode()
        self.asked.append(name)
        if self._answer or name not in self._ports:
            link.sendall(self._answer or http("502 Bad Gateway"))
            return
        link.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        relay(link, self._ports[name])


class HttpProxy(Listener):
    """An HTTP proxy for http: URLs of loopback: the request comes with its whole URL."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def talk(self, link: socket.socket) -> None:
        request = read_request(link)
        if not request:
            return
        method, url, rest = request.split(b" ", 2)
        self.asked.append(url.decode())
        _http, _, host, path = url.split(b"/", 3)
        relay(link, int(host.rpartition(b":")[2]), b" ".join((method, b"/" + path, rest)))


class Socks5(Listener):
    """A SOCKS5 proxy without login, to ports of loopback by name."""

    def __init__(self, ports: dict[str, int]) -> None:
        super().__init__()
        self._ports = ports
        self.asked: list[str] = []

    def talk(self, link: socket.socket) -> None:
        _version, count = link.recv(2)
        link.recv(count)
        link.sendall(b"\x05\x00")
        _version, _command, _zero, _kind, size = link.recv(5)
        name = link.recv(size).decode()
        (port,) = struct.unpack(">H", link.recv(2))
        self.asked.append(f"{name}:{port}")
        link.sendall(b"\x05\x00\x00\x01" + bytes(6))
        relay(link, self._ports[self.asked[-1]])


def relay(link: socket.socket, port: int, first: bytes = b"") -> None:
    """Bytes both ways until either side is done; `first` goes to the port before them."""
    with socket.create_connection((HOST, port)) as far:
        far.sendall(first)
        other = {link: far, far: link}
        while ready := select.select([link, far], [], [], PATIENCE_S)[0]:
            for side in ready:
                data = side.recv(65536)
                if not data:
                    return
                other[side].sendall(data)
