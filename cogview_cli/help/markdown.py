"""Pages of Markdown as text for a terminal or a pipe. Pure.

Takes what the pages use and no more: headings, paragraphs, lists, fenced code, tables, links,
`**bold**` and `code`. Comments, which mark what is generated, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cogview_cli.help.columns import table
from cogview_cli.help.styled import OFF, ON, fold_styled, shown

INDENT = 4
_FENCE = "```"
_COMMENT = re.compile(r"<!--.*-->")
_HEADING = re.compile(r"(#+) +(.*)")
_ITEM = re.compile(r"( *)([-*]|[0-9]+\.) +(.*)")
_RULE = re.compile(r"\|[ :|-]+\|")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_CELLS = re.compile(r"(?<!\\)\|")
_WIDE = "\u2e80-\uffef"
# A line that ends, or begins, with a wide character is joined to the next without a blank.
_WIDE_BREAK = re.compile(rf"(?<=[{_WIDE}])\n(?=[{_WIDE}])")


class Style(NamedTuple):
    """How a page is shown: so many columns wide, with or without escape sequences.

    `wrap_tables`: a row that is too wide goes on in the next line; programs want it whole.
    """

    columns: int = 100
    bold: bool = False
    wrap_tables: bool = False


def render(text: str, style: Style) -> str:
    """The page as text, each line ended."""
    lines: list[str] = []
    for block in _blocks(text.splitlines()):
        if lines:
            lines.append("")
        lines += _block(block, style)
    return "".join(f"{shown(line, bold=style.bold)}\n" for line in lines)


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """What stands between blank lines; a fenced block is one."""
    block: list[str] = []
    fenced = False
    for line in lines:
        if line.lstrip().startswith(_FENCE):
            if not fenced and block:
                yield block
                block = []
            block.append(line)
            if fenced:
                yield block
                block = []
            fenced = not fenced
        elif not fenced and _COMMENT.fullmatch(line):
            continue
        elif line.strip() or fenced:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(block: list[str], style: Style) -> list[str]:
    first = block[0]
    if first.lstrip().startswith(_FENCE):
        return _code(block)
    if heading := _HEADING.match(first):
        title = fold_styled(f"{ON}{_plain(heading[2])}{OFF}", style.columns)
        return [*title, *_rest(block[1:], style)]
    if first.startswith("|"):
        return _table(block, style)
    return list(_items(block, style))


def _rest(block: list[str], style: Style) -> list[str]:
    """What follows a heading without a gap."""
    return _block(block, style) if block else []


def _code(block: list[str]) -> list[str]:
    """The lines of a fenced block, indented."""
    return [f"{' ' * INDENT}{line}".rstrip() for line in block[1:-1]]


def _table(block: list[str], style: Style) -> list[str]:
    rows = [_cells(line) for line in block if not _RULE.fullmatch(line.strip())]
    return table(rows[0], rows[1:], style.columns if style.wrap_tables else None)


def _cells(line: str) -> list[str]:
    """The cells of one row; names need no quotes in a column of their own."""
    cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line.strip())[1:-1]]
    return [*(_CODE.sub(r"\1", cell) for cell in cells[:-1]), inline(cells[-1])]


def _items(block: list[str], style: Style) -> Iterator[str]:
    """A paragraph, or the items of a list, each with its mark before the first line."""
    for mark, text in _joined(block):
        lines = fold_styled(inline(text), style.columns - len(mark))
        yield f"{mark}{lines[0]}"
        yield from (f"{' ' * len(mark)}{line}" for line in lines[1:])


def _joined(block: list[str]) -> Iterator[tuple[str, str]]:
    """Each item of a list, or the one paragraph, with its lines joined."""
    mark, lines = "", list[str]()
    for line in block:
        if item := _ITEM.fullmatch(line):
            if lines:
                yield mark, join(lines)
            mark, lines = f"{item[1]}{item[2]} ", [item[3]]
        else:
            lines.append(line.strip())
    yield mark, join(lines)


def join(lines: Sequence[str]) -> str:
    """The lines of one paragraph as one; Chinese has no blank between them."""
    return _WIDE_BREAK.sub("", "\n".join(lines)).replace("\n", " ")


def inline(text: str) -> str:
    """A paragraph's text with its marks as styles; code keeps its quotes: they tell it apart."""
    parts = _CODE.split(text)
    spans = [_words(part) if n % 2 == 0 else f"`{part}`" for n, part in enumerate(parts)]
    return "".join(spans)


def _words(text: str) -> str:
    text = _LINK.sub(lambda link: _link(link[1], link[2]), text)
    return _BOLD.sub(rf"{ON}\1{OFF}", text)


def _link(words: str, target: str) -> str:
    """A page of the manual by its name; other places with their address."""
    if target.endswith(".md") and "/" not in target:
        return f"`cogview help {target.removesuffix('.md')}`"
    return f"{words} ({target})" if "://" in target else words


def _plain(text: str) -> str:
    """A heading's text, which is bold as a whole."""
    return _BOLD.sub(r"\1", _CODE.sub(r"\1", text))
