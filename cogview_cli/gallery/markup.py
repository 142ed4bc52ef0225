"""Text made safe for HTML. Prompts, file names and server messages are hostile."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from pathlib import Path
from urllib.parse import quote

# HTML has no place for these, not even escaped.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escape(text: object) -> str:
    """`text` for HTML content and for quoted attributes."""
    return html.escape(_CONTROLS.sub("\ufffd", str(text)), quote=True)


def isolated(text: object) -> str:
    """`text` in an element that its bidi controls cannot reach out of."""
    return f"<bdi>{escape(text)}</bdi>"


def shown_name(path: str) -> str:
    """A path as readable text; bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def link(folder: Path, path: str, page_folder: Path) -> str:
    """The relative, percent-encoded address of `folder/path`, seen from `page_folder`."""
    target = os.path.relpath(folder / path, page_folder)
    return quote(os.fsencode(Path(target).as_posix()), safe="/")


def csp_hash(content: str) -> str:
    """The source expression that lets a policy allow this inline script or style."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
