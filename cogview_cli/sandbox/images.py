"""The image host: another origin, which must never see a key."""

from __future__ import annotations

import asyncio
import random
from email.utils import formatdate

from cogview_cli.sandbox.books import Stats
from cogview_cli.sandbox.downloads import ACTS, XML, Fetch, whole, xml_error
from cogview_cli.sandbox.faults import due
from cogview_cli.sandbox.gallery import PictureStore, StoredPicture
from cogview_cli.sandbox.picture import render
from cogview_cli.sandbox.stamp import stamped
from cogview_cli.sandbox.wire import Peer, Request

Range = tuple[float, float]
_SECRET = ("authorization", "cookie", "proxy-authorization", "x-api-key")


class ImageHost:
    """Serves signed pictures. `mirror` is its second origin; faults happen only on the first."""

    def __init__(
        self,
        gallery: PictureStore,
        books: Stats,
        rng: random.Random,
        *,
        latency: Range,
        drip: float,
    ) -> None:
        self.mirror = ""
        self._gallery, self._books, self._rng = gallery, books, rng
        self._latency, self._drip = latency, drip

    async def handle(self, peer: Peer, request: Request) -> None:
        """Answer on the first origin."""
        await self._answer(peer, request, mirrored=False)

    async def handle_mirror(self, peer: Peer, request: Request) -> None:
        """Answer on the mirror."""
        await self._answer(peer, request, mirrored=True)

    async def _answer(self, peer: Peer, request: Request, *, mirrored: bool) -> None:
        self._note_leaks(request)
        hung = self._gallery.find(request.path)
        if hung is None or request.method != "GET":
            await peer.reply(404, xml_error("NoSuchKey", "no such picture"), XML)
        elif fault := _refusal(hung, request.query, self._books.now()):
            await peer.reply(403, xml_error(*fault), XML, {"Date": _date(hung)})
        else:
            await self._serve(peer, request, hung, mirrored=mirrored)

    async def _serve(
        self, peer: Peer, request: Request, hung: StoredPicture, *, mirrored: bool
    ) -> None:
        hung.gets += not mirrored
        fault = "" if mirrored else due(hung.faults, hung.gets)
        self._books.downloads[hung.sketch.prompt] += 1
        await asyncio.sleep(self._rng.uniform(*self._latency))
        image = stamped(await asyncio.to_thread(render, hung.sketch), hung.mark or request.path)
        await ACTS.get(fault, whole)(Fetch(peer, request, image, self.mirror, self._drip))

    def _note_leaks(self, request: Request) -> None:
        found = [f"{name}: {request.headers[name]}" for name in _SECRET if name in request.headers]
        if request.method not in ("GET", "HEAD"):
            found.append(f"{request.method} {request.path}")
        self._books.leaks.extend(found)


def _refusal(hung: StoredPicture, query: str, now: float) -> tuple[str, str] | None:
    """Why a request may not have the picture. The query counts byte for byte."""
    if query != hung.query:
        return "SignatureDoesNotMatch", "the signature does not match"
    if hung.expired or now > hung.expires:
        return "AccessDenied", "the link has expired"
    return None


def _date(hung: StoredPicture) -> str:
    """The host's clock; behind an expired link it stands a day later than the link's end."""
    return formatdate(hung.expires + 86400 if hung.expired else None, usegmt=True)
