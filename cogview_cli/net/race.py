"""Attempts one after the other, none given up for the next: happy eyeballs (RFC 8305)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

T = TypeVar("T")


def interleaved(addresses: Sequence[str], first: int = 0) -> list[str]:
    """The addresses with the families in turn (RFC 8305 §4), each once.

    `first`: how far each family's list is turned, so that a later try begins elsewhere.
    """
    families: dict[bool, list[str]] = {}
    for ip in dict.fromkeys(addresses):
        families.setdefault(":" in ip, []).append(ip)
    turned = [ips[first % len(ips) :] + ips[: first % len(ips)] for ips in families.values()]
    return [ip for ip in chain.from_iterable(zip_longest(*turned)) if ip is not None]


async def first_to_finish(
    attempts: Iterable[Callable[[], Awaitable[T]]],
    delay: float,
    discard: Callable[[T], Awaitable[None]],
) -> T:
    """What the first attempt that succeeds returns; OSError if none does.

    The next one begins after `delay` seconds, or at once when those before it have failed.
    `discard` gets what another attempt brought in the same moment.
    """
    waiting, running = iter(attempts), set[asyncio.Task[T]]()
    failures: list[BaseException] = []
    try:
        while True:
            another = next(waiting, None)
            if another is not None:
                running.add(asyncio.create_task(_awaited(another)))
            elif not running:
                raise _reason(failures)
            patience = delay if another is not None else None
            done, _running = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.discard(task)
                if error := task.exception():
                    failures.append(error)
                else:
                    running |= done - {task}  # the others go the way of the slower ones
                    return task.result()
    finally:
        await _give_up(running, discard)


async def _awaited(attempt: Callable[[], Awaitable[T]]) -> T:
    return await attempt()


def _reason(failures: Sequence[BaseException]) -> BaseException:
    if len(set(map(str, failures))) == 1:  # "unreachable" is of no one address
        return failures[0]
    return ConnectionError("no address of the host answers")


async def _give_up(
    running: Iterable[asyncio.Task[T]], discard: Callable[[T], Awaitable[None]]
) -> None:
    tasks = list(running)
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(found, BaseException):
            await discard(found)
