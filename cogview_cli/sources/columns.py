"""Which column means what. Pure: names in, a plan out.

Names are compared without case, blanks as underscores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_BY_LANGUAGE = {
    "zh": ("prompt_zh", "prompt_cn"),
    "cn": ("prompt_cn", "prompt_zh"),
    "en": ("prompt_en",),
}
# First match wins; of a group of several at most one may be there.
PROMPT_GROUPS: tuple[tuple[str, ...], ...] = (
    ("prompt",),
    ("prompts",),
    ("prompt_zh", "prompt_cn", "prompt_en"),
    ("提示词",),
    ("提示语",),
    ("描述",),
    ("text_prompt",),
    ("prompt_text",),
    ("caption",),
    ("description",),
    ("long_description", "short_description"),
)
TEXT = "text"  # a prompt only where it is a string: some sets keep a list in it
PROMPT_NAMES = frozenset(alias for group in PROMPT_GROUPS for alias in group) | {TEXT}
FOLDER_NAMES = ("out", "output", "output_path")
ROLES: dict[str, tuple[str, ...]] = {
    "id": ("id", "prompt_id", "item_id", "custom_id", "pid", "uid", "index", "编号"),
    "name": (*FOLDER_NAMES, "output_filename", "filename", "file_name", "name", "文件名"),
    "size": ("size",),
    "ratio": ("aspect_ratio", "ar", "ratio", "比例"),
    "quality": ("quality",),
    "model": ("model",),
    "user_id": ("user_id",),
    "watermark": ("watermark", "watermark_enabled"),
    "count": ("n", "count", "num_images", "number_of_images", "n_iter"),
}
# What other generators take and CogView has no equivalent for.
IGNORED = frozenset({
    "seed", "seeds", "subseed", "subseed_strength", "negative_prompt", "negative", "no",
    "steps", "num_inference_steps", "cfg_scale", "cfg", "guidance", "guidance_scale",
    "style", "styles", "style_preset", "stylize", "chaos", "weird", "sref", "cref", "oref",
    "sampler", "sampler_name", "sampler_index", "scheduler", "clip_skip", "eta", "sd_model",
    "loras", "lora", "strength", "denoising_strength", "restore_faces", "tiling", "tile",
    "seed_resize_from_h", "seed_resize_from_w", "outpath_samples", "outpath_grids",
    "do_not_save_samples", "do_not_save_grid", "prompt_for_display", "q", "iw", "version",
    "image", "images", "init_image", "input_image", "ref_images", "reference_images", "mask",
    "background", "output_format", "output_compression", "output_dir", "response_format",
    "moderation", "resolution", "反向提示词", "负面提示词", "种子", "风格",
})  # fmt: skip


class Ambiguous(Exception):
    """Two columns that may each hold the prompt."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first, second)
        self.first, self.second = first, second


class ColumnRoles(NamedTuple):
    """The columns of one row by what they mean, under the names the file gives them.

    `prompt` is sure; `text` and `others` hold the prompt only if they are strings.
    """

    prompt: str | None
    text: str | None
    others: tuple[str, ...]
    roles: Mapping[str, str]
    pixels: tuple[str, str] | None
    folders: bool
    ignored: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]

    def prompt_column(self, row: Mapping[str, Any]) -> str | None:
        """The column that holds the prompt of this row."""
        if self.prompt is not None:
            return self.prompt
        if self.text is not None and isinstance(row[self.text], str):
            return self.text
        strings = [name for name in self.others if isinstance(row[name], str)]
        return strings[0] if len(strings) == 1 else None


def normal(name: str) -> str:
    """A column name as it is compared."""
    return "_".join(name.lower().split())


def find_column(wanted: str, names: Iterable[str]) -> str | None:
    """The column a user means: the exact name first, then without case."""
    names = list(names)
    if wanted in names:
        return wanted
    return next((name for name in names if normal(name) == normal(wanted)), None)


def make_plan(
    names: Iterable[str], *, lang: str | None, prompt: str | None, guess: bool
) -> ColumnRoles:
    """What each of `names` means; `guess` looks for the prompt where `prompt` is None.

    Raises Ambiguous if two columns may be the prompt.
    """
    names = list(names)
    own: dict[str, str] = {}
    for name in names:
        own.setdefault(normal(name), name)
    if prompt is None and guess:
        prompt = _prompt_by_name(own, lang)
    free = {key: name for key, name in own.items() if name != prompt}
    roles = {role: found for role, known in ROLES.items() if (found := _first(free, known))}
    pixels = (free["width"], free["height"]) if {"width", "height"} <= free.keys() else None
    used = {prompt, *roles.values(), *(pixels or ())}
    rest = tuple(name for name in names if name not in used)
    lone = ("width", "height") if pixels is None else ()
    ignored = tuple((normal(name), name) for name in rest if _is_ignored(normal(name), lone))
    useless = {name for _, name in ignored}
    unknown = tuple(name for name in rest if name not in useless)
    return ColumnRoles(
        prompt=prompt,
        text=free.get(TEXT) if guess and prompt is None else None,
        others=unknown if guess and prompt is None else (),
        roles=roles,
        pixels=pixels,
        folders=normal(roles.get("name", "")) in FOLDER_NAMES,
        ignored=ignored,
        extra=rest,
    )


def _is_ignored(name: str, lone: tuple[str, ...]) -> bool:
    return name in IGNORED or name in lone


def _first(own: Mapping[str, str], aliases: Iterable[str]) -> str | None:
    return next((own[alias] for alias in aliases if alias in own), None)


def _prompt_by_name(own: Mapping[str, str], lang: str | None) -> str | None:
    if lang is not None and (spoken := _first(own, _BY_LANGUAGE[lang])):
        return spoken
    for group in PROMPT_GROUPS:
        found = [own[alias] for alias in group if alias in own]
        if len(found) > 1:
            raise Ambiguous(found[0], found[1])
        if found:
            return found[0]
    return None
