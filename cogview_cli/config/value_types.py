"""The kinds of value a setting can hold: how text becomes a value, and which TOML types fit.

A parser raises ValueError with words that fit after the setting's name, such as
`takes a whole number from 1`, in the user's language. It never repeats a value that
may hold a secret.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cogview_cli.api import models
from cogview_cli.config.secret import Secret
from cogview_cli.i18n import _

MAX_SECONDS = 7 * 24 * 3600.0
GENERATIONS_PATH = "/images/generations"
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_WHOLE = r"[0-9]{1,6}"
_CURRENCY = r"[A-Z]{3}"
_NUMBER = r"[0-9]{1,12}(\.[0-9]{1,12})?"
# Brackets hold an IPv6 address and nothing stands beside them: readers of `[::1]x` differ.
_AUTHORITY = r"(?:[^@]*@)?(?:\[[0-9A-Fa-f:.]+(?:%[^\[\]]*)?\]|[^\[\]:]+)(?::[0-9]*)?"


class ValueType(NamedTuple):
    """One kind of value: `parse` reads text, `types` are the TOML types taken in the file.

    `words` say what it takes, in the user's language. `values` lists all of them
    if they are few.
    """

    parse: Callable[[str], object]
    types: tuple[type, ...]
    words: str
    values: tuple[str, ...] = ()

    def read(self, value: object) -> object:
        """The setting's value for a value from a TOML file or a flag."""
        # bool is an int in Python, but `jobs = true` is a mistake.
        if not isinstance(value, self.types) or (
            isinstance(value, bool) and bool not in self.types
        ):
            raise takes(self.words)
        return self.parse(to_text(value))


def takes(words: str) -> ValueError:
    """The error of a value that is not what `words` say."""
    return ValueError(_("takes {words}", words=words))


def to_text(value: object) -> str:
    """A value as the text its parser reads."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | float):
        return _digits(Decimal(str(value)))
    if isinstance(value, Mapping | list):
        return json.dumps(value, default=_plain)
    return value.reveal() if isinstance(value, Secret) else str(value)


def _plain(value: object) -> object:
    """What JSON does not know, inside a table. ValueError for what a body cannot hold."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Secret):
        return value.reveal()
    raise ValueError(_("takes text, numbers, true, false, lists and tables"))


def _digits(number: Decimal) -> str:
    """Plain digits where they are few; `1e999999` stays as it is and is refused."""
    small = number.is_finite() and abs(number.adjusted()) < 20
    return format(number, "f") if small else str(number)


def to_toml(value: object) -> str | int | float | bool | dict[str, Any]:
    """A parsed value as the config file keeps it; money as text, so it stays exact.

    A table is kept as JSON where it holds a null, which TOML does not have.
    """
    if isinstance(value, Mapping):
        text = to_text(value)
        return text if "null" in text else dict(json.loads(text))
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    return value if isinstance(value, bool | int) else to_text(value)


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise ValueError(_("takes text that is not blank"))
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in stripped):
        raise ValueError(_("takes text without control characters"))
    return stripped


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(_("takes true or false"))
    return word in _TRUE


def _number(text: str, rule: str) -> Decimal:
    if not re.fullmatch(_NUMBER, text.strip()):
        raise ValueError(rule)
    return Decimal(text.strip())


def _money(text: str) -> Decimal:
    return _number(text, _("takes an amount of money, 0 or more, such as 5 or 0.60"))


def _wait(text: str) -> float:
    rule = _("takes seconds, 0 to {most:.0f}", most=MAX_SECONDS)
    seconds = float(_number(text, rule))
    if seconds > MAX_SECONDS:
        raise ValueError(rule)
    return seconds


def _timeout(text: str) -> float:
    rule = _("takes seconds, more than 0 and at most {most:.0f}", most=MAX_SECONDS)
    seconds = float(_number(text, rule))
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(rule)
    return seconds


def _base_url(text: str) -> str:
    """The URL without a trailing slash and without the path that is added to it."""
    url = _text(text).rstrip("/").removesuffix(GENERATIONS_PATH).rstrip("/")
    if re.search(r"[\s\\]", url) or "?" in url or "#" in url:
        raise ValueError(_("takes a URL without spaces, backslashes, '?' and '#'"))
    parts = urlsplit(url)  # raises ValueError for a broken IPv6 address
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(
            _("takes a URL that starts with https://, such as https://api.z.ai/api/paas/v4")
        )
    if not re.fullmatch(_AUTHORITY, parts.netloc) or not _is_host(parts.hostname):
        raise ValueError(_("takes a URL with a host that can be looked up"))
    if parts.port == 0:  # raises ValueError above 65535
        raise ValueError(_("takes a URL with a port from 1 to 65535"))
    return url


def _is_host(host: str) -> bool:
    """Whether the domain name system has room for `host` (RFC 1035, RFC 5891)."""
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(0 < len(label) < 64 for label in labels):
        return False
    if host.isascii() and "xn--" not in host:
        return True
    import idna

    try:
        return bool(idna.decode(idna.encode(host)))
    except UnicodeError:
        return False


def _size(text: str) -> str:
    size = _text(text)
    if not models.parse_size(size) and not models.parse_ratio(size):
        names = ", ".join(models.PRESET_NAMES)
        raise ValueError(
            _("takes WIDTHxHEIGHT (1440x720), a ratio (16:9) or one of: {names}", names=names)
        )
    return size


def _user_id(text: str) -> str:
    if len(user_id := _text(text)) not in models.USER_ID_LENGTH:
        raise ValueError(_("takes 6 to 128 characters"))
    return user_id


def _currency(text: str) -> str:
    name = text.strip().upper()
    if not re.fullmatch(_CURRENCY, name):
        raise ValueError(_("takes a currency of three letters, such as CNY, USD or EUR"))
    return name


def whole(least: int, most: int | None = None) -> ValueType:
    """A whole number from `least`, to `most` where there is such a bound."""
    rule = _("a whole number from {least}", least=least)
    if most is not None:
        rule = _("a whole number from {least} to {most}", least=least, most=most)

    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(_WHOLE, text.strip()) else -1
        if number < least or (most is not None and number > most):
            raise takes(rule)
        return number

    return ValueType(parse, (int,), rule)


def choice(*names: str, **aliases: str) -> ValueType:
    """One of `names`, in any letter case; `aliases` are other words for some of them."""
    spelling = {**{name.lower(): name for name in names}, **aliases}
    rule = _("one of: {names}", names=", ".join(names))

    def parse(text: str) -> str:
        if text.strip().lower() not in spelling:
            raise takes(rule)
        return spelling[text.strip().lower()]

    return ValueType(parse, (str,), rule, names)


TEXT = ValueType(_text, (str,), _("text in quotes"))
BOOL = ValueType(_bool, (bool,), _("true or false, without quotes"), ("true", "false"))
MONEY = ValueType(_money, (int, float, Decimal, str), _("an amount of money"))
CURRENCY = ValueType(_currency, (str,), _('text in quotes, such as "USD"'))
TIMEOUT = ValueType(_timeout, (int, float, Decimal), _("a number of seconds, without quotes"))
WAIT = ValueType(_wait, (int, float, Decimal), _("a number of seconds, without quotes"))
URL = ValueType(_base_url, (str,), _("a URL in quotes"))
SIZE = ValueType(_size, (str,), _('text in quotes, such as "1440x720"'))
USER_ID = ValueType(_user_id, (str,), _("text in quotes"))
# A key is checked when it is used: --sandbox and --dry-run need none.
SECRET = ValueType(Secret, (str,), _("text in quotes"))
