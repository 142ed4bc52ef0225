"""What a command line that makes no sense most likely meant. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import typer

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

NEAREST = 2
# What people look for as an option and find elsewhere.
ELSEWHERE = {
    "--api-key": "cogview config set api-key",
    "--key": "cogview config set api-key",
    "--width": "cogview gen --size 1440x720",
    "--height": "cogview gen --size 1440x720",
    "--ratio": "cogview gen --size 16:9",
    "--aspect-ratio": "cogview gen --size 16:9",
    "--num-images": "cogview gen --count 4",
    "--prompt": 'cogview gen "一只可爱的小猫咪"',
}
# What other models take. CogView has nothing for it; a server of one's own may.
NOT_HERE = {
    "--seed": "seed=42",
    "--steps": "steps=30",
    "--num-inference-steps": "num_inference_steps=30",
    "--guidance-scale": "guidance_scale=5",
    "--cfg-scale": "guidance_scale=5",
    "--negative-prompt": "negative_prompt=TEXT",
    "--style": "style=TEXT",
}
# What word processors and phones make of a hyphen at the beginning of an option.
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
# The parser's complaints as `_message` words them; a hole takes any text.
COMPLAINTS = (
    "no such command {name}",
    "no such option: {name}",
    "missing argument {name}",
    "missing option {name}",
    "too many arguments: {words}",
    "option {name} requires an argument",
    "option {name} does not take a value",
    "invalid value for {name}: {value} is not a valid integer",
    "invalid value for {name}: {value} is not a whole number",
    "invalid value for {name}: {value} is not in the range {range}",
)
_EXTRA = r"(?s:got unexpected extra argument(?:\(s\))? \((.*)\))"


def explain(error: typer.TyperException, arguments: Sequence[str], called: str) -> UsageError:
    """The parser's complaint in our words, with the command that was probably meant.

    `called`: the words that call the command, for complaints that do not tell where they arose.
    """
    context: Any = getattr(error, "ctx", None)
    where = context.command_path if context else called
    option = getattr(error, "option_name", None)
    near = getattr(error, "possibilities", ()) or ()
    if option is not None and hasattr(error, "possibilities"):
        return UsageError(
            _("no such option: {name}", name=option),
            hint=_option_hint(where, option, near, arguments),
        )
    said, _comma, names = error.format_message().partition(". Did you mean ")
    return UsageError(_message(said.rstrip("."), where), hint=_hint(said, where, names, arguments))


def _message(said: str, where: str) -> str:
    if said.startswith("Missing command"):
        return _("{command}: which command?", command=where)
    plain = said.replace("a valid int range", "a whole number")
    return told(re.sub(_EXTRA, r"too many arguments: \1", plain[:1].lower() + plain[1:]))


def told(complaint: str) -> str:
    """A complaint in the user's language; as it stands if it is none that is expected."""
    for template in COMPLAINTS:
        if match := re.fullmatch(_pattern(template), complaint, re.DOTALL):
            return _(template, **match.groupdict())
    return complaint


def _pattern(template: str) -> str:
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*)", re.escape(template))


def _hint(said: str, where: str, names: str, arguments: Sequence[str]) -> str:
    if names:
        return _near(where, [name.strip(" ?'") for name in names.split(",")])
    if said.startswith("No such command") and where == "cogview" and _is_prompt(arguments[0]):
        from shlex import quote

        return f"cogview gen {quote(arguments[0])}"
    if said.startswith("Got unexpected extra argument") and where == "cogview gen":
        return _('a prompt is one argument, in quotes: cogview gen "一只 可爱的 小猫咪"')
    return f"{where} --help"


def _is_prompt(word: str) -> bool:
    """Whether a word is no mistyped command but something to draw."""
    return " " in word.strip() or any(ord(char) >= 0x2E80 for char in word)


def dash_mistake(arguments: Sequence[str], options: Iterable[str]) -> UsageError | None:
    """The error for an option with a dash that is no hyphen, which would be taken for a prompt."""
    known = set(options)
    for word in takewhile(lambda word: word != "--", arguments):
        bare = word.lstrip(DASHES + "-")
        if word[:1] in (*DASHES, "-") and not set(DASHES).isdisjoint(word[: len(word) - len(bare)]):
            name, equals, value = bare.partition("=")
            meant = f"--{name}" if len(name) > 1 else f"-{name}"
            if name and meant in known:
                return UsageError(
                    _("'{word}' begins with a dash that is no hyphen", word=word),
                    hint=_("type it so: {option}", option=f"{meant}{equals}{value}"),
                )
    return None


def _option_hint(where: str, option: str, near: Sequence[str], arguments: Sequence[str]) -> str:
    if option in ELSEWHERE:
        return _("use: {command}", command=ELSEWHERE[option])
    if option in NOT_HERE:
        return _(
            "CogView has none; for a server of your own: --extra {field}", field=NOT_HERE[option]
        )
    if where == "cogview gen" and (prompt := _prompt_with_a_dash(option, arguments)):
        from shlex import quote

        return _(
            "a prompt that begins with a dash: {command}", command=f"{where} -- {quote(prompt)}"
        )
    return _near(where, near) if near else f"{where} --help"


def _prompt_with_a_dash(option: str, arguments: Sequence[str]) -> str | None:
    """The argument that was meant as a prompt, not as an option; None if it was not."""
    for word in arguments:
        if word.startswith(option):
            rest = word.lstrip("-")
            return word if _is_prompt(rest) or rest[:1].isdigit() else None
    return None


def _near(where: str, words: Sequence[str]) -> str:
    first, *others = (f"{where} {word}" for word in words[:NEAREST])
    if not others:
        return _("did you mean: {first}", first=first)
    return _("did you mean: {first}, or: {second}", first=first, second=others[0])
