"""Requests found by the words of their prompts, streamed: a ledger may hold very many."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from cogview_cli.ledger.entry import COLUMNS, Entry, State, entry_of

# Rows read at once. No read stays open between two pages: it would keep every writer waiting
# for as long as somebody looks at a pager.
PAGE = 500
_FIRST_PAGE = 50
# What NFKC makes of the punctuation of Chinese text.
_PUNCTUATION = tuple(zip("，：；！？（）", ",:;!?()", strict=True))
# Runs a query that only reads.
Ask = Callable[..., Sequence[sqlite3.Row]]


class Search(NamedTuple):
    """What is looked for: requests with all `words` in the prompt, asked in [since, until).

    `limit`: only so many, the newest ones. Times are Unix seconds.
    """

    words: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    state: State | None = None
    limit: int | None = None


def folded(text: str) -> str:
    """`text` as it is compared: full width, composed and capital letters make no difference."""
    return _composed(_composed(text).casefold())


def _composed(text: str) -> str:
    if text.isascii():
        return text
    for wide, narrow in _PUNCTUATION:
        text = text.replace(wide, narrow)
    # Much faster to ask than to do; without its punctuation most Chinese text is done.
    done = unicodedata.is_normalized("NFKC", text)
    return text if done else unicodedata.normalize("NFKC", text)


def words_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The words to look for, out of what was typed."""
    return tuple(dict.fromkeys(word for text in texts for word in folded(text).split()))


def found(ask: Ask, search: Search) -> Iterator[Entry]:
    """The entries, without raw answers, in the order they were asked."""
    numbers = _with_words(ask, search) if search.words else None
    rows = _rows(ask, search) if numbers is None else _numbered(ask, numbers, search.limit)
    if search.limit is None:
        yield from map(entry_of, rows)
    else:
        newest = [entry_of(row) for row in islice(rows, search.limit)]
        yield from reversed(newest)


def _rows(ask: Ask, search: Search) -> Iterator[sqlite3.Row]:
    return chain.from_iterable(_pages(ask, search, COLUMNS))


def _pages(ask: Ask, search: Search, columns: str) -> Iterator[Sequence[sqlite3.Row]]:
    """All rows of the time and state, page by page; the newest first where there is a limit."""
    backwards = search.limit is not None
    where = (
        f"seq {'<' if backwards else '>'} ? AND (? IS NULL OR asked >= ?)"
        " AND (? IS NULL OR asked < ?) AND (? IS NULL OR state = ?)"
    )
    query = (
        f"SELECT {columns}, NULL AS answer FROM requests WHERE {where}"
        f" ORDER BY seq {'DESC' if backwards else 'ASC'} LIMIT ?"
    )
    times = (search.since, search.since, search.until, search.until)
    last, size = 2**62 if backwards else -1, _FIRST_PAGE
    while page := ask(query, (last, *times, search.state, search.state, size)):
        yield page
        last, size = page[-1]["seq"], PAGE


def _with_words(ask: Ask, search: Search) -> Iterator[int]:
    """The numbers of the rows whose prompt has all words; the rest of them is left unread."""
    for page in _pages(ask, search, "seq, body"):
        rows = [(row["seq"], row["body"]) for row in page]
        if _may_have(search.words, [body for _, body in rows]):
            yield from (number for number, body in rows if _has(search.words, body))


def _may_have(words: Sequence[str], bodies: Sequence[str]) -> bool:
    """False if the bodies together lack a word: a rare one is looked for in a page at once."""
    text = folded("\n".join(bodies))
    return all(word in text for word in words if _is_plain(word))


def _is_plain(word: str) -> bool:
    """Whether JSON shows it as it is; an accent would join the last letter of an escape."""
    escaped = '"' in word or "\\" in word or not word.isprintable()
    return not escaped and not unicodedata.combining(word[0])


def _has(words: Sequence[str], body: str) -> bool:
    prompt = folded(str(json.loads(body).get("prompt", "")))
    return all(word in prompt for word in words)


def _numbered(ask: Ask, numbers: Iterator[int], limit: int | None) -> Iterator[sqlite3.Row]:
    """These rows, at most `limit`, in the order of their numbers; the first ones at once."""
    order, wanted, size = "ASC" if limit is None else "DESC", islice(numbers, limit), 1
    while some := list(islice(wanted, size)):
        marks = ", ".join("?" * len(some))
        query = f"SELECT {COLUMNS}, NULL AS answer FROM requests WHERE seq IN ({marks})"
        yield from ask(f"{query} ORDER BY seq {order}", some)
        size = min(PAGE, size * 8)
