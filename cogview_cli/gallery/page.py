"""The gallery as one HTML page without any outside part. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from cogview_cli import __version__
from cogview_cli.gallery.items import (
    Cost,
    GalleryItem,
    ItemStatus,
    Picture,
    counts,
    is_chinese,
    mostly_chinese,
    total_cost,
)
from cogview_cli.gallery.labels import CHINESE, ENGLISH, Labels
from cogview_cli.gallery.markup import csp_hash, escape, isolated, link, shown_name
from cogview_cli.gallery.ours import GENERATOR

# Shapes in hundredths of width to height; beyond the limits a caption has no room.
_SQUARE, _NARROWEST, _WIDEST = 100, 66, 240
WRONG_TEXT = "wrong-text"
_NO_SCRIPT_STYLE = ".tools,.copy{display:none!important}.prompt{display:block}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the pictures are and where the page lies; links go from one to the other."""

    folder: Path
    page_folder: Path


def build(items: Sequence[GalleryItem], place: Place, title: str, *, chinese: bool = False) -> str:
    """The whole page; its own words are Chinese if asked, or if most of the prompts are."""
    labels = CHINESE if chinese or mostly_chinese(items) else ENGLISH
    cards = [_card(item, place, labels) for item in items]
    style, script = _asset("page.css") + _ratio_rules(items), _asset("page.js")
    return f"""<!doctype html>
<html lang="{labels.lang}">
<head>
<meta charset="utf-8">
<meta name="generator" content="{GENERATOR} {__version__}">
<meta http-equiv="Content-Security-Policy" content="{policy(style, script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<noscript><style>{_NO_SCRIPT_STYLE}</style></noscript>
</head>
<body>
{_head(items, title, labels)}
<main>
<ol class="cards" role="list">
{"".join(cards)}</ol>
<p class="none" hidden>{labels.none_match}</p>
</main>
<footer><p class="tools">{labels.keys}</p><p>{labels.made_by}</p></footer>
{_lightbox(labels)}
<script>{script}</script>
</body>
</html>
"""


def policy(style: str, script: str) -> str:
    """The content security policy: our style and script, pictures from beside the page."""
    styles = f"{csp_hash(style)} {csp_hash(_NO_SCRIPT_STYLE)}"
    return (
        "default-src 'none'; img-src 'self' file: data:; "
        f"style-src {styles}; script-src {csp_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _head(items: Sequence[GalleryItem], title: str, labels: Labels) -> str:
    found = counts(items)
    number = found.get(ItemStatus.SAVED, 0)
    facts = [labels.images_one if number == 1 else labels.images.format(number)]
    facts += [labels.paid.format(money(cost)) for cost in total_cost(items)]
    facts += [f"{labels.status[name]} {found[name]}" for name in found if name != ItemStatus.SAVED]
    wrong = sum(item.wrong_text for item in items)
    facts += [f"{labels.wrong_text} {wrong}"] if wrong else []
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    return f"""<header>
<h1>{isolated(title)}</h1>
<ul class="facts-line">{listed}</ul>
<search class="tools">
<input type="search" id="filter" placeholder="{labels.search}" aria-label="{labels.search}"
 autocomplete="off" spellcheck="false">
{_status_filter(found, labels, wrong=bool(wrong))}
<output for="filter" aria-live="polite"></output>
</search>
</header>"""


def _status_filter(found: dict[ItemStatus, int], labels: Labels, *, wrong: bool) -> str:
    """One button a status, and one for wrong text; nothing where there is only one."""
    if len(found) + wrong < 2:
        return ""
    names: dict[str, str] = {"": labels.every}
    names.update((status, labels.status[status]) for status in found)
    names.update({WRONG_TEXT: labels.wrong_text} if wrong else {})
    buttons = "".join(
        f'<button type="button" data-status="{status}" aria-pressed="{_flag(not status)}">'
        f"{name}</button>"
        for status, name in names.items()
    )
    return f'<div class="statuses" role="group">{buttons}</div>'


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _card(item: GalleryItem, place: Place, labels: Labels) -> str:
    face = _picture(item, item.picture, place, labels) if item.picture else _stub(item, labels)
    return (
        f'<li class="{_classes(item.picture)}" data-status="{_statuses(item)}">{face}'
        f'<div class="text">{_prompt(item, labels)}<dl>{_facts(item, labels)}</dl>'
        f"{_copy(item, labels)}</div></li>\n"
    )


def _statuses(item: GalleryItem) -> str:
    """What the filter's buttons look for."""
    return f"{item.status} {WRONG_TEXT}" if item.wrong_text else item.status


def _picture(item: GalleryItem, picture: Picture, place: Place, labels: Labels) -> str:
    address = escape(link(place.folder, picture.path, place.page_folder))
    sides = ""
    if picture.width and picture.height:
        sides = f' width="{picture.width}" height="{picture.height}"'
    alt = escape(item.prompt or shown_name(picture.path))
    return (
        f'<a class="face" href="{address}"><img src="{address}" alt="{alt}"{sides}'
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
        ("wanted line", labels.wanted, wrong.wanted if wrong else ""),
        ("found line", labels.found, (wrong.found or "-") if wrong else ""),
        ("model", labels.model, item.model),
        ("size", labels.size, _size(item)),
        ("quality", labels.quality, item.quality),
        ("cost", labels.cost, money(item.cost) if item.cost else ""),
        ("filters line", labels.filters, _filters(item, labels)),
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


def _shape(picture: Picture | None) -> int:
    """The shape of a card's tile, in hundredths."""
    ratio = _ratio(picture)
    return _SQUARE if ratio is None else min(_WIDEST, max(_NARROWEST, ratio))


def _classes(picture: Picture | None) -> str:
    shape = _shape(picture)
    return f"card r{shape}" if _ratio(picture) == shape else f"card r{shape} odd"


def _ratio_rules(items: Iterable[GalleryItem]) -> str:
    """A style rule for each shape; a policy without 'unsafe-inline' allows no style attributes."""
    found = sorted({_shape(item.picture) for item in items})
    return "".join(f".r{shape}{{--ratio:{shape / 100:g}}}" for shape in found)


def _lightbox(labels: Labels) -> str:
    cross, left, right = map(_icon, ("M5 5l14 14M19 5L5 19", "M15 4l-8 8 8 8", "M9 4l8 8-8 8"))
    return f"""<dialog id="lightbox" tabindex="-1" aria-labelledby="at">
<div class="stage"></div>
<div class="panel"><p id="at"></p><div class="text"></div></div>
<button type="button" class="close" aria-label="{labels.close}">{cross}</button>
<button type="button" class="step back" aria-label="{labels.previous}">{left}</button>
<button type="button" class="step on" aria-label="{labels.next}">{right}</button>
</dialog>"""


def _icon(path: str) -> str:
    return (
        '<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" '
        f'stroke-width="1.75" stroke-linecap="round" aria-hidden="true"><path d="{path}"/></svg>'
    )
