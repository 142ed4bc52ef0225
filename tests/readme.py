"""The manual's tables of options, settings, exit codes, models and more, made from the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from cogview_cli.api.models import CURRENCY, MODELS, PRICES_AS_OF, ModelRules
from cogview_cli.app import root_command
from cogview_cli.cli.help_chinese import row_text
from cogview_cli.cli.help_page import walk
from cogview_cli.config.settings import SETTINGS, Setting
from cogview_cli.config.value_types import to_text, to_toml
from cogview_cli.errors import EXIT_MEANINGS, ExitCode
from cogview_cli.help.pages import FOLDER
from cogview_cli.sandbox.faults import FAULTS
from cogview_cli.sources.aliases import HEIGHTS, ROLES, WIDTHS
from tests import json_fields

Row = tuple[str, ...]
Worded = Callable[[str], str]
HEADS = {
    "exit-codes": (("code", "a script should", "meaning"), ("退出码", "脚本该怎么做", "含义")),
    "settings": (
        ("setting", "environment", "default", "meaning"),
        ("设置", "环境变量", "默认值", "含义"),
    ),
    "options": (("option", "meaning"), ("选项", "含义")),
    "models": (
        ("model", f"price on {PRICES_AS_OF}", "quality", "slots", "custom sizes"),
        ("模型", f"价格（{PRICES_AS_OF}）", "质量", "并发数", "自定义尺寸"),
    ),
    "columns": (("column", "names"), ("列", "列名")),
    "faults": (("name", "what happens"), ("名称", "含义（英文）")),
}
TWINS = ("cogview gen", "cogview batch")
BOTH = {"en": "{names} both take:", "zh": "{names} 共有的选项："}
CUSTOM = {
    "en": "{low}–{high}, steps of {step}, {pixels}",
    "zh": "{low}–{high}，步长 {step}，{pixels}",
}
PIXELS = {"en": "at most {most} pixels", "zh": "最多 {most} 像素"}
TIER = {"en": "as the tier", "zh": "随等级"}
# What a script should do about a code.
THEN = {
    ExitCode.OK: ("go on", "继续"),
    ExitCode.BUG: ("stop, report it", "停下，反馈"),
    ExitCode.USAGE: ("stop, fix it", "停下，改正"),
    ExitCode.REJECTED: ("go on, read the report", "继续，看报告"),
    ExitCode.ACCOUNT: ("stop, fix the account", "停下，处理账户"),
    ExitCode.UNKNOWN: ("stop, look at history", "停下，看 history"),
    ExitCode.UNSAVED: ("cogview recover", "cogview recover"),
    ExitCode.BUDGET: ("raise the limit, or wait", "提高上限，或等待"),
    ExitCode.REFUSED: ("change the prompt", "修改提示词"),
    ExitCode.MACHINE: ("stop, fix it", "停下，改正"),
    ExitCode.TEMPORARY: ("again later (gen: --once)", "稍后再运行（gen 用 --once）"),
    ExitCode.HANGUP: ("again (gen: --once)", "再运行（gen 用 --once）"),
    ExitCode.INTERRUPTED: ("again (gen: --once)", "再运行（gen 用 --once）"),
    ExitCode.STDOUT_CLOSED: ("again (gen: --once)", "再运行（gen 用 --once）"),
    ExitCode.TERMINATED: ("again (gen: --once)", "再运行（gen 用 --once）"),
}
# What the columns of a prompt file say, in both languages.
ROLE_WORDS = {
    "id": ("id", "编号"),
    "name": ("file name", "文件名"),
    "size": ("size", "尺寸"),
    "ratio": ("ratio", "比例"),
    "resolution": ("resolution: a size or a number of pixels", "分辨率：尺寸或像素数"),
    "quality": ("quality", "质量"),
    "model": ("model", "模型"),
    "user_id": ("end user's id", "终端用户 ID"),
    "watermark": ("watermark", "水印"),
    "count": ("how many pictures", "张数"),
    "width": ("width", "宽"),
    "height": ("height", "高"),
}


def sections(lang: str, worded: Worded, options: str) -> dict[str, str]:
    """What belongs between the markers `<!-- name -->` and `<!-- /name -->`, by name.

    `options` is `options_reference` of that language.
    """
    chinese = lang == "zh"
    head = {name: both[chinese] for name, both in HEADS.items()}
    return {
        "exit-codes": exit_codes(head["exit-codes"], chinese, worded),
        "settings": settings_reference(head["settings"], worded),
        "options": options,
        "json-fields": json_fields.tables(lang, worded),
        "models": _table(head["models"], [_model(rules, lang) for rules in MODELS.values()]),
        "columns": _table(head["columns"], _columns(chinese)),
        "faults": _table(head["faults"], [(f"`{name}`", words) for name, words in FAULTS.items()]),
    }


def pages(lang: str, parts: Mapping[str, str]) -> dict[Path, str]:
    """Every page of one language with its parts. ValueError if a part has no place."""
    found = {path: path.read_text("utf-8") for path in sorted((FOLDER / lang).glob("*.md"))}
    for name, part in parts.items():
        homes = [path for path, text in found.items() if f"<!-- {name} -->" in text]
        if len(homes) != 1:
            raise ValueError(f"<!-- {name} --> is in {len(homes)} pages of {lang}")
        found[homes[0]] = filled(found[homes[0]], {name: part})
    return found


def _model(rules: ModelRules, lang: str) -> Row:
    sides = {"low": rules.side.start, "high": rules.side.stop - 1, "step": rules.step}
    pixels = PIXELS[lang].format(most=f"{rules.max_pixels:,}")
    custom = CUSTOM[lang].format(**sides, pixels=pixels) if rules.custom_sizes else ""
    retired = ({"en": " (retired)", "zh": "（已下线）"}[lang]) if rules.retired else ""
    price = f"{rules.price} {CURRENCY}"
    quality, slots = ", ".join(rules.qualities), str(rules.slots or TIER[lang])
    return f"`{rules.name}`{retired}", price, quality, slots, custom


def _columns(chinese: bool) -> list[Row]:
    roles = {**ROLES, "width": WIDTHS, "height": HEIGHTS}
    return [(ROLE_WORDS[role][chinese], ", ".join(names)) for role, names in roles.items()]


def filled(text: str, parts: Mapping[str, str]) -> str:
    """`text` with the parts between their markers; ValueError if a marker is missing."""
    for name, part in parts.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not block.search(text):
            raise ValueError(f"no <!-- {name} --> … <!-- /{name} -->")
        text = block.sub(lambda found, part=part: f"{found[1]}{part.strip()}\n{found[2]}", text)
    return text


def options_reference(lang: str = "en") -> str:
    """Markdown: what each command does and takes; what `gen` and `batch` share is told once.

    In the language that the program was started in, which `lang` must say.
    """
    commands = dict(walk(root_command(), "cogview"))
    tables = {path: _rows(command, path) for path, command in commands.items()}
    first, second = (tables[path] for path in TWINS)
    shared = [row for row in first if row in second]
    head = HEADS["options"][lang == "zh"]
    names = {"en": " and ", "zh": " 和 "}[lang].join(f"`{path}`" for path in TWINS)
    parts = [_part(BOTH[lang].format(names=names), head, shared)]
    for path, rows in tables.items():
        own = [row for row in rows if row not in shared] if path in TWINS else rows
        parts.append(_part(f"## {path}\n\n{_cell(commands[path].help)}", head, own))
    return "\n".join(parts)


def shown_by_help() -> Iterator[str]:
    """What commands say of themselves: translated when the tree is built, not where it stands."""
    for _path, command in walk(root_command(), "cogview"):
        yield command.help


def _rows(command: Any, path: str) -> list[Row]:
    context = typer.Context(command, info_name=path)
    records = (param.get_help_record(context) for param in command.params)
    return [(record[0], row_text(record[1])) for record in records if record is not None]


def _part(heading: str, head: Row, rows: list[Row]) -> str:
    cells = [(f"`{_cell(names)}`", _cell(text)) for names, text in rows]
    return f"{heading}\n\n{_table(head, cells)}" if rows else f"{heading}\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def exit_codes(head: Row, chinese: bool, worded: Worded = str) -> str:
    """A Markdown table with one row for each exit code."""
    rows = [
        (str(int(code)), THEN[code][chinese], worded(text)) for code, text in EXIT_MEANINGS.items()
    ]
    return _table(head, rows)


def settings_reference(head: Row, worded: Worded = str) -> str:
    """A Markdown table with one row for each setting."""
    return _table(head, [_setting_row(setting, worded) for setting in SETTINGS.values()])


def _table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _setting_row(setting: Setting, worded: Worded) -> Row:
    default = "" if setting.default is None else f"`{to_text(to_toml(setting.default))}`"
    variables = ", ".join(f"`{name}`" for name in setting.env)
    return f"`{setting.option}`", variables, default, worded(setting.doc).replace("|", "\\|")
