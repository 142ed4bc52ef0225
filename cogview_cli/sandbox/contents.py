"""Pictures behind relative urls, which the API's own origin serves to those with a key."""

from __future__ import annotations

import asyncio
import re

from cogview_cli.sandbox.answers import CONTENT
from cogview_cli.sandbox.gateway import detail
from cogview_cli.sandbox.picture import render
from cogview_cli.sandbox.stamp import stamped
from cogview_cli.sandbox.studio import Studio
from cogview_cli.sandbox.wire import Peer, Request

_PATH = re.compile(CONTENT.format(name="([^/]+)"))


def name_of(request: Request) -> str:
    """The picture that a GET asks for; `""` if it asks for none."""
    match = _PATH.fullmatch(request.path)
    return match[1] if match and request.method == "GET" else ""


async def serve_content(studio: Studio, peer: Peer, name: str) -> None:
    """The picture itself, or 404."""
    hung = studio.gallery.find(f"/{name}")
    if hung is None:
        await peer.reply(404, detail("Image not found"))
        return
    studio.books.downloads[hung.sketch.prompt] += 1
    image = await asyncio.to_thread(render, hung.sketch)
    await peer.reply(200, stamped(image, hung.mark or name), "image/png")
