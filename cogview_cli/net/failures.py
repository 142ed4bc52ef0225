"""How the network fails, whatever carries a request. Their messages may quote a server."""

from __future__ import annotations

import re

# What an answer begins with, as far as it can still be read.
STATUS_LINE = rb"\s*[A-Za-z]{2,10}(?:/[0-9.]*)?[ \t]+([1-9][0-9]{2})(?![0-9])([^\r\n]*)"


class NetworkError(Exception):
    """A request or its answer did not come through."""


class ConnectError(NetworkError):
    """No connection, or no TLS on it."""


class ProxyUnreachable(ConnectError):
    """No connection to a proxy, which the message names."""


class ConnectTimeout(NetworkError):
    """No connection in time."""


class ProxyError(NetworkError):
    """A proxy refused to lead there."""


class WriteError(NetworkError):
    """The connection failed while the request was written."""


class WriteTimeout(NetworkError):
    """The server did not take the request in time."""


class ReadError(NetworkError):
    """The connection failed before the answer was whole."""


class ReadTimeout(NetworkError):
    """Nothing came for too long."""


class RemoteProtocolError(NetworkError):
    """What came is no answer, or not all of one."""


class NotHttp(RemoteProtocolError):
    """What came cannot be read as an answer; `came` is all of it, `status` 0 where none is told."""

    def __init__(self, message: str, came: bytes) -> None:
        super().__init__(message)
        self.came = came
        found = re.match(STATUS_LINE, came)
        self.status = int(found[1]) if found else 0


class LocalProtocolError(NetworkError):
    """What was to be sent is no request: nothing was."""


class UnsupportedProtocol(NetworkError):
    """No way of this program leads to such a URL."""


class BodyConsumed(NetworkError):
    """A body was to be sent a second time."""
