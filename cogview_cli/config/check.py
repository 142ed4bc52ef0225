"""What `config check` looks at. It sends GETs, never a POST, so it cannot cost anything."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cogview_cli.api import models
from cogview_cli.api.dialects import server_of
from cogview_cli.api.protocol import Answer, ApiError, decode
from cogview_cli.config import store
from cogview_cli.config.declarations import NO_AUTH
from cogview_cli.config.keys import key_if_any
from cogview_cli.config.secret import Secret
from cogview_cli.config.served import json_in, models_in
from cogview_cli.config.settings import Settings, check_base_url, shown_origin
from cogview_cli.disk.home import expand_home
from cogview_cli.disk.probe import Abilities, try_folder, try_lock
from cogview_cli.errors import AccountError, CogviewError, MachineError, Temporary, UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.terminal.text import clean

MODELS = "/models"
MODELS_SHOWN = 8
NO_RESULT = "/async-result/cogview-check"
PROBE_SECONDS = 10.0
MAX_ANSWER_BYTES = 1 << 16
MAX_MODELS_BYTES = 1 << 20  # a gateway may have thousands
LOW_SPACE = 200 * 2**20
CLOCK_SECONDS = 300
_REFUSED_CODES = {"1000", "1001", "1002", "1003", "1004", "1005", "1220"}


# The subjects: as scripts read them, and as people do.
SUBJECTS = {
    "config file": _("config file"),
    "output folder": _("output folder"),
    "state folder": _("state folder"),
    "ledger": _("ledger"),
    "base URL": _("base URL"),
    "key": _("key"),
    "network": _("network"),
    "API": "API",
    "model": _("model"),
    "clock": _("clock"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report, on one of SUBJECTS; ok, warn or fail. A fail has an error."""

    subject: str
    status: str
    text: str
    error: CogviewError | None = None


def _ok(subject: str, text: str) -> Finding:
    return Finding(subject, "ok", text)


def _warn(subject: str, text: str) -> Finding:
    return Finding(subject, "warn", text)


def _fail(subject: str, error: CogviewError) -> Finding:
    return Finding(subject, "fail", error.message, error)


def run_checks(
    settings: Settings,
    environ: Mapping[str, str] | None = None,
    *,
    ledger: Callable[[Path], Finding | None] | None = None,
) -> Iterator[Finding]:
    """Every finding, as soon as it is known; `ledger` looks at the one in a folder."""
    yield _config_finding(store.config_path(environ))
    yield _folder_finding("output folder", output_folder(settings.output))
    try:
        folder = store.state_dir(environ)
        yield _state_finding(folder)
        if ledger and (found := ledger(folder)):
            yield found
    except MachineError as error:
        yield _fail("state folder", error)
    try:
        check_base_url(settings.base_url, allow_http=settings.allow_http)
    except MachineError as error:
        yield _fail("base URL", error)
        return
    yield from _key_and_network(settings)


def _config_finding(path: Path) -> Finding:
    missing = _("{path} (none yet; not needed)", path=path)
    return _ok("config file", f"{path}" if path.exists() else missing)


def output_folder(output: str | None) -> Path:
    """The folder that `output` (a file, folder or template) leads to."""
    if output is None or output == "-":
        return Path.cwd()
    path = Path(expand_home(output.split("{")[0] if "{" in output else output))
    is_folder = path.is_dir() or output.endswith(("/", os.sep))
    return Path.cwd() / (path if is_folder else path.parent)


def _folder_finding(subject: str, folder: Path) -> Finding:
    """Whether files can be created there; a missing folder is judged by its nearest parent."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        found = try_folder(place)
    except OSError as error:
        message = _("{place}: no file can be made there: {why}", place=place, why=error.strerror)
        hint = _("look at it: ls -ld {place}", place=place)
        return _fail(subject, MachineError(message, hint=hint))
    return _poor_disk(subject, folder, found) or _space_finding(subject, folder, found.free)


def _poor_disk(subject: str, folder: Path, found: Abilities) -> Finding | None:
    """What the file system lacks, for which there is a way around."""
    if not found.atomic_names:
        text = _(
            "{folder}: writable, with neither hard links nor exclusive renames:"
            " another program may replace a new file",
            folder=folder,
        )
        return _warn(subject, text)
    if not found.folder_sync and os.name != "nt":
        text = _(
            "{folder}: writable, but new names cannot be synced:"
            " a power cut may lose the last pictures",
            folder=folder,
        )
        return _warn(subject, text)
    return None


def _state_finding(folder: Path) -> Finding:
    found = _folder_finding("state folder", folder)
    if found.error or not folder.is_dir():
        return found
    try:
        try_lock(folder)
    except OSError as error:
        message = _("{folder}: files cannot be locked there: {why}", folder=folder, why=error)
        hint = _("set COGVIEW_STATE_DIR to a folder on a local disk")
        return _fail("state folder", MachineError(message, hint=hint))
    return found


def ledger_finding(folder: Path, count: Callable[[Path], int | None]) -> Finding | None:
    """Whether the ledger in `folder` is sound and can be written, by `count`; None without."""
    try:
        requests = count(folder)
    except CogviewError as error:
        return _fail("ledger", error)
    if requests is None:
        return None
    return _ok("ledger", _n("sound, {count} request", "sound, {count} requests", requests))


def _space_finding(subject: str, folder: Path, free: int) -> Finding:
    gib = free / 2**30
    if free >= LOW_SPACE:
        text = _("{folder}: writable, {gib:.1f} GiB free", folder=folder, gib=gib)
        return _ok(subject, text)
    text = _("{folder}: writable, {gib:.1f} GiB free, which is little", folder=folder, gib=gib)
    return _warn(subject, text)


def _key_and_network(settings: Settings) -> Iterator[Finding]:
    key = None
    try:
        key = key_if_any(settings)
        yield _key_finding(settings, key)
    except CogviewError as error:
        yield _fail("key", error)
    try:
        answer, served = probe(settings, key)
    except CogviewError as error:
        yield _fail("network", error)
        return
    yield _ok("network", _("{host} answers", host=urlsplit(settings.base_url).netloc))
    if served is None:
        judged = _without_key if settings.auth == NO_AUTH else judge
        yield judged(settings.base_url, answer, key is not None)
    else:
        yield _ok("API", _("answers, and names its models"))
        yield model_finding(settings, served)
    yield _clock_finding(answer.headers.get("date", ""))


def _key_finding(settings: Settings, key: Secret | None) -> Finding:
    if key is None:
        return _ok("key", _('none: auth = "none"'))
    return _ok("key", _("{key} from {source}", key=key.masked(), source=key_source(settings)))


def model_finding(settings: Settings, served: list[str]) -> Finding:
    """Whether the server has the model, by the name that a request would say."""
    wanted = settings.model if settings.size_rules else models.wire_name(settings.model)
    if wanted in served or any("*" in name for name in served):
        return _ok("model", _("{model} is served", model=wanted))
    names = clean(", ".join(served[:MODELS_SHOWN]), 400) or _("none")
    more = "…" if len(served) > MODELS_SHOWN else ""
    return _fail(
        "model",
        UsageError(
            _("{model} is not served there; it has: {names}", model=wanted, names=names + more),
            hint=_("run: cogview config set model NAME, with --profile if it is a profile's"),
        ),
    )


def key_source(settings: Settings) -> str:
    """Where the key comes from, as `config show --origin` names it."""
    name = "api_key" if settings.api_key is not None else "api_key_command"
    source = shown_origin(settings.origins.get(name, "default"))
    return source if name == "api_key" else f"{name} ({source})"


def probe(settings: Settings, key: Secret | None) -> tuple[Answer, list[str] | None]:
    """Asks for the models, or for a result that does not exist; what tells about key and server.

    With the names of the models, if the server lists them: the vendor's does not. On the way
    that a request for an image takes. Raises Temporary, MachineError.
    """
    import asyncio

    from cogview_cli.api.client import AnswerLost, NotSent

    host = urlsplit(settings.base_url).netloc
    try:
        return asyncio.run(_asked(settings, key))
    except (NotSent, AnswerLost) as error:
        raise Temporary(
            _("{host}: no answer: {why}", host=host, why=clean(error)),
            hint=_("check the network, then: cogview config check"),
        ) from None


async def _asked(settings: Settings, key: Secret | None) -> tuple[Answer, list[str] | None]:
    from cogview_cli.api.client import ApiClient

    base_url, headers = settings.base_url, settings.headers or {}
    client = ApiClient(base_url, key, timeout=PROBE_SECONDS, headers=headers)
    try:
        if not server_of(base_url).vendor:
            listed = await client.get(MODELS, limit=MAX_MODELS_BYTES)
            served = models_in(listed)
            if served is not None or listed.status in (401, 403):
                return listed, served
        return await client.get(NO_RESULT, limit=MAX_ANSWER_BYTES), None
    finally:
        await client.close()


def _without_key(base_url: str, answer: Answer, _with_key: bool) -> Finding:
    """As `judge`, for a server that is said to have no keys."""
    if answer.status in (401, 403):
        hint = _('take auth = "none" out of the profile, then: cogview config set api-key')
        return _fail("API", AccountError(_("the server asks for a key"), hint=hint))
    if json_in(answer.raw) is None or 300 <= answer.status < 400:
        return _fail("API", _not_the_api(base_url, answer))
    return _ok("API", _("answers"))


def judge(base_url: str, answer: Answer, with_key: bool) -> Finding:
    """What the answer says about the key, or that it does not come from the API."""
    body = json_in(answer.raw)
    decoded = decode(answer, server_of(base_url)) if body is not None else None
    code = decoded.code if isinstance(decoded, ApiError) else ""
    if answer.status in (401, 403) or code in _REFUSED_CODES:
        return _refused(code, with_key)
    if body is None or 300 <= answer.status < 400:
        return _fail("API", _not_the_api(base_url, answer))
    if not with_key:
        return _warn("API", _("answers, but there is no key to try"))
    if isinstance(decoded, ApiError) and code:
        return _ok(
            "API", _("accepts the key (it answers {code}, as it should)", code=clean(code, 40))
        )
    if answer.status == 200 or _has_error(body):
        return _ok("API", _("accepts the key"))
    return _warn(
        "API", _("answers {status}, which says nothing about the key", status=answer.status)
    )


def _has_error(body: Any) -> bool:
    return isinstance(body, dict) and bool(body.get("error"))


def _refused(code: str, with_key: bool) -> Finding:
    if not with_key:
        return _ok("API", _("answers and asks for a key"))
    named = _("the key is refused ({code})", code=clean(code, 40))
    hint = _("run: cogview config set api-key with a valid key")
    return _fail("API", AccountError(named if code else _("the key is refused"), hint=hint))


def _not_the_api(base_url: str, answer: Answer) -> CogviewError:
    if answer.status in (408, 429) or answer.status >= 500:
        return Temporary(
            _("the server answers {status}", status=answer.status),
            hint=_("run again later: cogview config check"),
        )
    return MachineError(
        _("{url}: this is not the API (it answers {status})", url=base_url, status=answer.status),
        hint=_("run: cogview config set base-url https://open.bigmodel.cn/api/paas/v4"),
    )


def _clock_finding(date: str) -> Finding:
    try:
        away = time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return _ok("clock", _("the server names no time to compare with"))
    if abs(away) <= CLOCK_SECONDS:
        return _ok("clock", _("agrees with the server's"))
    minutes = abs(away) / 60
    ahead = _("{minutes:.0f} minutes ahead of the server's; set it right", minutes=minutes)
    behind = _("{minutes:.0f} minutes behind the server's; set it right", minutes=minutes)
    return _warn("clock", ahead if away > 0 else behind)
