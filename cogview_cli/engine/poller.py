"""Asks for the answer of a task until it is there. A question costs nothing and is repeated."""

import asyncio
from typing import NamedTuple

from cogview_cli.api import tasks
from cogview_cli.api.client import AnswerLost, ApiClient, NotSent
from cogview_cli.api.dialects import Server
from cogview_cli.api.endpoints import result_path
from cogview_cli.api.protocol import Answer, ApiError, Reply
from cogview_cli.api.tasks import Gone, Later
from cogview_cli.engine.stop import StopSwitch
from cogview_cli.errors import MachineError
from cogview_cli.i18n.stored_messages import Message

POLL_SECONDS = 5.0
# An in-process sandbox is in nobody's way.
SANDBOX_POLL_SECONDS = 0.05
# For one question; the next one may fare better.
QUESTION_SECONDS = 30.0
# So often in a row a server has to say that it knows no such task.
GONE_TIMES = 2


class Polled(NamedTuple):
    """The last word on a task: its raw answer, and what it means."""

    answer: Answer
    reply: Reply | ApiError


class Poller:
    """Polls one server; shared by all requests of a run."""

    def __init__(
        self, client: ApiClient, server: Server, switch: StopSwitch, *,
        patience: float, every: float | None = None,
    ) -> None:  # fmt: skip
        """`patience`: seconds for one task; `every`: between questions, POLL_SECONDS by default."""
        self._client, self._server, self._switch = client, server, switch
        self._patience, self._every = patience, every

    async def follow(
        self, task: str, *, at_once: bool = False, own: bool = True
    ) -> Polled | Later | Gone:
        """The end of `task`, or `Later` when patience or a signal ends the waiting.

        `at_once`: the first question is asked without a pause. `own` False: another key was given
        the task, so that a server which does not know it says nothing of it.
        """
        clock = asyncio.get_running_loop().time
        deadline, gone = clock() + self._patience, 0
        pause = 0.0 if at_once else self._every_seconds
        while True:
            await self._switch.sleep_unless_signalled(min(pause, max(0.0, deadline - clock())))
            if self._switch.signalled.is_set():
                return Later(Message.of("stopped-before-answer"))
            found = await self._ask(task)
            gone = gone + 1 if isinstance(found, Gone) else 0
            if isinstance(found, Polled) or (isinstance(found, Gone) and gone >= GONE_TIMES):
                return _final(found, task, own=own)
            later = Later(found.why) if isinstance(found, Gone) else found
            left, asked = deadline - clock(), later.seconds or 0.0
            if later.useless or left <= 0 or asked > left:
                return later
            pause = max(self._every_seconds, asked)

    @property
    def _every_seconds(self) -> float:
        return POLL_SECONDS if self._every is None else self._every

    async def _ask(self, task: str) -> Polled | Later | Gone:
        question = self._client.get(result_path(task), seconds=QUESTION_SECONDS)
        try:
            answer = await self._switch.unless_signalled(question)
        except (NotSent, AnswerLost) as error:
            return Later(error.message)
        except MachineError as error:
            return Later(Message.of_error(error), useless=True)
        if answer is None:
            return Later(Message.of("stopped-before-answer"))
        found = tasks.outcome(answer, self._server)
        return found if isinstance(found, Later | Gone) else Polled(answer, found)


def _final(found: Polled | Gone, task: str, *, own: bool) -> Polled | Later | Gone:
    """The last word; that a task is gone only the key that it was given to can tell."""
    if isinstance(found, Polled):
        return found
    if not own:
        return Later(Message.of("task-of-other-key", why=found.why), useless=True)
    return Gone(Message.of("task-gone", task=task, why=found.why))
