"""Items, sidecars, pictures and parsed pages for the tests of the gallery."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from cogview_cli.api.protocol import Answer
from cogview_cli.gallery.items import Cost, GalleryItem, ItemStatus, Picture
from cogview_cli.ledger import Intent, Ledger

VOID = {"meta", "link", "img", "input", "path"}
HOSTILE = (
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"quoted\" 'twice' <b>&amp;</b> --> ]]>",
    "left \u202egnp.exe\u202c right \u2066open",
    "一只可爱的小猫咪\n第二行",
)


def item(path: str = "cat.png", **fields: Any) -> GalleryItem:
    """A saved picture."""
    return GalleryItem(
        status=ItemStatus.SAVED, picture=Picture(path=path, width=1440, height=720), **fields
    )


def paid(amount: str, currency: str = "CNY") -> Cost:
    return Cost(amount=Decimal(amount), currency=currency)


def picture(
    path: Path, colour: str = "#336699", size: tuple[int, int] = (64, 48), **sidecar: Any
) -> Path:
    """An image file of one colour; with a sidecar if any of its fields is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    if sidecar:
        content = {"schema": 1, "prompt": "cat", "model": "cogview-4", **sidecar}
        path.with_name(path.name + ".json").write_text(json.dumps(content), "utf-8")
    return path


def ledger() -> Ledger:
    """The ledger of this test's own state folder."""
    return Ledger(Path(os.environ["COGVIEW_STATE_DIR"]))


def asked(
    opened: Ledger, folder: Path, prompt: str, key: str, *, account: str = "a", after: str = ""
) -> str:
    """A request of a batch into `folder`, perhaps `after` an earlier one of its key; its id."""
    intent = Intent(
        key=key, body={"model": "cogview-4", "prompt": prompt, "size": "512x512"}, target={},
        price=Decimal("0.06"), currency="CNY", base_url="https://api.invalid", account=account,
        namespace=str(folder),
    )  # fmt: skip
    return opened.intend(intent, known={after}).id


def answered(status: int, content: Any) -> Answer:
    return Answer(status=status, headers={}, raw=json.dumps(content).encode())


@dataclass
class Element:
    """One element of a parsed page; `children` are elements and texts."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, tag: str = "", css: str = "") -> list[Element]:
        """The elements below with this tag and this class."""
        found = (e for e in self.walk() if not tag or e.tag == tag)
        return [e for e in found if not css or css in (e.attributes.get("class") or "").split()]

    def one(self, tag: str = "", css: str = "") -> Element:
        (found,) = self.all(tag, css)
        return found


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(attrs) == len(element.attributes), f"an attribute of <{tag}> is there twice"
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """The page's tree; fails if it is not well nested."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root], [e.tag for e in builder.open]
    return builder.root
