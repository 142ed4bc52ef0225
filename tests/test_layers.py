"""Imports point one way, from a folder to those below it, and each outside library has one home."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cogview_cli
from cogview_cli.batch.resume import Action
from cogview_cli.ledger import State
from cogview_cli.outcome import Status

ROOT = Path(cogview_cli.__file__).parent
# From the top. A folder (or a module of the top level) imports only from lines below its own;
# what stands on one line are neighbours that do not know each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("commands", "python_api"),
    ("gen", "batch", "history"),
    ("queue",),
    ("engine", "gallery", "app"),
    ("pictures", "cli"),
    ("ledger",),
    ("sandbox", "config", "sources", "help"),
    ("api", "terminal", "textcheck"),
    ("net", "disk", "outcome"),
    ("errors", "i18n", "loading", "pillow"),
    ("__init__",),
)
LEVEL = {name: level for level, line in enumerate(ORDER) for name in line}
HOMES = {
    "httpx": {"net", "api", "pictures"},
    "h11": {"net", "sandbox"},
    "PIL": {"pillow", "pictures", "textcheck", "sandbox", "batch", "gallery", "terminal"},
    "rapidocr": {"textcheck"},
    "onnxruntime": {"textcheck"},
    "cv2": {"textcheck"},
    "numpy": {"textcheck"},
    "typer": {"commands", "cli", "app"},
    "rich": {"terminal", "batch"},
    "sqlite3": {"ledger", "batch"},
    "tomlkit": {"config", "commands"},
    "yaml": {"sources"},
    "python_calamine": {"sources"},
    "filelock": {"disk"},
    "gc": {"loading"},
}
# Outside these no module speaks SQL or sees a connection; more texts of it than so many are there.
SQL_HOMES = {"batch.plan": 10, "batch.name_table": 1, "batch.plan_results": 4}
_SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA|ORDER BY|GROUP BY|NOT IN|IS NULL)\b"
)
_EXECUTE = {"execute", "executemany", "executescript"}
# Where one of these words stands outside its enumeration because it means something else.
OTHER_WORDS = {
    ("api.batches", "failed"): "a count of the vendor's",
    ("batch.failed_rows", "failed"): "the name of a file",
    ("cli.json_fields", "done"): "a count of the vendor's",
    ("cli.json_fields", "expired"): "a picture of a gallery",
    ("cli.json_fields", "failed"): "a count of the vendor's",
    ("commands.queue", "done"): "a count of the vendor's",
    ("commands.queue", "failed"): "a count of the vendor's",
    ("commands.queue", "unsaved"): "a count of a line",
    ("engine.retry", "unknown"): "a counter of Attempts",
    ("history.lines", "refused"): "what people read",
    ("history.lines", "saved"): "what people read",
    ("history.lines", "unknown"): "what people read",
    ("ledger.entry", "answer"): "a column",
    ("ledger.reader", "answer"): "a column",
    ("python_api.keywords", "wait"): "an option",
}
MODULES = sorted(ROOT.rglob("*.py"))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _room(name: str) -> str:
    return name.partition(".")[0]


def _imports(path: Path) -> Iterator[str]:
    """Everything a module imports, at its top or inside a function.

    But for the package itself, which names what is public and loads that when it is asked for.
    """
    if path == ROOT / "__init__.py":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{item.name}" for item in node.names)


def _rooms_imported(path: Path) -> set[str]:
    """The rooms of the package that a module imports from."""
    own = (name.removeprefix("cogview_cli.") for name in _imports(path) if "cogview_cli." in name)
    return {room if (room := _room(name)) in LEVEL else "__init__" for name in own}


def test_every_room_has_its_line() -> None:
    """A new folder is given its place before anything is put into it."""
    assert {_room(_name(path)) for path in MODULES} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_to_rooms_below(path: Path) -> None:
    mine = _room(_name(path))
    for theirs in _rooms_imported(path) - {mine}:
        assert LEVEL[theirs] > LEVEL[mine], f"{mine} imports from {theirs}"


def test_no_room_has_a_circle_of_imports() -> None:
    """Inside a folder, too, modules import one way."""
    graph = {_name(path): _modules_imported(path) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _modules_imported(path: Path) -> set[str]:
    known = {_name(other) for other in MODULES}
    found: set[str] = set()
    for imported in _imports(path):
        if imported.startswith("cogview_cli."):
            module = imported.removeprefix("cogview_cli.")
            candidates = (
                module,
                module.rpartition(".")[0],
                f"{module.rpartition('.')[0]}.__init__",
            )
            found.add(next((name for name in candidates if name in known), "__init__"))
    return found - {_name(path)}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_outside_libraries_have_one_home(path: Path) -> None:
    used = {imported.partition(".")[0] for imported in _imports(path)}
    for library in used & HOMES.keys():
        assert _room(_name(path)) in HOMES[library], f"{library} in {_name(path)}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_stay_small_and_functions_short(path: Path) -> None:
    """At most 350 lines a module, 60 a function (option lists apart)."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.body[0].lineno <= 60, node.name


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_sql_has_one_home_beside_the_ledger(path: Path) -> None:
    if _room(_name(path)) == "ledger" or _name(path) in SQL_HOMES:
        return
    for node in ast.walk(_without_docstrings(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not _SQL.search(node.value), f"line {node.lineno}: {node.value}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in _EXECUTE, f"line {node.lineno}"


def test_the_homes_of_sql_are_found() -> None:
    """Or the test above could not fail."""
    for name, fewest in SQL_HOMES.items():
        path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        found = [node for node in ast.walk(_without_docstrings(path)) if _is_text(node, _SQL)]
        assert len(found) > fewest


def _is_text(node: ast.AST, pattern: re.Pattern[str]) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(pattern.search(text))


def _without_docstrings(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = None
    return tree


def _enum_members(tree: ast.Module) -> set[int]:
    """The lines on which the members of enumerations are declared."""
    enums = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and "Enum" in base.id for base in node.bases)
    )
    return {part.lineno for node in enums for part in node.body}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_status_state_or_action_is_bare_text(path: Path) -> None:
    """A misspelt word is a comparison that is never true; a misspelt member is an error."""
    words = {member.value for enum in (Status, State, Action) for member in enum}
    tree = _without_docstrings(path)
    declared = _enum_members(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in words:
            known = node.lineno in declared or (_name(path), node.value) in OTHER_WORDS
            assert known, f"line {node.lineno}: {node.value!r}"


def test_other_words_are_still_there() -> None:
    """An exception that nothing needs any more goes."""
    for name, word in OTHER_WORDS:
        tree = _without_docstrings(ROOT.joinpath(*name.split(".")).with_suffix(".py"))
        assert any(isinstance(n, ast.Constant) and n.value == word for n in ast.walk(tree))
