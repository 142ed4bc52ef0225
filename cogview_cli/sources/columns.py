"""Which column means what. Pure: names in, a plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cogview_cli.sources.aliases import (
    FOLDER_NAMES,
    HEIGHTS,
    IGNORED,
    LETTERING,
    ROLES,
    WIDTHS,
    describes,
    holds_prompt,
    in_language,
    looks_like_setting,
    normal,
)

_ALIASES = frozenset(alias for names in (*ROLES.values(), WIDTHS, HEIGHTS) for alias in names)


class Ambiguous(Exception):
    """Several columns that may each hold the prompt."""

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        super().__init__(*self.columns)


class ColumnRoles(NamedTuple):
    """The columns of one row by what they mean, under the names the file gives them.

    `prompts` are those that say they are the prompt, `weak` those that may be it where
    none does, `sole` the only column of a list. `ignored` are pairs of the name as it is
    compared and as it is written. `unclear` look like a setting that we cannot read. `text` is
    what the picture should say; it is kept among `extra` too.
    """

    prompts: tuple[str, ...]
    weak: tuple[str, ...]
    sole: str | None
    roles: Mapping[str, str]
    pixels: tuple[str, str] | None
    folders: bool
    ignored: tuple[tuple[str, str], ...]
    unclear: tuple[str, ...]
    extra: tuple[str, ...]
    text: str | None = None

    def prompt_column(self, row: Mapping[str, Any]) -> str | None:
        """The column that holds the prompt of this row; raises Ambiguous for several."""
        for columns in (self.prompts, self.weak):
            texts = [name for name in columns if isinstance(row[name], str)]
            if len(texts) > 1:
                raise Ambiguous(texts)
            if texts:
                return texts[0]
        if len(self.prompts) == 1:
            return self.prompts[0]
        return self.sole if self.sole is not None and isinstance(row[self.sole], str) else None

    @property
    def used(self) -> dict[str, str]:
        """The columns that say something about a picture, and what."""
        found = {column: role for role, column in self.roles.items()}
        if self.text is not None:
            found[self.text] = "text"
        return found | dict(zip(self.pixels or (), ("width", "height"), strict=False))


def find_column(wanted: str, names: Iterable[str]) -> str | None:
    """The column a user means: the exact name first, then as names are compared."""
    names = names if isinstance(names, dict) else list(names)
    if wanted in names:
        return wanted
    return next((name for name in names if normal(name) == normal(wanted)), None)


def make_plan(
    names: Iterable[str],
    *,
    lang: str | None,
    prompt: str | None,
    guess: bool,
    lettering: bool = False,
) -> ColumnRoles:
    """What each of `names` means; `guess` looks for the prompt where `prompt` is None.

    `lettering`: one called `text` is what the picture should say, unless it is the only one that
    may be the prompt.
    """
    names = list(names)
    free: dict[str, str] = {}
    for name in names:
        if name != prompt:
            free.setdefault(normal(name), name)
    roles = {role: found for role, known in ROLES.items() if (found := _first(free, known))}
    pixels = _pixels(free)
    settled = {prompt, *roles.values(), *(pixels or ())}
    rest = tuple(name for name in names if name not in settled)
    ignored = tuple((normal(name), name) for name in rest if _is_ignored(normal(name), pixels))
    useless = {name for _, name in ignored}
    unknown = tuple(name for name in rest if name not in useless)
    guess = guess and prompt is None
    named = [free[alias] for alias in LETTERING if alias in free] if lettering else []
    text = next((name for name in named if not guess or _may_prompt(unknown, name, lang)), None)
    others = tuple(name for name in unknown if name != text)
    prompts, weak = _candidates(others, lang) if guess else ((), ())
    open_ = tuple(name for name in unknown if name not in {*prompts, *weak})
    sole = guess and len(names) == 1 and open_ == tuple(names)
    return ColumnRoles(
        prompts=prompts if prompt is None else (prompt,),
        weak=weak,
        sole=names[0] if sole else None,
        roles=roles,
        pixels=pixels,
        folders=normal(roles.get("name", "")) in FOLDER_NAMES,
        ignored=ignored,
        unclear=tuple(name for name in open_ if _is_unclear(normal(name))),
        extra=rest,
        text=text,
    )


def _may_prompt(names: tuple[str, ...], but: str, lang: str | None) -> bool:
    """Whether a column may be the prompt if this one is something else."""
    return any(_candidates(tuple(name for name in names if name != but), lang))


def _pixels(free: Mapping[str, str]) -> tuple[str, str] | None:
    width, height = _first(free, WIDTHS), _first(free, HEIGHTS)
    return (width, height) if width is not None and height is not None else None


def _is_ignored(name: str, pixels: tuple[str, str] | None) -> bool:
    return name in IGNORED or (pixels is None and name in (*WIDTHS, *HEIGHTS))


def _is_unclear(name: str) -> bool:
    """A second column of a role, or one that seems to have a role."""
    return name not in (*ROLES["id"], *ROLES["name"]) and (
        name in _ALIASES or looks_like_setting(name)
    )


def _first(own: Mapping[str, str], aliases: Iterable[str]) -> str | None:
    return next((own[alias] for alias in aliases if alias in own), None)


def _candidates(
    names: tuple[str, ...], lang: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that say they are the prompt, and those that may be it."""
    strong = [name for name in names if holds_prompt(normal(name))]
    weak = [name for name in names if describes(normal(name))]
    return _spoken(strong, lang), _spoken(weak, lang)


def _spoken(names: list[str], lang: str | None) -> tuple[str, ...]:
    """Those in the language asked for; else those that are in no other."""
    if lang is None or len(names) < 2:
        return tuple(names)
    own = [name for name in names if in_language(normal(name), lang)]
    other = "en" if lang in ("zh", "cn") else "zh"
    return tuple(own or [name for name in names if not in_language(normal(name), other)])
