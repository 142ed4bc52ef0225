"""What every HTTP client of ours gives back, and what it asks of a connection."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from cogview_cli.net.target import Target


class Limits(NamedTuple):
    """Seconds for a connection to stand, and for one read or write; None: as long as it takes."""

    connect: float
    read: float | None


class Response(NamedTuple):
    """A response whose body is still to be read, packed as it comes.

    `headers`: by name in lower case, those of one name in one, with commas.
    """

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class Client(Protocol):
    """A way to servers: each request on a connection of its own, no redirect followed."""

    def stream(
        self,
        method: str,
        target: Target,
        *,
        content: AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str],
        addresses: Sequence[str] = (),
        in_hand: Callable[[], None] | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """One request, its response still to be read. Raises NetworkError."""

    async def aclose(self) -> None:
        """Closes what is open."""
