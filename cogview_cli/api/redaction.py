"""Blots a key out of what a server sends, however it spells it. Pure."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

BLOT = b"***"
# A shorter one, such as a test's, may be part of any word. A real one has about 49 characters.
LEAST_LENGTH = 12
# Escapes of escapes, as where one answer quotes another.
NESTED = 4
# Looked at in pieces, so that an answer full of escapes takes bounded memory.
_PIECE, _LONGEST_SPELLING = 2**20, 2**13
_PRINTABLE = rb"([2-7][0-9a-fA-F])"


class Redactor:
    """Finds one key in bytes and text: plain, escaped for JSON, URLs or HTML, in UTF-16 or UTF-32.

    Escapes may be mixed and nested.
    """

    def __init__(self, secret: str) -> None:
        """`secret` is ASCII; one below LEAST_LENGTH is left alone."""
        self._secret = secret.encode() if len(secret) >= LEAST_LENGTH else b""

    def blotted(self, data: bytes) -> bytes:
        """`data` with a blot for every occurrence."""
        if not self._secret:
            return data
        data = self._in_ascii(data)
        narrow = data.translate(None, b"\0") if b"\0" in data else data
        if narrow is data or (hidden := self._in_ascii(narrow)) == narrow:
            return data
        # Told from UTF-8 as JSON is; what cannot be written so again stays without its zeros.
        encoding = json.detect_encoding(data)
        text = data.decode(encoding, "replace").encode("utf-8", "replace")
        again = self._in_ascii(text).decode().encode(encoding)
        return hidden if self._secret in again.translate(None, b"\0") else again

    def blotted_text(self, text: str) -> str:
        """`text` with a blot for every occurrence."""
        return self.blotted(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _in_ascii(self, data: bytes) -> bytes:
        """Without what is spelled in ASCII."""
        data = data.replace(self._secret, BLOT)
        kept, at = [], 0
        for start, end in _merged(self._spans(data)):
            kept += [data[at:start], BLOT]
            at = end
        return b"".join((*kept, data[at:])) if kept else data

    def _spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where escaped occurrences begin and end."""
        if not any(sign in data for sign in (b"\\", b"%", b"&")):
            return
        for offset in range(0, len(data), _PIECE):
            piece = data[offset : offset + _PIECE + _LONGEST_SPELLING]
            for start, end in self._spans_of_piece(piece):
                yield offset + start, offset + end

    def _spans_of_piece(self, text: bytes) -> Iterator[tuple[int, int]]:
        levels: list[_Unescaped] = []
        for _ in range(NESTED):
            level = _unescaped(text, self._escape)
            if not level.ends:
                return
            levels.insert(0, level)
            text = level.text
            for found in self._needle.finditer(text):
                start, end = found.span()
                for each in levels:
                    start, end = each.place(start), each.place(end)
                yield start, end

    @cached_property
    def _needle(self) -> re.Pattern[bytes]:
        """The key, also as it is once what looks like escapes in it is taken for such."""
        forms = [self._secret]
        for _ in range(NESTED):
            forms.append(_unescaped(forms[-1], self._escape).text)
        whole = {form for form in forms if len(form) >= LEAST_LENGTH}
        return re.compile(b"|".join(re.escape(form) for form in sorted(whole)))

    @cached_property
    def _escape(self) -> re.Pattern[bytes]:
        """One escape of one character; a backslash only where it matters for the key."""
        plain = b"[" + re.escape(self._secret + b"%&#;") + b"]"
        return re.compile(
            # A run of backslashes is looked at once, from its beginning.
            rb"(?<!\\)\\++(?:u00" + _PRINTABLE + rb"|x" + _PRINTABLE + rb"|(" + plain + rb"))"
            rb"|%"
            + _PRINTABLE
            + rb"|&#[xX]0*+"
            + _PRINTABLE
            + rb";|&#0*+([1-9][0-9]{1,2});|&(amp);"
        )


class Redactors:
    """The same for several secrets: the key, and headers of one's own."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._each = [Redactor(secret) for secret in dict.fromkeys(secrets)]

    def blotted(self, data: bytes) -> bytes:
        """`data` with a blot for every occurrence of each."""
        for redactor in self._each:
            data = redactor.blotted(data)
        return data

    def blotted_text(self, text: str) -> str:
        """`text` with a blot for every occurrence of each."""
        for redactor in self._each:
            text = redactor.blotted_text(text)
        return text


class _Unescaped(NamedTuple):
    """Bytes without one layer of escapes, and where each was: its end here and in the source."""

    text: bytes
    ends: list[int]
    sources: list[int]

    def place(self, at: int) -> int:
        """Where in the source the character at `at` begins, or the one before it ends."""
        last = bisect_right(self.ends, at) - 1
        return self.sources[last] + at - self.ends[last] if last >= 0 else at


def _unescaped(data: bytes, escape: re.Pattern[bytes]) -> _Unescaped:
    pieces: list[bytes] = []
    ends: list[int] = []
    sources: list[int] = []
    at = size = 0
    for found in escape.finditer(data):
        pieces += [data[at : found.start()], _character(found)]
        size += found.start() - at + 1
        at = found.end()
        ends.append(size)
        sources.append(at)
    return _Unescaped(b"".join((*pieces, data[at:])), ends, sources)


def _character(found: re.Match[bytes]) -> bytes:
    """What an escape stands for: one byte."""
    in_json, in_script, plain, percent, hex_number, number, _amp = found.groups()
    if plain:
        return plain
    if code := in_json or in_script or percent or hex_number:
        return bytes((int(code, 16),))
    return bytes((int(number) % 256,)) if number else b"&"


def _merged(spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order, those that overlap as one."""
    begun: tuple[int, int] | None = None
    for start, end in sorted(set(spans)):
        if begun and start < begun[1]:
            begun = begun[0], max(begun[1], end)
            continue
        if begun:
            yield begun
        begun = start, end
    if begun:
        yield begun
