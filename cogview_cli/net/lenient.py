"""HTTP/1.1 answers that break the rules, put right before a strict parser sees them. No I/O.

The answer to a POST may be paid for, so a header line that a parser dislikes must not cost it.
h11 refuses what RFC 9112 forbids; browsers and curl read most of it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from cogview_cli.net.failures import STATUS_LINE, NotHttp, RemoteProtocolError

# A head longer than this is no answer.
HEAD_LIMIT = 2**20
_SIZE_LINE_LIMIT = 4096
_END_OF_HEAD = rb"\r?\n\r?\n"
_TOKEN = rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
_FORBIDDEN = rb"[\x00\r\n\f\v]+"
_SIZE_LINE = rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\n]*)?\r?\n"
_CUT_SIZE_LINE = rb"[ \t]*[0-9a-fA-F]{0,15}[ \t]*(?:;[^\n]*)?\r?"
_PACKINGS = (b"gzip", b"x-gzip", b"deflate")
Headers = list[tuple[bytes, bytes]]


class Head(NamedTuple):
    """A head as a strict parser takes it, and whether the body is said to be chunked."""

    status: int
    reason: bytes
    headers: Headers
    chunked: bool

    @property
    def is_final(self) -> bool:
        """Whether what follows is the answer's body, not another head."""
        return self.status >= 200 or self.status == 101

    @property
    def length(self) -> int | None:
        """The body's bytes; None where its own chunks or the connection's end tell."""
        if self.status in (204, 304):
            return 0
        said = (value for name, value in self.headers if name.lower() == b"content-length")
        return next(map(int, said), None)

    def fields(self) -> dict[str, str]:
        """The headers by name in lower case; those of one name in one, with commas."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            key, text = name.decode("ascii").lower(), _text(value)
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found

    def encode(self) -> bytes:
        """The head as bytes."""
        lines = [b"HTTP/1.1 %d %s" % (self.status, self.reason)]
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class HeadReader:
    """Heads out of the bytes of a connection: informational ones may come before the answer's."""

    def __init__(self) -> None:
        self._came = bytearray()

    async def read(self, more: Callable[[], Awaitable[bytes]]) -> bytes:
        """The next bytes; a connection that fails inside the head does not cost what came of it."""
        try:
            return await more()
        except Exception as error:
            if self._came:
                raise NotHttp("the head of the answer was cut", bytes(self._came)) from error
            raise

    def add(self, data: bytes) -> None:
        """Takes what came."""
        self._came += data

    def next(self) -> Head | None:
        """The next head if it is whole; NotHttp for what is none."""
        found = re.search(_END_OF_HEAD, self._came)
        if found is None:
            return None
        head = _read_head(bytes(self._came[: found.start()]))
        if head is None:
            raise NotHttp("what came is no HTTP answer", bytes(self._came))
        del self._came[: found.end()]
        return head

    def check(self, *, ended: bool) -> None:
        """NotHttp if what is here can no longer become a head."""
        if self._came and (ended or len(self._came) > HEAD_LIMIT):
            raise NotHttp("the head of the answer has no end", bytes(self._came))

    def rest(self) -> bytes:
        """What came behind the last head."""
        return bytes(self._came)


class AnswerRepair:
    """The bytes of one answer on their way to a strict parser.

    The head is put right, a chunked body is unpacked here; the rest passes as it came.
    """

    def __init__(self) -> None:
        self._head: HeadReader | None = HeadReader()
        self._chunks: Chunks | None = None

    async def read(self, more: Callable[[], Awaitable[bytes]]) -> bytes:
        """The next bytes for the parser, nothing at the end; `more` reads from the connection.

        Raises RemoteProtocolError where the answer breaks off or makes no sense.
        """
        while not (self._chunks and self._chunks.ended):
            data = await (self._head.read(more) if self._head else more())
            ready = self._feed(data)
            if ready or not data:
                return ready
        return b""

    def _feed(self, data: bytes) -> bytes:
        if self._head is not None:
            return self._opening(self._head, data)
        return self._chunks.feed(data) if self._chunks else data

    def _opening(self, reader: HeadReader, data: bytes) -> bytes:
        """Heads as far as they are whole."""
        reader.add(data)
        ready = b""
        while head := reader.next():
            ready += head.encode()
            if head.is_final:
                return ready + self._begin_body(head, reader.rest())
        reader.check(ended=not data)
        return ready

    def _begin_body(self, head: Head, rest: bytes) -> bytes:
        self._head = None
        self._chunks = Chunks() if head.chunked else None
        return self._chunks.feed(rest) if self._chunks and rest else rest


def _read_head(raw: bytes) -> Head | None:
    """Status and headers without the lines that no parser would take; None if it has no status."""
    status = re.match(STATUS_LINE, raw)
    if status is None:
        return None
    lines = _unfolded(raw[status.end() :].split(b"\n"))
    headers = [header for line in lines if (header := _header(line))]
    bodiless = int(status[1]) in (204, 304)
    chunked = not bodiless and any(
        name.lower() == b"transfer-encoding" and b"chunked" in value.lower()
        for name, value in headers
    )
    reason = status[2].strip() if re.fullmatch(rb"[ -~]*", status[2]) else b""
    framed = _framed(headers, chunked) + _transfer_codings(headers)
    return Head(int(status[1]), reason, framed, chunked)


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """A line that begins with a blank goes on with the one before (RFC 9112 §5.2)."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and joined:
            joined[-1] += b" " + line.strip()
        else:
            joined.append(line)
    return joined


def _header(line: bytes) -> tuple[bytes, bytes] | None:
    name, colon, value = line.partition(b":")
    name = name.strip()
    if not colon or not re.fullmatch(_TOKEN, name):
        return None
    return name, re.sub(_FORBIDDEN, b" ", value).strip()


def _framed(headers: Headers, chunked: bool) -> Headers:
    """The headers with one length at most.

    Of several, none where the server will close the connection, else the longest: what
    follows a shorter one would be lost.
    """
    framing = (b"content-length", b"transfer-encoding")
    kept = [header for header in headers if header[0].lower() not in framing]
    said = b",".join(value for name, value in headers if name.lower() == framing[0])
    lengths = [int(text) for text in re.findall(rb"(?:^|,)[ \t]*([0-9]{1,18})[ \t]*(?=,|$)", said)]
    closing = any(name.lower() == b"connection" and b"close" in value for name, value in kept)
    if lengths and not chunked and not (closing and len(set(lengths)) > 1):
        kept.append((b"Content-Length", b"%d" % max(lengths)))
    return kept


def _transfer_codings(headers: Headers) -> Headers:
    """Codings of the transfer other than chunks (RFC 9112 §7.2), told as codings of the content."""
    said = b",".join(value for name, value in headers if name.lower() == b"transfer-encoding")
    names = [name.strip().lower() for name in said.split(b",")]
    return [(b"Content-Encoding", name) for name in names if name in _PACKINGS]


class Chunks:
    """A chunked body (RFC 9112 §7.1) unpacked; from where it breaks the rules on, as it came."""

    def __init__(self) -> None:
        self.ended = False
        self._buffer = b""
        self._left = 0  # of the chunk under way, with the line end behind it
        self._broken = self._framed = False

    def feed(self, data: bytes) -> bytes:
        """What `data`, empty at the end of the connection, adds to the body."""
        if not data:
            return self._at_end()
        self._buffer += data
        pieces = []
        while self._buffer and (piece := self._next()) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    def _at_end(self) -> bytes:
        """What is left, once; then the error. A size that was cut is no part of the body."""
        framing = self._framed and re.fullmatch(_CUT_SIZE_LINE, self._buffer)
        rest, self._buffer, self._broken = b"" if framing else self._buffer, b"", True
        if not rest:
            raise RemoteProtocolError("the chunks of the answer broke off")
        return rest

    def _next(self) -> bytes | None:
        """The next piece; None if there is too little for one."""
        if self._broken:
            return self._take(len(self._buffer))
        if self._left:
            return self._inside()
        line = re.match(_SIZE_LINE, self._buffer)
        if line is None:
            return self._no_size()
        self._buffer = self._buffer[line.end() :]
        size, self._framed = int(line[1], 16), True
        self._left = size + 1 if size else 0
        if not size:  # what follows are trailers
            self.ended, self._buffer = True, b""
        return b""

    def _no_size(self) -> bytes | None:
        waiting = b"\n" not in self._buffer and len(self._buffer) <= _SIZE_LINE_LIMIT
        if waiting:
            return None
        self._broken = True
        return b""

    def _inside(self) -> bytes | None:
        """A piece of the chunk under way, or the line end behind it."""
        if self._left > 1:
            piece = self._take(self._left - 1)
            self._left -= len(piece)
            return piece
        if self._buffer == b"\r":
            return None
        end = re.match(rb"\r?\n", self._buffer)
        self._left, self._broken = 0, end is None
        self._buffer = self._buffer[end.end() :] if end else self._buffer
        return b""

    def _take(self, length: int) -> bytes:
        piece, self._buffer = self._buffer[:length], self._buffer[length:]
        return piece
