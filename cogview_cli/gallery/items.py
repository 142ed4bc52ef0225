"""What a gallery shows: pictures, requests without one, and what they add up to. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cogview_cli.disk.names import natural_key

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
_KANA_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")


class ItemStatus(StrEnum):
    """How a request ended, in the order of the page's filter."""

    SAVED = "saved"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSAVED = "unsaved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money that was surely spent: an exact amount."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a content filter said of one role; level 0 is the most severe."""

    role: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image file; `path` is relative to the folder, sizes in pixels if they are known."""

    path: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """The text that a picture should carry, what stands there, and whether that is right."""

    wanted: str
    found: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryItem:
    """One picture, or one request that brought none. `created` is in Unix seconds."""

    status: ItemStatus
    picture: Picture | None = None
    prompt: str = ""
    model: str = ""
    size: str = ""
    quality: str = ""
    cost: Cost | None = None
    created: float | None = None
    filters: tuple[Level, ...] = ()
    id: str = ""
    key: str = ""
    code: str = ""
    message: str = ""
    lettering: Lettering | None = None

    @property
    def wrong_text(self) -> bool:
        """Whether its text was looked at, and is wrong."""
        return self.lettering is not None and not self.lettering.ok


def in_order(items: Iterable[GalleryItem]) -> list[GalleryItem]:
    """Pictures in the natural order of their paths, then the rest in the order they were asked."""
    pictures = [item for item in items if item.picture]
    others = [item for item in items if not item.picture]
    pictures.sort(key=lambda item: natural(item.picture.path if item.picture else ""))
    return pictures + sorted(others, key=lambda item: item.created or 0.0)


def natural(path: str) -> tuple[object, ...]:
    """A sort key that puts `cat-2` before `cat-10`, and a folder's files together."""
    return tuple(natural_key(part) for part in path.casefold().split("/")), path


def counts(items: Iterable[GalleryItem]) -> dict[ItemStatus, int]:
    """How many items have each status; only those that occur, in the order of ItemStatus."""
    found = Counter(item.status for item in items)
    return {status: found[status] for status in ItemStatus if found[status]}


def total_cost(items: Iterable[GalleryItem]) -> list[Cost]:
    """What was surely paid, one sum a currency; several pictures of one request count once."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    seen: set[str] = set()
    for item in items:
        if item.cost is None or item.id in seen:
            continue
        sums[item.cost.currency] += item.cost.amount
        if item.id:
            seen.add(item.id)
    return [Cost(amount=sums[currency], currency=currency) for currency in sorted(sums)]


def is_chinese(text: str) -> bool:
    """Whether `text` is mostly Chinese: Han characters, no kana or hangul, one letter in four."""
    han = len(_HAN.findall(text))
    if not han or _KANA_HANGUL.search(text):
        return False
    letters = sum(unicodedata.category(char)[0] == "L" for char in text)
    return han * 4 >= letters


def mostly_chinese(items: Iterable[GalleryItem]) -> bool:
    """Whether most of the prompts are Chinese."""
    prompts = [item.prompt for item in items if item.prompt.strip()]
    return 2 * sum(map(is_chinese, prompts)) > len(prompts)
