"""The text of a picture as its sidecar has it: what was wanted, and how a check ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cogview_cli.disk.atomic import replace_fresh
from cogview_cli.pictures.sidecar import SUFFIX, read, sidecar_path
from cogview_cli.sources.aliases import LETTERING, normal
from cogview_cli.sources.record import RowError
from cogview_cli.sources.values import as_lettering
from cogview_cli.textcheck.compare import TextResult
from cogview_cli.textcheck.wanted import wanted_texts

_FIELD, _PICTURE = "text", "text_sha256"


def content_beside(image: Path) -> dict[str, Any] | None:
    """The content of the image's sidecar; None if it has none that describes an image."""
    try:
        content = read(sidecar_path(image))
    except (OSError, ValueError):
        return None
    return content if isinstance(content.get("prompt"), str) else None


def wanted_of(
    content: dict[str, Any] | None, text: Sequence[str] | None = None
) -> tuple[str, ...] | None:
    """What the picture with this sidecar should say; None where nothing can be judged.

    `text` (of `--text`) goes first, then what an earlier check wanted, the row's text column,
    and the quotations of the prompt.
    """
    if text or content is None:
        return wanted_texts("", text)
    earlier = TextResult.of_record(content.get(_FIELD))
    return wanted_texts(content["prompt"], earlier.wanted if earlier else _column(content))


def _column(content: dict[str, Any]) -> list[str] | None:
    source = content.get("source")
    columns = source if isinstance(source, dict) else {}
    for name, value in columns.items():
        if normal(name) in LETTERING and (found := _lettering(name, value)):
            return list(found)
    return None


def _lettering(name: str, value: object) -> tuple[str, ...] | None:
    try:
        return as_lettering(name, value)
    except RowError:
        return None


def earlier_result(
    content: dict[str, Any] | None, wanted: Sequence[str], sha256: str
) -> TextResult | None:
    """What an earlier check of these bytes for these texts found; None if there was none."""
    result = TextResult.of_record(content.get(_FIELD)) if content else None
    if content is None or result is None or result.wanted != tuple(wanted):
        return None
    image = content.get("image")
    checked = content.get(_PICTURE) or (image.get("sha256") if isinstance(image, dict) else None)
    return result if checked == sha256 else None


def note_result(
    image: Path, content: dict[str, Any], result: TextResult | None, sha256: str
) -> None:
    """Writes how the check ended into the sidecar of `image`, whole. OSError if it cannot be.

    `result`: None for a picture that cannot be judged. `sha256`: of the bytes that were read.
    """
    described = content.get("image")
    own = isinstance(described, dict) and described.get("sha256") == sha256
    kept = {name: value for name, value in content.items() if name not in (_FIELD, _PICTURE)}
    noted = {_FIELD: result.record() if result else None, **({} if own else {_PICTURE: sha256})}
    text = json.dumps(_before_generator(kept, noted), ensure_ascii=False, indent=2) + "\n"
    replace_fresh(image.with_name(image.name + SUFFIX), text.encode("utf-8", "backslashreplace"))


def _before_generator(content: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`generator` stays last."""
    last = {name: content[name] for name in ("generator",) if name in content}
    return {**{name: content[name] for name in content if name not in last}, **more, **last}


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
