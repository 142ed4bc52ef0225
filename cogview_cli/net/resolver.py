"""The addresses of a host by name."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any


async def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of `host`, in the system's order; OSError if it has none.

    One that holds on a single network only has its zone: `fe80::1%2`.

    The name goes to the system as bytes: for text Python would load its IDNA tables first, which
    takes 2 ms and is of no use to a host in ASCII.
    """
    name: str | bytes = host.encode() if host.isascii() else host
    found: Future[list[Any]] = Future()
    found.set_running_or_notify_cancel()  # a lookup cannot be called back, only left alone
    try:
        Thread(target=_look_up, args=(name, port, found), name="lookup", daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    return [_written(*entry[4]) for entry in await asyncio.wrap_future(found)]


def _look_up(name: str | bytes, port: int, found: Future[list[Any]]) -> None:
    """Asks the system; in a thread that no end of the program waits for.

    The event loop's own threads are waited for, and a resolver without a network takes its time.
    """
    try:
        entries = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except BaseException as error:
        found.set_exception(error)
    else:
        found.set_result(list(entries))


def _written(ip: str, _port: int, _flow: int = 0, zone: int = 0) -> str:
    return f"{ip}%{zone}" if zone else ip
