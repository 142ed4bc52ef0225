"""`cogview sandbox`: the API's stand-in on loopback, in the foreground."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cogview_cli.api.models import TIER_SLOTS
from cogview_cli.cli import completion
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.i18n import _
from cogview_cli.sandbox.deferred_faults import QUEUE_SETTINGS, QueueSettings
from cogview_cli.sandbox.dialects import BASES, VENDOR
from cogview_cli.terminal import output

_SETTINGS = ", ".join(QUEUE_SETTINGS)
EPILOG = _(
    "A prompt with sandbox:NAME provokes a fault, sandbox:NAMExK only the first K times,"
    " such as 'a cat sandbox:1302x2'. NAME is any code of the vendor (1301, 1302, 1113, 500 …)"
    " or one of those that this lists: cogview help sandbox",
)


def sandbox(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help=_("0 takes a free one."))
    ] = 8421,
    tier: Annotated[
        str,
        typer.Option(
            "--tier",
            metavar="TIER",
            help=_("V0 (5 at once), V1 (10), V2 (15), V3 (20)."),
            autocompletion=completion.tier,
        ),
    ] = "V0",
    latency: Annotated[
        str,
        typer.Option(
            "--latency", metavar="SECONDS", help=_("Seconds a picture takes: 5-10, or 2.")
        ),
    ] = "0",
    hd_latency: Annotated[
        str | None,
        typer.Option(
            "--hd-latency",
            metavar="SECONDS",
            help=_("The same for quality hd. [default: --latency]"),
        ),
    ] = None,
    download_latency: Annotated[
        str,
        typer.Option(
            "--download-latency", metavar="SECONDS", help=_("Seconds before a picture is served.")
        ),
    ] = "0",
    queue_latency: Annotated[
        str,
        typer.Option(
            "--queue-latency", metavar="SECONDS", help=_("Seconds a batch of the queue takes.")
        ),
    ] = "1-2",
    queue_limit: Annotated[
        int | None,
        typer.Option(
            "--queue-limit",
            metavar="N",
            min=1,
            help=_("Requests that may wait in the queue. [default: the vendor's 10,000]"),
        ),
    ] = None,
    queue_fault: Annotated[
        list[str] | None,
        typer.Option(
            "--queue-fault",
            metavar="NAME",
            help=_("A fault of the queue, NAMExK only K times: {names}.", names=_SETTINGS),
        ),
    ] = None,
    dialect: Annotated[
        str,
        typer.Option(
            "--dialect",
            metavar="NAME",
            help=_("bigmodel, or openai: as Xinference, SGLang and vLLM-Omni speak."),
        ),
    ] = VENDOR,
    quiet: Annotated[bool, typer.Option("--quiet", help=_("Print only the base URL."))] = False,
) -> None:
    """Run a stand-in of the API on 127.0.0.1 until Ctrl-C: no key, no network, no cost."""
    import asyncio

    from cogview_cli.sandbox.server import Sandbox

    if tier.upper() not in TIER_SLOTS:
        raise UsageError(
            _("tier '{tier}' is unknown", tier=tier),
            hint=_("use one of: {names}", names=", ".join(TIER_SLOTS)),
        )
    if dialect not in BASES:
        raise UsageError(
            _("dialect '{name}' is unknown", name=dialect),
            hint=_("use one of: {names}", names=", ".join(BASES)),
        )
    server = Sandbox(
        port=port,
        tier=tier.upper(),
        latency=_range(latency),
        hd_latency=_range(hd_latency or latency),
        download_latency=_range(download_latency),
        queue_latency=_range(queue_latency),
        queue_limit=queue_limit,
        queue_faults=_queue_faults(queue_fault or []),
        dialect=dialect,
    )
    asyncio.run(_serve(server, dialect, quiet))


def _range(text: str) -> tuple[float, float]:
    """`5-10` or `2` as least and most seconds."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:-\s*([0-9]+(?:\.[0-9]+)?))?\s*", text)
    if not match or float(match[2] or match[1]) < float(match[1]):
        raise UsageError(
            _("'{text}' is not a range of seconds", text=text), hint=_("give 5-10, or 2")
        )
    return float(match[1]), float(match[2] or match[1])


def _queue_faults(names: list[str]) -> list[str]:
    """The names as given. UsageError if one is none."""
    for name in names:
        try:
            QueueSettings([name])
        except ValueError:
            raise UsageError(
                _("'{name}' is no fault of the queue", name=name),
                hint=_("use one of: {names}", names=_SETTINGS),
            ) from None
    return names


async def _serve(server: object, dialect: str, quiet: bool) -> None:
    import asyncio
    import signal
    from contextlib import suppress

    from cogview_cli.sandbox.openai_api import SERVED
    from cogview_cli.sandbox.server import Sandbox

    assert isinstance(server, Sandbox)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), stop.set)
    try:
        await server.start()
    except OSError as error:
        raise MachineError(
            _("cannot listen: {why}", why=error.strerror or error),
            hint=_("--port 0 takes a free port"),
        ) from None
    try:
        output.write_line(server.base_url)
        if not quiet:
            options = "" if dialect == VENDOR else f" -m {SERVED[0]} --response-format b64_json"
            command = f"COGVIEW_API_KEY=any cogview gen '猫' --base-url {server.base_url}{options}"
            output.say(_("try: {command}", command=command))
            output.say(_("books: {url}   stop: Ctrl-C", url=f"{server.origin}/sandbox/books"))
        await stop.wait()
    finally:
        await server.stop()
    if not quiet:
        output.say(_("booked: {cost} CNY", cost=server.books.cost))
