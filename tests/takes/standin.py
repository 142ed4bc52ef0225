"""A reader that knows the sandbox's pictures by their bytes: quick, and never wrong.

What is tested here is what comes of a reading; the reader itself has tests of its own. It is a
process like the real one, and the program cannot tell them apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

TABLE, HOLD = "TAKES_TABLE", "TAKES_HOLD"
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from tests.takes.standin import read; read()"
)
SURE, UNSURE = 0.99, 0.5


def install() -> None:
    """From now on this process reads pictures with the stand-in."""
    from cogview_cli.textcheck import extra, reader

    reader._START = _START
    extra.NEEDED = ()


def main() -> None:
    """`cogview` with the stand-in: for `python -c`."""
    install()
    from cogview_cli.__main__ import main as cogview

    sys.argv[0] = "cogview"
    sys.exit(cogview())


def known(data: bytes) -> str:
    """What tells a picture from others, whatever serial number the sandbox has put into it."""
    at = data.find(b"tEXtSerial")
    if at > 0:
        (length,) = struct.unpack(">I", data[at - 4 : at])
        data = data[: at - 4] + data[at + length + 8 :]
    return hashlib.sha256(data).hexdigest()


def write_table(
    path: Path,
    prompts: Iterable[str],
    size: tuple[int, int] = (512, 512),
    *,
    sure: bool = True,
    jpeg: bool = False,
) -> None:
    """Notes what stands on the sandbox's pictures of these prompts, right and with its fault.

    Prompts that name no fault may be scripted to have `text-wrong`, or with `jpeg` to come as one.
    """
    from cogview_cli.sandbox.faults import TEXT_FAULTS, triggers
    from cogview_cli.sandbox.lettering import one_wrong
    from cogview_cli.textcheck.wanted import wanted_texts

    table: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    shown: dict[str, Callable[[list[str]], list[str]]] = {
        "text-wrong": lambda texts: [one_wrong(texts[0]), *texts[1:]],
        "text-missing": lambda texts: [],
    }
    for prompt in prompts:
        texts = list(wanted_texts(prompt) or ())
        own = [trigger.name for trigger in triggers(prompt) if trigger.name in TEXT_FAULTS]
        for fault in ("", *(own or ["text-wrong"])):
            stands = shown.get(fault, list)(texts) if texts else []
            for format in ("PNG", "JPEG") if jpeg and not fault else ("PNG",):
                name = _drawn(prompt, size, format, fault)
                table[name] = [stands, SURE if sure else UNSURE]
    path.write_text(json.dumps(table, ensure_ascii=False), "utf-8")


@cache
def _drawn(prompt: str, size: tuple[int, int], format: str, fault: str) -> str:
    """The sandbox's picture by what tells it from others; drawing takes a while."""
    from cogview_cli.sandbox.picture import Sketch, render

    return known(render(Sketch(prompt, *size, format=format, text_fault=fault)))


def read() -> None:
    """Answers requests until the input ends, as the real worker does."""
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    table = json.loads(Path(os.environ[TABLE]).read_text("utf-8"))
    for line in sys.stdin:
        _wait()
        data = Path(json.loads(line)["path"]).read_bytes()
        answer = {"blocks": _blocks(*table.get(_known_jpeg(data), [[], 0])), "reduced": False}
        print(json.dumps(answer), flush=True)


def _known_jpeg(data: bytes) -> str:
    """The same for a JPEG, whose serial number is a comment at its beginning."""
    if data.startswith(b"\xff\xd8\xff\xfe"):
        (length,) = struct.unpack(">H", data[4:6])
        data = data[:2] + data[4 + length :]
    return known(data)


def _wait() -> None:
    """As long as the file is there, nothing is read; `is_held` says that it has come to that."""
    hold = os.environ.get(HOLD)
    if hold and os.path.exists(hold):
        Path(f"{hold}.reached").touch()
    while hold and os.path.exists(hold):
        time.sleep(0.005)


def is_held(hold: Path) -> bool:
    """Whether a reader waits for `hold` to go."""
    return Path(f"{hold}.reached").exists()


def _blocks(texts: list[str], sure: float) -> list[Any]:
    def box(row: int) -> list[list[int]]:
        top = 40 * row
        return [[0, top], [400, top], [400, top + 30], [0, top + 30]]

    return [[text, box(row), [sure] * len(text)] for row, text in enumerate(texts)]
