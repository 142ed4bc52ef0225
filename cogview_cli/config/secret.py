"""The API key: kept out of every text by its type, and checked before it is used."""

from __future__ import annotations

from cogview_cli.errors import AccountError
from cogview_cli.i18n import _

_BLANKS = " \t\r\n"
_QUOTES = "\"'`"


class Secret:
    """Text that shows as *** wherever it is printed, formatted or logged."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        # A pickle would hold the plain text.
        raise TypeError("a Secret cannot be pickled")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def masked(self) -> str:
        """Enough to tell two keys apart: `sk-12…ef`; nothing of a short one."""
        return f"{self._value[:5]}…{self._value[-2:]}" if len(self._value) >= 24 else "***"


def ending(key: str) -> str:
    """The last four characters of a key, behind dots; nothing of a short one."""
    return f"…{key[-4:]}" if len(key) >= 24 else "***"


def clean_key(text: str, source: str) -> Secret:
    """The key without outer blanks; AccountError, which never repeats it, if it is invalid.

    `source`: where it comes from, in the user's language.
    """
    key = text.strip(_BLANKS)
    if fault := _key_fault(key):
        raise AccountError(
            _("the key from {source} {fault}", source=source, fault=fault),
            hint=_("run: cogview config set api-key"),
        )
    return Secret(key)


def _key_fault(key: str) -> str:
    """What is wrong, worded to follow "the key from …"; empty if nothing is."""
    if not key:
        return _("is empty")
    if key.lower().partition(" ")[0] == "bearer":
        return _("begins with Bearer; give it without that")
    if any(char in _QUOTES for char in key):
        return _("has quotes in it; give it without them")
    if not key.isascii():
        return _("has characters outside ASCII")
    if any(char in _BLANKS for char in key):
        return _("has a blank or a line break in it")
    return "" if key.isprintable() else _("has control characters in it")
