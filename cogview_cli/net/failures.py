"""How the network fails, whatever carries a request. Their messages may quote a server."""

from __future__ import annotations


class NetworkError(Exception):
    """A request or its answer did not come through."""


class ConnectError(NetworkError):
    """No connection, or no TLS on it."""


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


class LocalProtocolError(NetworkError):
    """What was to be sent is no request: nothing was."""


class UnsupportedProtocol(NetworkError):
    """No way of this program leads to such a URL."""


class BodyConsumed(NetworkError):
    """A body was to be sent a second time."""
