"""Text with marks for bold: measured and wrapped without them, shown with or without."""

from __future__ import annotations

import re

from cogview_cli.terminal.text import cell_width, fold

# No page holds these characters; they take no column.
ON, OFF = "\x01", "\x02"
_MARKS = re.compile(f"[{ON}{OFF}]")


def width(text: str) -> int:
    """The columns that marked text takes."""
    return cell_width(_MARKS.sub("", text))


def fold_styled(text: str, columns: int) -> list[str]:
    """Marked text in lines of at most so many columns; bold never runs across a line's end."""
    lines, open_ = [], False
    for line in fold(text, columns, width):
        begun = f"{ON}{line}" if open_ else line
        open_ = begun.rfind(ON) > begun.rfind(OFF)
        lines.append(f"{begun}{OFF}" if open_ else begun)
    return lines


def shown(line: str, *, bold: bool) -> str:
    """A line as it is written, its marks as escape sequences or left out."""
    if not bold:
        return _MARKS.sub("", line)
    return line.replace(ON, "\x1b[1m").replace(OFF, "\x1b[0m")
