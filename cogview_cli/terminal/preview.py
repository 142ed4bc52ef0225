"""Shows a picture: draws it in the terminal, or opens it in the system's viewer.

Half blocks need nothing but colours. With the extra `preview` and stdin and stdout on the
terminal, kitty's protocol or sixels are used where the terminal says that it supports them.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from cogview_cli.disk.extras import install_command
from cogview_cli.i18n import _
from cogview_cli.terminal.output import in_foreground

if TYPE_CHECKING:
    from PIL.Image import Image

    from cogview_cli.i18n.stored_messages import Message

WIDEST = 80
LINES_LEFT = 4
VIEWER_SECONDS = 1.0
_RESET = "\x1b[0m"


def terminal() -> TextIO | None:
    """stdout if it is a terminal, else stderr if that is one; None behind another job."""
    if os.environ.get("TERM") == "dumb":
        return None
    streams = (stream for stream in (sys.stdout, sys.stderr) if stream and stream.isatty())
    found = next(streams, None)
    return found if found and in_foreground(found) else None


def draw(path: str, stream: TextIO) -> str:
    """Draws a picture; returns a hint for people, or nothing. Raises whatever goes wrong."""
    asks = sys.stdin is not None and sys.stdin.isatty() and stream is sys.stdout
    if asks and importlib.util.find_spec("textual_image"):
        _draw_as_the_terminal_can(path, stream)
        return ""
    _draw_half_blocks(path, stream)
    if not asks:
        return ""
    install = install_command(["textual-image"])
    return _("sharper in kitty or with sixels: {install}", install=install)


def _draw_as_the_terminal_can(path: str, stream: TextIO) -> None:
    from rich.console import Console

    # It warns about every terminal that does not answer.
    logging.getLogger("textual_image").setLevel(logging.ERROR)
    # On import it asks the terminal what it supports, and reads the answer from stdin.
    renderable = importlib.import_module("textual_image.renderable").Image
    columns, lines = _room()
    console = Console(file=stream, width=columns, height=lines)
    console.print(renderable(path, width="auto", height="auto"))


def _draw_half_blocks(path: str, stream: TextIO) -> None:
    from cogview_cli.pillow import open_image

    with open_image(path) as image:
        text = half_blocks(image, *_room(), true_colour=_true_colour())
    stream.write(text)
    stream.flush()


def damage(path: str) -> Message | None:
    """Why a picture cannot be read; None if it can."""
    from cogview_cli.disk.unreadable import why_unreadable
    from cogview_cli.pillow import open_image

    try:
        with open_image(path) as image:
            image.load()
    except Exception as error:
        return why_unreadable(error)
    return None


def _room() -> tuple[int, int]:
    """Columns and lines a picture may take."""
    columns, lines = shutil.get_terminal_size()
    return min(columns, WIDEST), max(lines - LINES_LEFT, 1)


def _true_colour() -> bool:
    return os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit")


def fit(size: tuple[int, int], columns: int, lines: int) -> tuple[int, int]:
    """Columns and lines for a picture of `size`; a line is two pixels high."""
    width, height = size
    scale = min(columns / width, 2 * lines / height)
    return max(1, round(width * scale)), max(1, round(height * scale / 2))


def half_blocks(image: Image, columns: int, lines: int, *, true_colour: bool) -> str:
    """The picture as text: each character shows two pixels, one above the other."""
    wide, high = fit(image.size, columns, lines)
    small = image.convert("RGB").resize((wide, high * 2))
    data = small.tobytes()
    pixels = [(data[i], data[i + 1], data[i + 2]) for i in range(0, len(data), 3)]
    colour = _rgb if true_colour else _of_256
    rows = []
    for y in range(0, high * 2, 2):
        upper, lower = pixels[y * wide : (y + 1) * wide], pixels[(y + 1) * wide : (y + 2) * wide]
        cells = zip(upper, lower, strict=True)
        row = "".join(f"\x1b[38;{colour(a)}m\x1b[48;{colour(b)}m▀" for a, b in cells)
        rows.append(f"{row}{_RESET}\n")
    return "".join(rows)


def _rgb(pixel: tuple[int, int, int]) -> str:
    return "2;{};{};{}".format(*pixel)


def _of_256(pixel: tuple[int, int, int]) -> str:
    """The nearest colour of the 6×6×6 cube."""
    red, green, blue = (round(value / 51) for value in pixel)
    return f"5;{16 + 36 * red + 6 * green + blue}"


def open_in_viewer(path: str) -> bool:
    """Opens a file in the system's viewer; False if that fails within VIEWER_SECONDS.

    The viewer gets none of our streams: it must not keep a pipe on stdout open.
    """
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        process = subprocess.Popen(
            [opener, str(Path(path).absolute())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return process.wait(VIEWER_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
