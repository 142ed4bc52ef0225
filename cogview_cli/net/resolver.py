"""The addresses of a host by name."""

from __future__ import annotations

import asyncio
import socket


async def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of `host`, in the system's order; OSError if it has none.

    The name goes to the system as bytes: for text Python would load its IDNA tables first, which
    takes 2 ms and is of no use to a host in ASCII.
    """
    name: str | bytes = host.encode() if host.isascii() else host
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
