"""The process that reads: a request a line on its input, an answer a line on its output."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.textcheck.reading import Look

NICENESS = 10
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# The run decides when this process ends: by closing its input, or for good with KILL.
_IGNORED = ("SIGINT", "SIGTERM", "SIGHUP")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


def main() -> None:
    """Answers requests until the input ends."""
    for name in _IGNORED:
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    _be_modest()
    sys.addaudithook(_refuse_network)
    serve(sys.stdin.buffer, _own_output())


def _be_modest() -> None:
    """One thread, behind everything else that runs."""
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _refuse_network(event: str, _arguments: object) -> None:
    """Models come with the package; nothing is fetched, whatever a library thinks."""
    if event in _NETWORK:
        raise PermissionError("the reader of text uses no network")


def _own_output() -> BinaryIO:
    """Standard output for answers alone; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Reads a picture for each line of `requests`."""
    read: Callable[[Path, Look], dict[str, Any]] | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if read is None:
                from cogview_cli.textcheck.ocr import Ocr

                read = Ocr().read
            answer = read(Path(request["path"]), Look(request["look"]))
        except StoredError as error:
            answer = {"error": error.message.stored()}
        except Exception as error:  # of a library; the next picture may be read all the same
            why = f"{type(error).__name__}: {error}"[:300]
            answer = {"error": Message.of("reader-error", why=why).stored()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
