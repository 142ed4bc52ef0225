"""Runs ledger calls off the event loop, in order, those that wait together in one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cogview_cli.ledger.file import LedgerFile

T = TypeVar("T")
Call = tuple[Callable[[], Any], "Future[Any]"]


class Worker:
    """One thread for all calls. A call is done when what it wrote is on the disk."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._waiting: deque[Call] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def call(self, method: Callable[[], T], *, patience: float = 0.0) -> T:
        """The result of `method`, after everything asked for earlier.

        It is carried out even if the caller is cancelled while it waits. `patience`: seconds
        until then, if no other call comes sooner: that one is in the same commit.
        """
        future: Future[T] = Future()
        self._waiting.append((method, future))
        if patience:
            asyncio.get_running_loop().call_later(patience, self._begin)
        else:
            self._begin()
        return await asyncio.wrap_future(future)

    async def complete(self, method: Callable[[], T]) -> T:
        """As `call`; a caller that is cancelled meanwhile learns the result first."""
        task, cancelled = asyncio.ensure_future(self.call(method)), False
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                cancelled = True
        if cancelled and (current := asyncio.current_task()):
            current.uncancel()
            current.cancel()
        return task.result()

    def close(self) -> None:
        """Waits for what is being written, and for what is about to be."""
        self._begin()
        self._thread.shutdown(wait=True)

    def _begin(self) -> None:
        if self._waiting:
            self._thread.submit(self._drain)

    def _drain(self) -> None:
        """Carries out all waiting calls; one of them may fail without the others."""
        calls = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not calls:
            return
        results: list[Any] = []
        try:
            with self._file.transaction():
                results.extend(self._attempt(method) for method, _ in calls)
        except Exception as error:  # the commit failed: nothing of it is on the disk
            results = [error] * len(calls)
        for (_, future), result in zip(calls, results, strict=True):
            _settle(future, result)

    def _attempt(self, method: Callable[[], Any]) -> Any:
        """What `method` returns, or the exception it raised; then nothing of it is written."""
        try:
            with self._file.step():
                return method()
        except Exception as error:
            return error


def _settle(future: Future[Any], result: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
