"""Whether text can be read here: the extra `ocr` brings the reader and its models."""

from __future__ import annotations

from importlib.util import find_spec

from cogview_cli.disk.extras import install_command
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _

NEEDED = ("rapidocr", "onnxruntime")
_EXTRA = "'cogview-cli[ocr]'"


def available() -> bool:
    """Whether the extra is installed; imports nothing of it."""
    return all(find_spec(name) is not None for name in NEEDED)


def require() -> None:
    """MachineError, with the command that installs the extra, where it is not installed."""
    if not available():
        raise MachineError(
            _("reading the text of pictures needs the extra 'ocr'"),
            hint=install_command(NEEDED, _EXTRA),
        )
