"""Nothing needs a module that only POSIX systems have, at import or for a picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty")
# What the standard library and others import before this runs is not hidden from them.
_HIDING = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for name in {POSIX!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())
"""
_EVERYTHING = """
import importlib, pkgutil
import cogview_cli
for module in pkgutil.walk_packages(cogview_cli.__path__, "cogview_cli."):
    if module.name != "cogview_cli.__main__":
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in ("cv2", "numpy", "rapidocr"):  # of the extra `ocr`
                raise
        print(module.name)
"""
_COMMAND = """
from cogview_cli.__main__ import main
sys.argv = ["cogview", *sys.argv[1:]]
sys.exit(main())
"""


def without_posix(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in a Python that has none of the modules."""
    return subprocess.run(
        [sys.executable, "-c", _HIDING + script, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("name", POSIX)
def test_they_are_hidden(name: str) -> None:
    """Or the tests below could not fail."""
    assert "No module named" in without_posix(f"import {name}").stderr


def test_every_module_can_be_imported() -> None:
    done = without_posix(_EVERYTHING)
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 150, done


def test_a_picture_is_made() -> None:
    done = without_posix(_COMMAND, "gen", "cat", "--sandbox", "-s", "512x512", "-o", "cat.png")
    assert (done.returncode, done.stdout) == (0, "cat.png\n"), done
    assert Path("cat.png").is_file() and Path("cat.png.json").is_file()


def test_a_batch_is_made_and_goes_on() -> None:
    Path("p.txt").write_text("cat\ndog\n")
    for status in ("saved", "skipped"):
        done = without_posix(_COMMAND, "batch", "p.txt", "--sandbox", "-s", "512x512", "--json")
        assert done.returncode == 0 and done.stdout.count(f'"status": "{status}"') == 2, done
