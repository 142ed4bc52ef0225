"""Commands that need no network start without what they do not need."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys

import pytest

from cogview_cli.loading import no_garbage_collection

HEAVY = ("httpx", "PIL", "pydantic", "rich.progress", "asyncio", "sqlite3")
_PROBE = """
import sys
from cogview_cli.__main__ import main
sys.argv = ["cogview", *sys.argv[1:]]
code = 0
try:
    code = main()
except SystemExit as end:
    code = end.code
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.stderr.write("LOADED " + " ".join(loaded) + "\\n")
sys.exit(code)
"""


def _without_coverage() -> dict[str, str]:
    """Coverage in the child would load modules of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def loaded_by(*arguments: str, heavy: tuple[str, ...] = HEAVY, **more: str) -> list[str]:
    """Which of the `heavy` modules a command line loads."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(heavy=heavy), *arguments],
        env={**_without_coverage(), **more},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stderr.rsplit("LOADED", 1)[1].split()


@pytest.mark.parametrize(
    "line",
    [
        "", "--help", "-h", "--version", "gen --help", "sizes", "sizes 16:9", "sizes 1440x720",
        "config path", "config get model", "config show", "help exit-codes", "sandbox --help",
        "help", "help batch", "help gen", "skill", "skill install --help",
        "history --help", "recover --help", "gen cat --dry-run", "check-text --help",
    ],
)  # fmt: skip
def test_a_local_command_loads_no_network_or_image_library(line: str) -> None:
    assert loaded_by(*line.split()) == []


def test_history_loads_no_network_or_image_library() -> None:
    assert loaded_by("history", heavy=("httpx", "PIL", "pydantic", "rich")) == []


def test_completion_loads_no_network_or_image_library() -> None:
    done = loaded_by(_COGVIEW_COMPLETE="complete_bash", COMP_WORDS="cogview ge", COMP_CWORD="1")
    assert done == []


def test_the_version_is_told_before_typer_is_loaded() -> None:
    assert loaded_by("--version", heavy=("typer", "rich", "cogview_cli.app")) == []


# What no request needs before it is sent: it is loaded while the answer is waited for, or never.
LATER = (
    "httpx", "PIL", "pydantic", "rich", "tomlkit", "filelock", "dataclasses", "email",
    "importlib.metadata", "tempfile", "random", "encodings.idna",
    "cogview_cli.cli.usage_errors", "cogview_cli.ledger.daily",
    "cogview_cli.ledger.queue_parts", "cogview_cli.ledger.search",
    "cogview_cli.pictures.saver", "cogview_cli.pictures.sidecar", "cogview_cli.pictures.takes",
)  # fmt: skip
_AT_CONNECT = """
import sys
from cogview_cli.__main__ import main

def look(event, arguments):
    if event == "socket.connect":
        found.extend({find})

found = []
sys.addaudithook(look)
sys.argv = ["cogview", "gen", "cat", "--base-url", sys.argv[1], "--retries", "0"]
code = main()
print(code, *found)
"""
# What reads an answer: loaded while the disk keeps the intent, and safely there once it is paid.
READERS = ["cogview_cli.net.inflate", "cogview_cli.net.lenient"]
_LOADED = f"[name for name in {(*LATER, *READERS)!r} if name in sys.modules]"
_OWN = "[module for name, module in [*sys.modules.items()] if name.startswith('cogview_cli.')]"
_PATTERNS = f"""(
    f"{{module.__name__}}.{{name}}" for module in {_OWN} for name, value in vars(module).items()
    if type(value).__name__ == "Pattern"
)"""
_OF_STRINGS = f"""(
    f"{{module.__name__}}.{{name}}" for module in {_OWN} for name, value in vars(module).items()
    if hasattr(value, "_fields") and value.__module__ == module.__name__
    and sum(type(kind).__name__ == "ForwardRef" for kind in value.__annotations__.values()) > 7
)"""


_TYPERS = ("cogview_cli.app", "cogview_cli.commands.gen", "cogview_cli.cli.completion")
_FOR_TYPER = f"""(
    f"{{module.__name__}}.{{name}}" for module in {_OWN} for name, value in vars(module).items()
    if module.__name__ in {_TYPERS!r}
    and getattr(value, "__module__", "") == module.__name__ and callable(value)
    for kind in getattr(value, "__annotations__", {{}}).values() if isinstance(kind, str)
)"""


def found_at_connect(find: str) -> list[str]:
    """What an expression finds in a `gen` at the moment in which it connects, to be refused."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    done = subprocess.run(
        [sys.executable, "-c", _AT_CONNECT.format(find=find), url],
        env={**_without_coverage(), "COGVIEW_API_KEY": "id.secret"},
        capture_output=True, stdin=subprocess.DEVNULL, text=True, check=True,
    )  # fmt: skip
    code, *found = done.stdout.split()
    assert code == "75", done
    return found


def _loaded_by_asyncio() -> set[str]:
    """What Python's own way to the network brings: since 3.14 dataclasses is among it."""
    probe = "import sys, asyncio; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_no_request_needs_is_not_loaded_before_it_is_sent() -> None:
    found = found_at_connect(_LOADED)
    assert [name for name in found if name not in _loaded_by_asyncio()] == READERS


def test_no_pattern_is_compiled_before_it_is_used() -> None:
    """Of 46 on the way to the first byte, few are needed there; each takes up to 0.2 ms."""
    assert found_at_connect(_PATTERNS) == []


def test_no_large_record_is_made_of_strings() -> None:
    """NamedTuple compiles each field's type that is a string, as with `annotations` imported."""
    assert found_at_connect(_OF_STRINGS) == []


def test_typer_reads_no_strings() -> None:
    """It would compile the types of each option's functions twice."""
    assert set(found_at_connect(_FOR_TYPER)) <= {"cogview_cli.cli.completion._requests"}


def test_a_generation_never_loads_pydantic_or_the_progress_bars() -> None:
    found = loaded_by(
        "gen", "cat", "-s", "512x512", "--sandbox", heavy=("pydantic", "rich", "httpcore", "anyio")
    )
    assert found == []


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, cogview_cli; print([n for n in sys.modules if 'cogview_cli.' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_garbage_is_collected_again_after_the_outermost_block_of_loading() -> None:
    assert gc.isenabled()
    with pytest.raises(ImportError), no_garbage_collection():
        with no_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()
