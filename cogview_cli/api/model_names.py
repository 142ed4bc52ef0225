"""A model's name that was probably meant. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from cogview_cli.api.models import MODELS, rules_for

_ALIKE = str.maketrans("oli", "011")
# Words shorter than that differ by one letter without being a misspelling of each other.
_LONG_WORD = 6


@lru_cache(maxsize=64)  # asked for each row, whose names are few
def near_miss(name: str) -> str | None:
    """The known model that `name` misspells; None if it is one, or may be another model.

    Other punctuation, letters that look like digits, and one or two wrong letters are a
    misspelling. Other digits are another version.
    """
    if rules_for(name):
        return None
    plain = _plain(name)
    alike = (
        known for known in MODELS if _plain(known).translate(_ALIKE) == plain.translate(_ALIKE)
    )
    misspelt = (known for known in MODELS if _is_misspelt(plain, _plain(known)))
    return next(alike, None) or next(misspelt, None)


def similar(name: str) -> str | None:
    """The known model whose name is most like `name`; None if none is much like it."""
    from difflib import get_close_matches

    found = get_close_matches(name.lower(), MODELS, n=1, cutoff=0.6)
    return found[0] if found else None


def _plain(name: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).casefold())


def _is_misspelt(name: str, known: str) -> bool:
    runs, wanted = (re.findall(r"\d+|\D+", text) for text in (name, known))
    if len(runs) != len(wanted):
        return False
    return all(_is_near(run, word) for run, word in zip(runs, wanted, strict=True))


def _is_near(run: str, word: str) -> bool:
    if run == word or word.isdigit() or run.isdigit():
        return run == word
    return edits(run, word) <= (2 if len(word) >= _LONG_WORD else 1)


def edits(first: str, second: str) -> int:
    """How many letters are to be changed, added, dropped or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, char in enumerate(first, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(second, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == second[j - 2] and first[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
