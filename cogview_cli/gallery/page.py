"""The gallery as one HTML page without any outside part. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from cogview_cli import __version__
from cogview_cli.gallery.cards import (
    WRONG_TEXT,
    Inline,
    Look,
    Place,
    card,
    large,
    money,
    shape,
)
from cogview_cli.gallery.items import (
    GalleryItem,
    ItemStatus,
    counts,
    mostly_chinese,
    total_cost,
)
from cogview_cli.gallery.labels import CHINESE, ENGLISH, Labels
from cogview_cli.gallery.markup import csp_hash, escape, isolated
from cogview_cli.gallery.ours import GENERATOR

# Cards of the page at the beginning, and as many more at a time.
AT_ONCE = 300
_NO_SCRIPT_STYLE = (
    ".tools,.copy{display:none!important}.prompt{display:block}.cards noscript{display:contents}"
)


def build(
    items: Sequence[GalleryItem],
    place: Place,
    title: str,
    *,
    chinese: bool = False,
    plain: bool = False,
    embedded: Mapping[str, Inline] | None = None,
) -> str:
    """The whole page; its own words are Chinese if asked, or if most of the prompts are.

    `plain`: nothing but pictures and prompts. `embedded`: the pictures themselves, by path.
    """
    labels = CHINESE if chinese or mostly_chinese(items) else ENGLISH
    look = Look(labels, place, plain, embedded)
    style, script = _asset("page.css") + _ratio_rules(items), _asset("page.js")
    return f"""<!doctype html>
<html lang="{labels.lang}">
<head>
<meta charset="utf-8">
<meta name="generator" content="{GENERATOR} {__version__}">
<meta http-equiv="Content-Security-Policy" content="{policy(style, script, look)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<noscript><style>{_NO_SCRIPT_STYLE}</style></noscript>
</head>
<body>
{_head(items, title, look)}
<main>
<ol class="cards" role="list" data-count="{len(items)}">
{_cards(items, look)}</ol>
<p class="none" hidden>{labels.none_match}</p>
</main>
{_larges(items, embedded)}<footer><p class="tools">{labels.keys}</p>{_made_by(look)}</footer>
{_lightbox(labels)}
<script>{script}</script>
</body>
</html>
"""


def _cards(items: Sequence[GalleryItem], look: Look) -> str:
    """The first cards, and the others as text that the script turns into cards when needed.

    A browser without scripts takes what is in `noscript` for cards like the first.
    """
    parts = ["".join(card(item, look) for item in items[:AT_ONCE])]
    for start in range(AT_ONCE, len(items), AT_ONCE):
        more = "".join(card(item, look) for item in items[start : start + AT_ONCE])
        parts.append(f"<noscript>{more}</noscript>\n")
    return "".join(parts)


def _larges(items: Iterable[GalleryItem], embedded: Mapping[str, Inline] | None) -> str:
    pictures = ((item.picture, item.prompt) for item in items if item.picture)
    found = embedded or {}
    return "".join(large(found[each.path], alt) for each, alt in pictures if each.path in found)


def _made_by(look: Look) -> str:
    return "" if look.plain else f"<p>{look.labels.made_by}</p>"


def policy(style: str, script: str, look: Look) -> str:
    """The content security policy: our style and script, pictures beside the page or in it."""
    pictures = "'self' file: data:" if look.embedded is None else "data:"
    styles = f"{csp_hash(style)} {csp_hash(_NO_SCRIPT_STYLE)}"
    return (
        f"default-src 'none'; img-src {pictures}; "
        f"style-src {styles}; script-src {csp_hash(script)}; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _head(items: Sequence[GalleryItem], title: str, look: Look) -> str:
    found, labels = counts(items), look.labels
    number = found.get(ItemStatus.SAVED, 0)
    facts = [labels.images_one if number == 1 else labels.images.format(number)]
    if not look.plain:
        facts += [labels.paid.format(money(cost)) for cost in total_cost(items)]
    facts += [f"{labels.status[name]} {found[name]}" for name in found if name != ItemStatus.SAVED]
    wrong = 0 if look.plain else sum(item.wrong_text for item in items)
    facts += [f"{labels.wrong_text} {wrong}"] if wrong else []
    search = labels.search_plain if look.plain else labels.search
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    return f"""<header>
<h1>{isolated(title)}</h1>
<ul class="facts-line">{listed}</ul>
<search class="tools">
<input type="search" id="filter" placeholder="{search}" aria-label="{search}"
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


def _ratio_rules(items: Iterable[GalleryItem]) -> str:
    """A style rule for each shape; a policy without 'unsafe-inline' allows no style attributes."""
    found = sorted({shape(item.picture) for item in items})
    return "".join(f".r{tile}{{--ratio:{tile / 100:g}}}" for tile in found)


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
