"""Parts of the queue wherever they were sent: for commands that have no batch at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import groupby
from typing import NamedTuple

from cogview_cli.config.settings import Settings, for_base_url
from cogview_cli.engine.session import endpoint
from cogview_cli.errors import CogviewError
from cogview_cli.i18n.stored_messages import Message
from cogview_cli.ledger import Ledger, State
from cogview_cli.ledger.queue_parts import Part, PartState
from cogview_cli.outcome import Problem, problem_of
from cogview_cli.queue.service import QueueFailure, QueueStopped, other_key
from cogview_cli.queue.session import Queue, open_queue

Say = Callable[[str], None]


@asynccontextmanager
async def queue_of(part: Part, ledger: Ledger, say: Say) -> AsyncIterator[Queue]:
    """The queue that a part was given to; QueueStopped where no setting leads there."""
    import asyncio

    settings = _settings_for(part)
    async with (
        endpoint(settings) as target,
        open_queue(target, ledger, timeout=settings.timeout, say=say, sleep=asyncio.sleep) as queue,
    ):
        yield queue


def _settings_for(part: Part) -> Settings:
    settings = for_base_url(part.base_url)
    if settings is None:
        raise QueueStopped(other_key(part))
    return settings._replace(sandbox=False)


class Collected(NamedTuple):
    """What collecting left: how many pictures still wait, and what was in the way."""

    waiting: int
    problems: list[Problem]


async def collect(ledger: Ledger, say: Say) -> Collected:
    """Looks at every part that no living process looks after; creates nothing."""
    problems: list[Problem] = []
    for parts in _by_server(ledger):
        try:
            await _collect(parts, ledger, say)
        except QueueFailure as failure:
            problems.append(failure.problem())
        except QueueStopped as stopped:
            problems.append(stopped.problem)
        except CogviewError as error:
            problems.append(problem_of(error))
    waiting = sum(ledger.parts.count(part.id, State.PENDING) for part in ledger.parts.open())
    return Collected(waiting, problems)


def _by_server(ledger: Ledger) -> Iterable[list[Part]]:
    """The parts that are ours now, by their server."""
    found = ledger.parts.open()
    ours = ledger.parts.take_over(part.id for part in found)

    def server(part: Part) -> str:
        return part.base_url

    wanted = sorted((part for part in found if part.id in ours), key=server)
    return [list(parts) for _server, parts in groupby(wanted, server)]


async def _collect(parts: list[Part], ledger: Ledger, say: Say) -> None:
    async with queue_of(parts[0], ledger, say) as queue:
        failures = [await _collect_part(part, queue) for part in parts]
        if failure := next(filter(None, failures), None):
            raise failure


async def _collect_part(part: Part, queue: Queue) -> QueueFailure | None:
    """What was in the way of this part alone, if anything."""
    try:
        if part.state == PartState.DRAFT:
            await queue.sender.drop(part, Message.of("stopped-before-sending"))
        elif part.state == PartState.CREATING:
            await queue.collector.look(await queue.sender.find(part))
        else:
            await queue.collector.look(part)
    except QueueFailure as failure:
        if not failure.of_part:
            raise
        return failure
    return None


async def close(ledger: Ledger, say: Say) -> None:
    """Removes what the vendor keeps of parts whose pictures are all on disk."""
    for parts in _by_server(ledger):
        ended = [part for part in parts if part.state == PartState.ENDED]
        if not ended:
            continue
        try:
            async with queue_of(ended[0], ledger, say) as queue:
                for part in ended:
                    await queue.collector.close(part)
        except (QueueFailure, CogviewError):  # nothing hangs on it
            continue
