"""Imports point one way, and each outside library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cogview_cli

ROOT = Path(cogview_cli.__file__).parent
# Lower first. A module imports only from layers before its own.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "errors", "text", "hosts", "i18n"),
    ("models", "names", "codes", "links", "budget", "stored", "config.secret", "streams"),
    ("files", "wire", "liveness", "config.kinds", "transport", "png"),
    (
        "config.store",
        "retry",
        "outcome",
        "slots",
        "images",
        "prompt",
        "request",
        "destination",
        "preview",
        "network",
        "sources",
    ),
    ("config.settings", "ledger", "client", "download"),
    ("config", "config.keys", "config.docs", "sidecar", "output", "sandbox"),
    ("reporter",),
    ("finish", "failure", "job", "health", "rescue", "config.check", "state"),
    ("sending", "batch", "gallery"),
    ("generate",),
    ("runner",),
    ("commands",),
    ("app",),
    ("commands.reference",),
    ("__main__",),
)
HOMES = {
    "httpx": {"streams", "transport", "network", "client", "download", "config.check"},
    "h11": {"transport", "sandbox"},
    "PIL": {"images", "sandbox", "batch.grid", "gallery", "preview"},
    "typer": {"commands", "app", "commands.reference"},
    "rich": {"reporter", "batch.display", "preview"},
    "sqlite3": {"ledger", "batch"},
    "tomlkit": {"config.store", "commands"},
    "yaml": {"sources"},
    "isal": {"png"},
    "filelock": {"liveness", "slots"},
}
MODULES = sorted(ROOT.rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _home(name: str) -> str:
    """The longest prefix of a module's name that a layer lists."""
    known = {item for layer in LAYERS for item in layer}
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    return name


def _level(name: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if _home(name) in layer)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{item.name}" for item in node.names)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_to_lower_layers(path: Path) -> None:
    mine = _home(_name(path))
    for imported in _imports(path):
        if not imported.startswith("cogview_cli."):
            continue
        target = imported.removeprefix("cogview_cli.")
        if not (ROOT / Path(*target.split("."))).with_suffix(".py").exists():
            continue  # a name inside a module, or a package
        theirs = _home(target)
        assert theirs == mine or _level(target) < _level(_name(path)), f"{mine} imports {target}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_outside_libraries_have_one_home(path: Path) -> None:
    used = {imported.partition(".")[0] for imported in _imports(path)}
    for library in used & HOMES.keys():
        assert {_name(path), _home(_name(path))} & HOMES[library], f"{library} in {_name(path)}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_stay_small_and_functions_short(path: Path) -> None:
    """At most 380 lines a module, 60 a function (option lists apart)."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= 380
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.body[0].lineno <= 60, node.name
