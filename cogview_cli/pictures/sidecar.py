"""The JSON file beside each image: what was asked, what came, what it cost."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogview_cli import __version__
from cogview_cli.api.protocol import Reply
from cogview_cli.api.request import ImageRequest, extra_fields
from cogview_cli.config.tables import EXTRA
from cogview_cli.disk.atomic import replace_whole
from cogview_cli.disk.regular import NotRegular, read_regular
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.outcome import SavedFile

if TYPE_CHECKING:
    from cogview_cli.ledger import Entry  # loads SQLite, which a gallery can do without

SCHEMA = 1
SUFFIX = ".json"
# Behind the name of what came and could not be shown to be an image.
UNVERIFIED_SUFFIX = ".unverified"
LONGEST_BYTES = 16 * 2**20


def sidecar_path(image: Path) -> Path:
    """`cat.png` → `cat.png.json`."""
    return image.with_name(image.name + SUFFIX)


def read(path: Path) -> dict[str, Any]:
    """The content of the sidecar at `path`.

    Raises OSError if it cannot be read, ValueError if it is damaged or no JSON object.
    """
    return parse(read_regular(path, LONGEST_BYTES)[0])


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` holds; ValueError if it holds none."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


def found_file(image: Path) -> SavedFile:
    """An image that was there before, as far as can be told without opening it.

    What its sidecar says of it counts while its size is still the same.
    """
    beside = sidecar_path(image)
    size = image.stat().st_size if image.exists() else 0
    told = _image_of(beside) if beside.exists() else {}
    if told.get("bytes") != size:
        told = {}
    return SavedFile(
        file=str(image),
        sidecar=str(beside) if beside.exists() else None,
        format=image.suffix.lstrip("."),
        width=_number(told.get("width")),
        height=_number(told.get("height")),
        bytes=size,
        sha256=_hash(told.get("sha256")),
    )


def _image_of(path: Path) -> dict[str, Any]:
    """What a sidecar says of its image; nothing where it is damaged."""
    try:
        image = read(path).get("image")
    except (OSError, ValueError):
        return {}
    return image if isinstance(image, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _hash(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) else ""


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def describe(
    entry: Entry, reply: Reply, saved: SavedFile, url: str | None, download_s: float
) -> dict[str, Any]:
    """The sidecar's content; `url` comes without its signed query."""
    body = entry.body
    created = reply.created if reply.created is not None else int(entry.asked)
    row_id = (entry.source or {}).get("row_id")
    return {
        "schema": SCHEMA,
        "prompt": body["prompt"],
        "model": body["model"],
        "size": body.get("size"),
        "quality": body.get("quality"),
        "user_id": body.get("user_id"),
        "watermark_enabled": body.get("watermark_enabled"),
        "created": created,
        "created_at": _iso(created),
        "expires_at": _iso(entry.expires),
        "content_filter": list(reply.content_filter),
        "request_id": reply.request_id,
        "id": entry.id,
        "key": entry.key,
        **({} if row_id is None else {"row_id": row_id}),
        "url": url,
        "image": {
            "file": os.path.basename(saved.file),
            "format": saved.format,
            "width": saved.width or None,
            "height": saved.height or None,
            "bytes": saved.bytes,
            "sha256": saved.sha256,
        },
        "cost": {
            "amount": None if entry.price is None else str(entry.price),
            "currency": entry.currency,
        },
        "timing": {
            "generate_s": round(entry.generate_s or 0.0, 3),
            "download_s": round(download_s, 3),
        },
        "source": entry.source,
        **_beside_the_usual(entry, saved),
        "generator": f"cogview-cli/{__version__}",
    }


def _beside_the_usual(entry: Entry, saved: SavedFile) -> dict[str, Any]:
    """More fields of the body, take, text, queue, sandbox: only where it is so."""
    extra, text = extra_fields(entry.body), _text_of(entry, saved)
    return {
        **({"take": entry.take} if entry.take > 1 else {}),
        **({"text": text} if text is not None else {}),
        **({"extra": extra} if extra else {}),
        **({"queue": {"batch": entry.task, "custom_id": entry.key}} if entry.part else {}),
        **({"sandbox": True} if entry.by_sandbox else {}),
    }


def _text_of(entry: Entry, saved: SavedFile) -> dict[str, Any] | None:
    """What was read of one picture of an answer that may have several."""
    pictures: list[dict[str, Any]] | None = (entry.text or {}).get("pictures")
    if pictures is None:
        return entry.text
    pairs = zip(pictures, entry.files, strict=False)
    return next((text for text, file in pairs if file.get("sha256") == saved.sha256), None)


def write(image: Path, content: dict[str, Any]) -> Path:
    """Writes the sidecar of `image` whole; returns its path."""
    path = sidecar_path(image)
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    # Named after the request, so that the next run replaces what a killed one left.
    temporary = image.with_name(f".cogview-{content['id']}.tmp")
    replace_whole(path, text.encode("utf-8", "backslashreplace"), temporary=temporary)
    return path


def belongs_to(path: Path, id: str, key: str) -> bool:
    """Whether the sidecar at `path` is of request `id`, or of an earlier one for its image."""
    try:
        content = read(path)
    except (OSError, ValueError):
        return False
    return bool(content.get("id") == id or content.get("key") == key)


def read_request(path: Path) -> ImageRequest:
    """The request that a sidecar describes; UsageError if it is none."""
    try:
        content = read(path)
        request = _request(content)
    except NotRegular:
        raise _not_a_sidecar(path) from None
    except OSError as error:
        raise UsageError(
            _("cannot read '{path}': {why}", path=path, why=error.strerror),
            hint=_("give a sidecar, such as cat.png.json"),
        ) from None
    except (ValueError, TypeError, KeyError):
        raise _not_a_sidecar(path) from None
    if content["schema"] > SCHEMA:
        raise UsageError(
            _("'{path}' was written by a newer cogview", path=path), hint=_("upgrade cogview")
        )
    return request


def _request(content: dict[str, Any]) -> ImageRequest:
    """The request of a sidecar's content. TypeError, KeyError, ValueError if it holds none."""
    if type(content["schema"]) is not int:
        raise TypeError
    extra: Any = EXTRA.read(content.get("extra", {}))
    request = ImageRequest.from_body({**content, "response_format": None}, extra)
    needed, others = request[:2], request[2:5]
    if not all(isinstance(text, str) and text.strip() for text in needed):
        raise TypeError
    if not all(isinstance(text, str | None) for text in others):
        raise TypeError
    if not isinstance(request.watermark, bool | None):
        raise TypeError
    "".join(text or "" for text in (*needed, *others)).encode()  # no half surrogate pairs
    return request


def _not_a_sidecar(path: Path) -> UsageError:
    return UsageError(
        _("'{path}' is not a sidecar", path=path), hint=_("give the .json file beside an image")
    )
