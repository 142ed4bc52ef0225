"""The command that installs an optional part fits the environment it is said in."""

from __future__ import annotations

import pytest

from cogview_cli.disk.extras import install_command

OCR = "'cogview-cli[ocr]'"


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/me/.local/share/pipx/venvs/cogview-cli", "pipx inject cogview-cli one two"),
        (
            "/home/me/.local/share/uv/tools/cogview-cli",
            "uv tool install --with one,two cogview-cli",
        ),
        ("/home/me/venv", f"pip install {OCR}"),
        ("/home/pipx/my/venvs/uv", f"pip install {OCR}"),
    ],
)
def test_pip_is_named_only_where_it_reaches_the_environment(prefix: str, command: str) -> None:
    assert install_command(["one", "two"], OCR, prefix=prefix) == command
    assert install_command(["one"], prefix="/usr") == "pip install one"
