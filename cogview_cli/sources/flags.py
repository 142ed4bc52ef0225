"""Prompt lines with flags, as three other tools write them. Pure.

A1111   --prompt "a cat" --width 640 --height 480 --seed 3
InvokeAI   "a cat" -n4 -W640 -H512 -S1
Midjourney   a cat --ar 3:2 --no dogs --seed 2
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

_WORDS, _NUMBER, _RATIO, _NOTHING = "words", "number", "ratio", "nothing"
_A1111 = {
    **dict.fromkeys(("prompt", "negative_prompt"), _WORDS),
    **dict.fromkeys(("width", "height", "n_iter", "batch_size", "steps", "seed"), _NUMBER),
    **dict.fromkeys(
        (
            "cfg_scale", "sampler_name", "sampler_index", "styles", "sd_model", "subseed",
            "subseed_strength", "seed_resize_from_h", "seed_resize_from_w", "outpath_samples",
            "outpath_grids", "prompt_for_display", "restore_faces", "tiling",
            "do_not_save_samples", "do_not_save_grid",
        ),
        "word",
    ),
}  # fmt: skip
_MIDJOURNEY = {
    **dict.fromkeys(("ar", "aspect"), _RATIO),
    "no": _WORDS,
    **dict.fromkeys(("repeat", "r", "seed"), _NUMBER),
    **dict.fromkeys(
        (
            "q", "quality", "s", "stylize", "c", "chaos", "v", "version", "w", "weird", "iw",
            "stop", "style", "niji", "sref", "sw", "cref", "cw", "oref", "ow", "p", "profile",
        ),
        "word",
    ),
    **dict.fromkeys(("tile", "raw", "fast", "relax", "turbo", "video", "draft", "hd"), _NOTHING),
}  # fmt: skip
_TRAILING = {**_MIDJOURNEY, **{tag: kind for tag, kind in _A1111.items() if tag != "prompt"}}
# The short ones, and those that mean something else to us, under a name of the rows.
_NAMES = {
    "aspect": "ar", "repeat": "count", "r": "count", "s": "stylize", "c": "chaos",
    "v": "version", "w": "weird", "quality": "q", "niji": "version",
}  # fmt: skip
_INVOKE = {"n": "count", "W": "width", "H": "height", "S": "seed", "s": "steps",
           "C": "cfg_scale", "A": "sampler", "m": "sampler"}  # fmt: skip
_INVOKE_LINE = re.compile(r'"((?:[^"\\]|\\.)*)"((?:\s+-[A-Za-z][\w.]*(?:\s+[\w.]+)?)+)\s*')
_INVOKE_SWITCH = re.compile(r"-([A-Za-z])\s*([\w.]+)")
_COMMAND = re.compile(r"\s*/imagine\s+(?:prompt\s*[:：]\s*)?", re.IGNORECASE)
# Word processors make one long dash of two short ones.
_DASHES = ("--", "—", "–")
_FLAG = re.compile(r"(?<!\s)\s+(?=(?:--|[—–]{1,2})[a-z])")
_CHECKS: dict[str, Callable[[Sequence[str]], bool]] = {
    _WORDS: bool,
    _NUMBER: lambda words: len(words) == 1 and words[0].lstrip("-").isdecimal(),
    _RATIO: lambda words: len(words) == 1 and bool(re.fullmatch(r"[\d.]+:[\d.]+", words[0])),
    _NOTHING: lambda words: not words,
    "word": lambda words: len(words) == 1,
}


def split_flags(prompt: str) -> tuple[str, dict[str, Any]]:
    """The prompt without the flags and the command of another tool, and the flags."""
    prompt = _COMMAND.sub("", prompt, count=1) if prompt.lstrip()[:1] == "/" else prompt
    if not any(mark in prompt for mark in _DASHES) and prompt[:1] != '"':
        return prompt, {}
    row = parse_flags(prompt)
    if row is None:
        return prompt, {}
    return row.pop("prompt"), row


def parse_flags(line: str) -> dict[str, Any] | None:
    """The line as a row with a `prompt`; None for an ordinary prompt.

    Only known flags count, and only if all of them can be read: any other line is
    a prompt as it stands. `prompt` is "" if the line has flags only.
    """
    if line.startswith('"') and (row := _invoke(line)):
        return row
    if line.startswith("--"):
        return _a1111(line) or _trailing(" " + line)
    return _trailing(line)


def _a1111(line: str) -> dict[str, Any] | None:
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    flags = _grouped(words, _A1111)
    return None if flags is None else _row(" ".join(flags.pop("prompt", [])), flags)


def _trailing(line: str) -> dict[str, Any] | None:
    prompt, *rest = _FLAG.split(line)
    words = (re.sub(r"^[—–]{1,2}(?=[a-z])", "--", word) for word in " ".join(rest).split())
    flags = _grouped(list(words), _TRAILING)
    return None if flags is None else _row(prompt.strip(), flags)


def _invoke(line: str) -> dict[str, Any] | None:
    match = _INVOKE_LINE.fullmatch(line)
    if match is None:
        return None
    switches = _INVOKE_SWITCH.findall(match[2])
    if not switches or any(letter not in _INVOKE for letter, _ in switches):
        return None
    flags = {_INVOKE[letter]: value for letter, value in switches}
    whole = all(flags.get(name, "1").isdecimal() for name in ("count", "width", "height"))
    return {"prompt": match[1].replace('\\"', '"'), **flags} if whole else None


def _grouped(words: list[str], known: dict[str, str]) -> dict[str, list[str]] | None:
    """Each flag with the words up to the next; None if one is unknown or has odd words.

    The first word is a flag.
    """
    flags: dict[str, list[str]] = {}
    tag = ""
    for word in words:
        if word.startswith("--"):
            tag = word[2:]
            if tag not in known or tag in flags:
                return None
            flags[tag] = []
        else:
            flags[tag].append(word)
    fits = all(_CHECKS[known[tag]](values) for tag, values in flags.items())
    return flags if flags and fits else None


def _row(prompt: str, flags: dict[str, list[str]]) -> dict[str, Any]:
    row: dict[str, Any] = {"prompt": prompt}
    for tag, words in flags.items():
        row[_NAMES.get(tag, tag)] = " ".join(words) or "true"
    rounds, images = row.pop("n_iter", None), row.pop("batch_size", None)
    if rounds or images:
        row["count"] = str(int(rounds or 1) * int(images or 1))
    return row
