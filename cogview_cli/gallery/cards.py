"""The cards of a gallery's page: a picture or why there is none, its prompt, its facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cogview_cli.gallery.items import Cost, GalleryItem, Picture, is_chinese
from cogview_cli.gallery.labels import Labels
from cogview_cli.gallery.markup import escape, isolated, link, shown_name

# Shapes in hundredths of width to height; beyond the limits a caption has no room.
_SQUARE, _NARROWEST, _WIDEST = 100, 66, 240
# Beside the status of a picture whose text is wrong.
WRONG_TEXT = "wrong-text"


class Place(NamedTuple):
    """Where the pictures are and where the page lies; links go from one to the other."""

    folder: Path
    page_folder: Path


class Inline(NamedTuple):
    """A picture inside the page: its number there, and as `data:` addresses, small and large."""

    number: int
    small: str
    large: str


class Look(NamedTuple):
    """How cards are made: `plain` has no technical lines, `embedded` the pictures by path."""

    labels: Labels
    place: Place
    plain: bool = False
    embedded: Mapping[str, Inline] | None = None


def card(item: GalleryItem, look: Look) -> str:
    """A list item: the picture or what stands in its place, the prompt, the facts."""
    labels = look.labels
    face = _picture(item, item.picture, look) if item.picture else _stub(item, labels)
    facts = "" if look.plain else f"<dl>{_facts(item, labels)}</dl>"
    return (
        f'<li class="{_classes(item.picture)}" data-status="{_statuses(item)}">{face}'
        f'<div class="text">{_prompt(item, labels)}{facts}'
        f"{_copy(item, labels)}</div></li>\n"
    )


def _statuses(item: GalleryItem) -> str:
    """What the filter's buttons look for."""
    return f"{item.status} {WRONG_TEXT}" if item.wrong_text else item.status


def large(inline: Inline, alt: str) -> str:
    """A picture in full: text until it is looked at; shown over all where no script runs."""
    return (
        f'<noscript id="l{inline.number}"><a class="large" id="p{inline.number}" href="#_">'
        f'<img src="{inline.large}" alt="{escape(alt)}" loading="lazy"></a></noscript>\n'
    )


def _picture(item: GalleryItem, picture: Picture, look: Look) -> str:
    small = target = escape(link(look.place.folder, picture.path, look.place.page_folder))
    if look.embedded is not None:
        inline = look.embedded[picture.path]
        small, target = inline.small, f"#p{inline.number}"
    sides = ""
    if picture.width and picture.height:
        sides = f' width="{picture.width}" height="{picture.height}"'
    alt = escape(item.prompt or shown_name(picture.path))
    return (
        f'<a class="face" href="{target}"><img src="{small}" alt="{alt}"{sides}'
        ' loading="lazy" decoding="async"></a>'
    )


def _stub(item: GalleryItem, labels: Labels) -> str:
    """What stands where a picture is missing."""
    code = f'<span class="code">{escape(item.code)}</span>' if item.code else ""
    return (
        f'<div class="face stub"><strong>{labels.status[item.status]}</strong>'
        f'{code}<span class="why">{isolated(item.message)}</span></div>'
    )


def _prompt(item: GalleryItem, labels: Labels) -> str:
    if not item.prompt:
        return f'<p class="prompt none-known">{labels.no_prompt}</p>'
    lang = ' lang="zh"' if is_chinese(item.prompt) and labels.lang != "zh" else ""
    return f'<p class="prompt"{lang}>{isolated(item.prompt)}</p>'


def _copy(item: GalleryItem, labels: Labels) -> str:
    if not item.prompt:
        return ""
    return f'<button type="button" class="copy" data-done="{labels.copied}">{labels.copy}</button>'


def _facts(item: GalleryItem, labels: Labels) -> str:
    wrong = item.lettering if item.wrong_text else None
    rows = (
        ("wanted line named", labels.wanted, wrong.wanted if wrong else ""),
        ("found line named", labels.found, (wrong.found or "-") if wrong else ""),
        ("model", labels.model, item.model),
        ("size", labels.size, _size(item)),
        ("quality", labels.quality, item.quality),
        ("cost", labels.cost, money(item.cost) if item.cost else ""),
        ("filters line named", labels.filters, _filters(item, labels)),
        ("file line", labels.file, shown_name(item.picture.path) if item.picture else ""),
    )
    found = [_fact(name, label, isolated(value)) for name, label, value in rows if value]
    return "\n".join([*found, _created(item, labels)])


def _fact(name: str, label: str, value: str) -> str:
    return f'<div class="{name}"><dt>{label}</dt><dd>{value}</dd></div>'


def _size(item: GalleryItem) -> str:
    picture = item.picture
    if picture and picture.width and picture.height:
        return f"{picture.width}×{picture.height}"
    return re.sub(r"(?<=\d)x(?=\d)", "×", item.size)


def _filters(item: GalleryItem, labels: Labels) -> str:
    words = (f"{entry.role}: {labels.level.format(entry.level)}" for entry in item.filters)
    return ", ".join(words)


def money(cost: Cost) -> str:
    """`0.06 CNY`: the exact decimal, never with an exponent."""
    return f"{cost.amount:f} {cost.currency}".strip()


def _created(item: GalleryItem, labels: Labels) -> str:
    if item.created is None:
        return ""
    moment = datetime.fromtimestamp(int(item.created), UTC)
    exact = moment.isoformat().replace("+00:00", "Z")
    shown = moment.astimezone().strftime("%Y-%m-%d %H:%M")
    return _fact("created line", labels.created, f'<time datetime="{exact}">{shown}</time>')


def _ratio(picture: Picture | None) -> int | None:
    """Width to height in hundredths; None if it is not known."""
    if picture is None or not picture.width or not picture.height:
        return None
    return round(100 * picture.width / picture.height)


def shape(picture: Picture | None) -> int:
    """The shape of a card's tile, in hundredths."""
    ratio = _ratio(picture)
    return _SQUARE if ratio is None else min(_WIDEST, max(_NARROWEST, ratio))


def _classes(picture: Picture | None) -> str:
    tile = shape(picture)
    return f"card r{tile}" if _ratio(picture) == tile else f"card r{tile} odd"
