"""What a `gen` has to do: fetch what is paid, then ask for the rest."""

import os
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cogview_cli.engine import pool, session
from cogview_cli.engine.deadline import CODE as DEADLINE
from cogview_cli.engine.failure import claimed
from cogview_cli.engine.job import Job
from cogview_cli.engine.job_runner import JobRunner
from cogview_cli.errors import SIGNALS, ExitCode
from cogview_cli.gen import earlier
from cogview_cli.gen.earlier import Earlier
from cogview_cli.gen.plan import GenPlan
from cogview_cli.gen.progress import GenProgress
from cogview_cli.gen.rest import hint_for_the_rest
from cogview_cli.gen.settled import bare, found_file, numbered, skipped, unknown
from cogview_cli.i18n import _n
from cogview_cli.ledger import Entry, Ledger, State
from cogview_cli.outcome import Outcome, Problem, SavedFile, Status
from cogview_cli.terminal import output
from cogview_cli.terminal.reporter import Reporter

if TYPE_CHECKING:
    from cogview_cli.engine.takes import TakeRunner


class _Fetch(NamedTuple):
    """A picture that is paid for, for the `n`-th that is wanted."""

    n: int
    entry: Entry
    retakes: int = 0


class _Check(NamedTuple):
    """A picture that is there and is to be read, with the key of its request."""

    n: int
    key: str
    outcome: Outcome
    retakes: int


class _There(NamedTuple):
    """A picture on disk, and the request that made it if the ledger has it."""

    files: tuple[SavedFile, ...]
    entry: Entry | None = None


class _MakeJob(Protocol):
    """`job_of` for the plan of this run."""

    def __call__(self, n: int, *, key: str = "") -> Job: ...


class Work:
    """The pictures that are wanted, and where each comes from."""

    def __init__(
        self,
        plan: GenPlan,
        numbers: Sequence[int],
        job: _MakeJob,
        report: Callable[[Outcome], None],
    ) -> None:
        """`numbers`: those of the wanted pictures; `job` makes one of them."""
        self._plan, self._job, self._told = plan, job, report
        self._counts: Counter[Status] = Counter()
        self._asked: Mapping[str, frozenset[str]] = {}
        self._by_key: Mapping[str, Sequence[Entry]] = {}
        self._repeated: dict[int, Entry] = {}
        self._busy: set[str] = set()
        self._first_free = 1
        self.to_send = list(numbers)
        self.to_fetch: list[_Fetch] = []
        self.to_check: list[_Check] = []
        self._takes: TakeRunner | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.to_send or self.to_fetch or self.to_check)

    @property
    def retakes(self) -> int:
        """How many more takes there may be of pictures that are paid or there."""
        return sum(check.retakes for check in self.to_check) + sum(
            fetch.retakes for fetch in self.to_fetch
        )

    @property
    def again(self) -> int:
        """How many of those to be sent are not repeated once more if their answer is lost."""
        return len(self._repeated)

    def look_back(self, ledger: Ledger, *, shown: Collection[str] = ()) -> None:
        """Takes off what earlier runs have paid, and with --once what they have made.

        `shown`: files that this run has told of and counted already.
        """
        found = self._earlier(ledger)
        self._asked, self._by_key = found.asked, found.by_key
        self._busy = {entry.key for entry in (*found.done, *found.to_fetch, *found.unknown)}
        if self._plan.once:
            self._pass_over(self._on_disk(found, {os.path.realpath(file) for file in shown}))
        self._take_over(ledger, found.to_fetch[: len(self.to_send)])
        self._meet_unknown(found.unknown[: len(self.to_send)])
        self._say_what_is_fetched()

    def _earlier(self, ledger: Ledger) -> Earlier:
        if not self._plan.once:
            waiting = ledger.by_content(self._plan.content, State.ANSWER, State.PENDING)
            return earlier.unfetched(waiting, takes=self._plan.settings.checks_text)
        return earlier.once(ledger.by_content(self._plan.content), on_disk=earlier.on_disk)

    def _next(self, number: int | None = None) -> int:
        """The number of a picture that need not be asked for; `number` if it is one."""
        taken = number if number in self.to_send else self.to_send[0]
        self.to_send.remove(taken)
        return taken

    def _on_disk(self, found: Earlier, shown: Collection[str]) -> list[_There]:
        """Every picture that is there and not shown yet.

        Sidecars are the second witness, for a ledger that was lost or is elsewhere.
        """
        there = []
        for entry in found.done:
            files = tuple(SavedFile(**record) for record in entry.files)
            if not any(os.path.realpath(file.file) in shown for file in files):
                there.append(_There(files, entry))
        counted = {entry.id for entry in (*found.done, *found.to_fetch)}
        for number in self.to_send:
            if path := earlier.same_picture(self._plan, self._job(number).target, counted):
                there.append(_There((found_file(path),)))
        return there

    def _pass_over(self, there: Sequence[_There]) -> None:
        """Each has the number of its name, so that no other picture takes that name."""
        names = {self._job(number).target.existing(): number for number in self.to_send}
        owner = {os.path.realpath(path): number for path, number in names.items() if path}
        own = [owner.get(os.path.realpath(picture.files[0].file)) for picture in there]
        wanted = list(zip(there, own, strict=True))[: len(self.to_send)]
        for picture, number in sorted(wanted, key=lambda pair: pair[1] is None):
            self._there(self._next(number), picture)

    def _there(self, n: int, picture: _There) -> None:
        """A picture that is there: told, or to be read first."""
        files, entry = picture
        outcome = skipped(self._plan, n, files, entry.id if entry else None)
        rules = self._plan.text_rules
        if rules is None:
            self._report(outcome._replace(checked=self._plan.settings.checks_text))
            return
        retakes = 0
        if entry is not None:
            from cogview_cli.ledger.takes import outlook, takes_of

            retakes = outlook(takes_of(self._by_key[entry.key]), rules).left
        key = entry.key if entry else self._job(n).key
        self.to_check.append(_Check(n, key, outcome, retakes))

    def _take_over(self, ledger: Ledger, entries: Sequence[Entry]) -> None:
        """What is paid is fetched, or left to another process that has just begun to."""
        ours = ledger.take_over(entry.id for entry in entries) if entries else set()
        for entry in entries:
            if entry.id in ours:
                more = self._plan.settings.retake if self._plan.wanted else 0
                self.to_fetch.append(_Fetch(self._next(), entry, more))
            elif self._plan.once:
                self._report(bare(self._plan, self._next())._replace(problem=claimed()))

    def _meet_unknown(self, entries: Sequence[Entry]) -> None:
        """What is missing may have been paid: that is said, or it is asked for once more."""
        if self._plan.settings.on_unknown == "retry":
            self._repeated = dict(zip(self.to_send, entries, strict=False))
            return
        for entry in entries:
            self._report(unknown(self._plan, self._next(), entry))

    def _free_key(self) -> str:
        """The first key under which nothing is there, lost or waiting.

        Several runs at once pick the same one, so that a single one pays. A picture that is
        gone leaves its key, and with it the name that its sidecar keeps.
        """
        while (key := self._job(self._first_free).key) in self._busy:
            self._first_free += 1
        self._busy.add(key)
        return key

    def _give_back(self, key: str) -> None:
        """The link of the picture with this key is dead."""
        self._busy.discard(key)
        self._first_free = 1

    def _say_what_is_fetched(self) -> None:
        if self.to_fetch and not self._plan.style.quiet:
            output.say(
                _n(
                    "{count} picture is paid already: fetched first",
                    "{count} pictures are paid already: fetched first",
                    len(self.to_fetch),
                )
            )

    def _report(self, outcome: Outcome) -> None:
        self._counts[outcome.status] += 1
        self._told(outcome)

    # The run.

    async def run(self, opened: session.OpenSession, reporter: Reporter) -> ExitCode | None:
        """Does it all, reporting each outcome; what ended the run, if anything did."""
        plan = self._plan
        width = session.slots_width(plan.settings, plan.request.model)
        pictures = len(self.to_check) + len(self.to_fetch) + len(self.to_send)
        progress = GenProgress(plan.request, pictures, reporter, plan.style)

        def report(outcome: Outcome) -> None:
            progress.done()
            self._report(outcome)

        with reporter.working(progress.text()):
            async with (
                session.open_job_runner(
                    opened, plan.settings, progress.note, width, plan.deadline
                ) as runner,
                progress.ticking(),
                self._reading(runner, opened.ledger),
            ):
                await self._go_through(runner, width * 2, report)
                reason = runner.stop_reason
        ended = reason.exit_code if reason and not _tells_itself(reason) else None
        self._hint(ended)
        return ended

    @asynccontextmanager
    async def _reading(self, runner: JobRunner, ledger: Ledger) -> AsyncIterator[None]:
        """What reads the pictures while the run goes on, if it is to."""
        if not self._plan.settings.checks_text:
            yield
            return
        from cogview_cli.engine.takes import TakeRunner
        from cogview_cli.textcheck.checker import TextChecker

        async with TextChecker(strict=self._plan.settings.strict_text) as checker:
            self._takes = TakeRunner(runner, ledger, checker)
            runner.promise(self._plan.price(len(self.to_send)).known)
            yield

    async def _go_through(
        self, runner: JobRunner, width: int, report: Callable[[Outcome], None]
    ) -> None:
        fetches, numbers, checks = iter(self.to_fetch), iter(self.to_send), iter(self.to_check)
        first = (partial(self._fetch, runner, fetch) for fetch in fetches)
        then = (partial(self._send, runner, number) for number in numbers)
        last = (partial(self._check, check) for check in checks)
        lists: tuple[Sequence[object], ...] = (self.to_fetch, self.to_send, self.to_check)
        works: tuple[Iterator[pool.Task], ...] = (first, then, last)
        for work, wanted in zip(works, lists, strict=True):
            if wanted:
                lane = pool.Lane(work, min(len(wanted), width))
                await pool.run_all(runner, [lane], report, hint="")
        for check in checks:
            report(check.outcome)
        for n, entry, _retakes in fetches:
            report(numbered(await runner.put_off(entry), n))
        for number in numbers:
            report(runner.never_sent(self._job(number)))

    def _send(self, runner: JobRunner, number: int) -> Awaitable[Outcome]:
        return (self._takes or runner).run(self._asked_for(number))

    def _check(self, check: _Check) -> Awaitable[Outcome]:
        assert self._takes is not None
        return self._takes.look_again(self._job(check.n, key=check.key), check.outcome)

    def _asked_for(self, number: int) -> Job:
        """One picture as a job; that of a repetition has the key of what it repeats."""
        if not self._plan.once:
            return self._job(number)
        lost = self._repeated.get(number)
        key = lost.key if lost else self._free_key()
        return self._job(number, key=key)._replace(known=self._asked.get(key, frozenset()))

    async def _fetch(self, runner: JobRunner, fetch: _Fetch) -> Outcome:
        """A picture that is paid; another one is asked for where its link is dead."""
        n, entry, _retakes = fetch
        outcome = await runner.finish(self._placed(entry, n))
        if outcome.problem and outcome.problem.code == State.EXPIRED:
            self._give_back(entry.key)
            return await self._send(runner, n)
        if self._takes is not None:
            job = self._job(n, key=entry.key)._replace(namespace=entry.namespace)
            outcome = await self._takes.judged(job, outcome._replace(cost=Decimal(0)))
            return outcome._replace(row=1, n=n)
        return numbered(outcome, n)

    def _placed(self, entry: Entry, n: int) -> Entry:
        """The request where it belongs: to overwrite is what this command asks for."""
        if self._plan.destination.on_exists != "overwrite" or entry.take > 1:
            return entry
        from cogview_cli.pictures.placing import kept_unverified

        target = self._job(n).target.asked_now().record()
        return entry._replace(target=target, files=kept_unverified(entry.files))

    def _hint(self, ended: ExitCode | None) -> None:
        plan, signalled = self._plan, ended in SIGNALS
        hint = hint_for_the_rest(
            self._counts,
            images=plan.images,
            once=plan.once,
            signalled=signalled,
            sandbox=plan.settings.sandbox,
        )
        if hint:
            output.say(f"hint: {hint}")


def _tells_itself(reason: Problem) -> bool:
    """Whether a stop shows in the outcome of every picture that it left out, and only there."""
    return reason.code.startswith("budget") or reason.code == DEADLINE
