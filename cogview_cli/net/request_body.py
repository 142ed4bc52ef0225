"""A request's body that knows whether a transport has taken it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from cogview_cli.net.failures import BodyConsumed


class RequestBody:
    """Bytes for one request; `taken` is set as they are handed on, never before.

    A transport reads a body once the connection (and its TLS) stands and the head of the
    request is out or goes with it; a proxy's CONNECT has no part in it. So `taken` is the
    point of no return, whatever the transport.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.taken = False

    @property
    def data(self) -> bytes:
        """The bytes, whether they were taken or not."""
        return self._data

    def __len__(self) -> int:
        return len(self._data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes, in one piece. BodyConsumed the second time: nothing is sent twice."""
        if self.taken:
            raise BodyConsumed
        self.taken = True
        yield self._data
