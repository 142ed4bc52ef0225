"""The folders of settings and state, and the config file: found, read and rewritten safely."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cogview_cli.config import ownership, workspace
from cogview_cli.disk.home import no_home
from cogview_cli.disk.regular import NotRegular, read_regular
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

CONFIG_NAME = "config.toml"
LEDGER_NAME = "ledger.db"
STATE_VARIABLE, STATE_DIR = "COGVIEW_STATE_DIR", "state_dir"
MAX_CONFIG_BYTES = 1 << 20
# What others must not read.
KEY, HEADERS = "api_key", "headers"
SECRETS = (KEY, HEADERS)
# `model = cogview-4`; also with a blank in the text, and with a quote at one end only.
_UNQUOTED = r"\s*([\w-]+)\s*=\s*(?!(?i:true|false)\b)[^\s\"'\[{#0-9+.-][^\"'#]*[\"']?\s*(?:#.*)?"
_HEADER = r"\s*\[+\s*(.+?)\s*\]+\s*(#.*)?"


def config_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of config.toml: COGVIEW_CONFIG_DIR, or the platform's place."""
    env = os.environ if environ is None else environ
    return _folder("COGVIEW_CONFIG_DIR", "user_config_dir", env.get("COGVIEW_CONFIG_DIR"))


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The folder of the ledger: COGVIEW_STATE_DIR, `state-dir`, or the platform's place.

    With `auto` the platform's, or where that cannot be written the workspace's.
    """
    env = os.environ if environ is None else environ
    chosen = env.get(STATE_VARIABLE) or _configured_state(env)
    if chosen == workspace.AUTO:
        return replaced_state(env) or _folder(STATE_VARIABLE, "user_state_dir", None)
    return _folder(STATE_VARIABLE, "user_state_dir", chosen)


def replaced_state(environ: Mapping[str, str]) -> Path | None:
    """The workspace's state folder, where `auto` is chosen and the platform's is closed."""
    chosen = environ.get(STATE_VARIABLE) or _configured_state(environ)
    if chosen != workspace.AUTO:
        return None
    with suppress(MachineError):  # no home: nothing can be written there
        if not workspace.is_closed(_folder(STATE_VARIABLE, "user_state_dir", None)):
            return None
    return workspace.state_of_workspace(Path.cwd())


def _configured_state(environ: Mapping[str, str]) -> str | None:
    """`state-dir` of the config file, which is read as a whole only where it may hold it."""
    try:
        path = config_path(environ)
        if b"state" not in read_regular(path, MAX_CONFIG_BYTES)[0]:
            return None
    except (OSError, NotRegular, MachineError):
        return None
    found = (value for name, value in read(environ).data.items() if plain_name(name) == STATE_DIR)
    value = next(found, None)
    return value if isinstance(value, str) else None


def ledger_path(environ: Mapping[str, str] | None = None) -> Path:
    """The ledger's file, whether it exists or not."""
    return state_dir(environ) / LEDGER_NAME


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """The config file, whether it exists or not."""
    return config_dir(environ) / CONFIG_NAME


def _folder(variable: str, function: str, chosen: str | None) -> Path:
    """The folder that was chosen, by `variable` or otherwise, else the platform's."""
    folder = os.path.expanduser(chosen or _platform_folder(function))
    if folder.startswith("~"):
        # No HOME and no entry in the user database, or `~name` of a user that is unknown.
        raise no_home(
            _(
                "set HOME, or COGVIEW_CONFIG_DIR and COGVIEW_STATE_DIR to folders of your own,"
                " such as {variable}=/tmp/cogview",
                variable=variable,
            )
        )
    return Path(os.path.abspath(folder))


def _platform_folder(function: str) -> str:
    import platformdirs

    try:
        return str(getattr(platformdirs, function)("cogview", appauthor=False))
    except RuntimeError:  # newer ones say so where others leave the ~
        return "~"


class ConfigFile(NamedTuple):
    """What the config file holds; empty if there is none.

    `exposed`: there are headers in it, which may be secret, and others can read it.
    """

    path: Path
    text: str = ""
    data: Mapping[str, Any] = MappingProxyType({})
    exposed: bool = False

    @property
    def profiles(self) -> dict[str, Any]:
        """The `[profiles.NAME]` tables, by name."""
        found = self.data.get("profiles", {})
        return found if isinstance(found, dict) else {}

    def where(self, key: str, *table: str) -> str:
        """`path:line` of a key in a table; line 1 if the key is not found."""
        lines = (n for n, at, name in _keys(self.text) if at == table and name == key)
        return f"{self.path}:{next(lines, 1)}"


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Line, table and first word of each line that looks like a key or a header."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.fullmatch(_HEADER, line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split(".", 1))
            yield number, (), table[0]
            yield number, table[:-1], table[-1]
        elif "=" in line:
            yield number, table, line.split("=", 1)[0].strip().strip("\"'")


def read(environ: Mapping[str, str] | None = None) -> ConfigFile:
    """The config file, parsed; MachineError if it is broken or others have a hand in it."""
    path = config_path(environ)
    try:
        content, status = read_regular(path, MAX_CONFIG_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return ConfigFile(path)
    except NotRegular:
        raise MachineError(
            _("{path}: is not a config file", path=path),
            hint=_("look at it: ls -l {path}", path=path),
        ) from None
    except OSError as error:
        raise MachineError(
            _("{path}: cannot be read: {why}", path=path, why=error.strerror),
            hint=_("try: chmod 600 {path}", path=path),
        ) from error
    config = _parse(path, content)
    if not config.data:
        return config
    ownership.check_file(
        path, status, key=_holds(config.data, KEY), secret=_holds(config.data, *SECRETS)
    )
    exposed = _holds(config.data, HEADERS) and ownership.is_open(status)
    return config._replace(exposed=exposed)


def _parse(path: Path, content: bytes) -> ConfigFile:
    import tomllib

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _broken(path, line, _("is not UTF-8")) from None
    text = text.replace("\r\n", "\n")
    try:
        return ConfigFile(path, text, tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        line = _line_of(str(error), text)
        unquoted = _without_quotes(text.split("\n")[line - 1])
        raise _broken(path, line, _reason(str(error)), unquoted=unquoted) from None
    except (RecursionError, ValueError, ArithmeticError):
        raise _broken(path, 1, _("cannot be read as TOML")) from None


def _line_of(message: str, text: str) -> int:
    found = re.search(r"at line ([0-9]+)", message)
    return int(found[1]) if found else max(1, len(text.splitlines()))


def _reason(message: str) -> str:
    return _("broken TOML: {why}", why=message.split(" (at ")[0].replace("\n", " "))


def _without_quotes(line: str) -> str:
    """The key of a line whose text has no quotes; "" for any other. The text may be secret."""
    found = re.fullmatch(_UNQUOTED, line)
    return found[1] if found else ""


def _broken(path: Path, line: int, why: str, *, unquoted: str = "") -> MachineError:
    hint = _("edit line {line} of {path}", line=line, path=path)
    if unquoted:
        hint = _(
            'edit line {line} of {path}: text goes in quotes, {key} = "…"',
            line=line,
            path=path,
            key=unquoted,
        )
    return MachineError(_("{where}: {why}", where=f"{path}:{line}", why=why), hint=hint)


def _tables(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    profiles = data.get("profiles", {})
    named = list(profiles.values()) if isinstance(profiles, Mapping) else []
    return [data, *(table for table in named if isinstance(table, Mapping))]


def plain_name(name: str) -> str:
    """A setting's name as the program knows it: files may spell it with `-` or `_`.

    One that is a word of Python's own has a `_` behind it.
    """
    plain = name.replace("-", "_")
    return f"{plain}_" if iskeyword(plain) else plain


def _holds(data: Mapping[str, Any], *names: str) -> bool:
    return any(plain_name(name) in names for table in _tables(data) for name in table)


def edit(change: Callable[[TOMLDocument], None], environ: Mapping[str, str] | None = None) -> Path:
    """Rewrites the config file with `change` applied; comments and order stay."""
    import tomlkit

    config = read(environ)
    document = tomlkit.parse(config.text)
    change(document)
    if _holds(document, *SECRETS) and config.path.is_symlink():
        raise ownership.linked(config.path)
    try:
        _replace(config.path, tomlkit.dumps(document))
    except OSError as error:
        raise _unwritten(config.path, error) from error
    return config.path


def append(text: str, environ: Mapping[str, str] | None = None) -> Path:
    """Adds `text`, whole tables, at the end of the config file; the rest stays as it is."""
    config = read(environ)
    before = config.text if not config.text or config.text.endswith("\n") else config.text + "\n"
    whole = f"{before}\n{text}" if before else text
    _parse(config.path, whole.encode("utf-8"))
    try:
        _replace(config.path, whole)
    except OSError as error:
        raise _unwritten(config.path, error) from error
    return config.path


def _unwritten(path: Path, error: OSError) -> MachineError:
    return MachineError(
        _("{path}: cannot be written: {why}", path=path, why=error.strerror),
        hint=_("check the folder: ls -ld {folder}", folder=path.parent),
    )


def _replace(path: Path, text: str) -> None:
    """Puts `text` in place whole or not at all, readable by its owner only."""
    from cogview_cli.disk.atomic import replace_whole

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ownership.check_place(path)
    replace_whole(Path(os.path.realpath(path)), text.encode("utf-8"), 0o600)
