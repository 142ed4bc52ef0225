"""Everything that is generated, made by one command: `python -m tests.generate`.

`--check` only compares and exits with 1, naming what differs. Made are the Chinese catalogue
(.po updated from the code, .mo compiled), the tables of the manual's pages, the completion
scripts and the pictures of the README.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Before the program is imported: help texts take the language there and then.
os.environ["COGVIEW_LANG"] = "en"

from babel.messages.catalog import Catalog

from tests import catalogue, readme, screenshot

ROOT = Path(__file__).parent.parent
COMPLETIONS = {
    "bash": "cogview.bash",
    "zsh": "_cogview",
    "fish": "cogview.fish",
    "pwsh": "cogview.ps1",
}
_COGVIEW = "import sys; sys.argv[0] = 'cogview'; from cogview_cli.__main__ import main; main()"


def translations(chinese: Catalog) -> dict[Path, bytes]:
    """The catalogue as source and compiled; what follows is made with it."""
    return {
        catalogue.SOURCE: catalogue.source(chinese),
        catalogue.COMPILED: catalogue.compiled(chinese),
    }


def generated(chinese: Catalog) -> dict[Path, bytes]:
    """Every other generated file with what belongs into it, given the updated catalogue."""

    def in_chinese(text: str) -> str:
        entry = chinese.get(text)
        return str(entry.string or text) if entry else text

    parts = {
        "en": readme.sections("en", str, readme.options_reference()),
        "zh": readme.sections("zh", in_chinese, options("zh")),
    }
    pages = {path: text for lang in parts for path, text in readme.pages(lang, parts[lang]).items()}
    return {
        **{path: text.encode() for path, text in pages.items()},
        **{ROOT / "completions" / file: script(shell) for shell, file in COMPLETIONS.items()},
    }


def options(lang: str) -> str:
    """The reference of all options in another language than this process's."""
    code = f"from tests.readme import options_reference; print(options_reference({lang!r}))"
    environment = {**os.environ, "COGVIEW_LANG": lang, "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def script(shell: str) -> bytes:
    """The completion script for a shell, as the program itself gives it."""
    environment = {**os.environ, "_COGVIEW_COMPLETE": f"source_{shell}"}
    command = [sys.executable, "-c", _COGVIEW]
    return subprocess.run(command, env=environment, capture_output=True, check=False).stdout


def bring_up_to_date(files: Mapping[Path, bytes], *, check: bool) -> int:
    """Names the files that differ, and unless `check` writes them; the exit code."""
    stale = [path for path, data in files.items() if not _holds(path, data)]
    for path in stale:
        print(f"{'differs' if check else 'written'}: {path}")
        if not check:
            path.write_bytes(files[path])
    return 1 if check and stale else 0


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def main(arguments: list[str]) -> int:
    """Runs the command; 1 if something differs or has no translation."""
    parser = argparse.ArgumentParser(prog="python -m tests.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(arguments).check
    chinese = catalogue.updated(catalogue.catalogue(), catalogue.template())
    code = bring_up_to_date(translations(chinese), check=check)
    code |= bring_up_to_date(generated(chinese), check=check)
    code |= bring_up_to_date(screenshot.sessions(), check=check)
    missing = catalogue.untranslated(chinese)
    for text in missing:
        print(f"not translated, in {catalogue.SOURCE.name}: {text!r}")
    if not (check or screenshot.RESULT.exists()):
        screenshot.draw_result()
    return 1 if missing else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
