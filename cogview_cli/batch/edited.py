"""Rows whose prompt was changed since their picture was made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cogview_cli.batch.item import Item
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.resume import Made, Sidecars
from cogview_cli.disk.atomic import ensure_folder, move_new
from cogview_cli.disk.names import with_number
from cogview_cli.errors import MachineError
from cogview_cli.i18n import _, _n
from cogview_cli.pictures.sidecar import sidecar_path
from cogview_cli.terminal.text import clean

FOLDER = "replaced"
# What tells a row from others: its file, its own id or else its line.
Row = tuple[str, str, int]


class Edited(NamedTuple):
    """A row and the picture that was made of it when it asked for something else."""

    row: int
    image: str


def edited_rows(plan: Plan, sidecars: Sidecars) -> list[Edited]:
    """The images to send whose row has a picture of another prompt.

    A picture that any row of the plan still asks for is never one of them.
    """
    if not plan.counts().to_send:
        return []  # nor is a sidecar read, of which there may be ten thousand
    left: dict[Row, list[Made]] = {}
    for made in _orphans(plan, sidecars):
        left.setdefault(made.row, []).append(made)
    if not left:
        return []
    found = []
    for item in plan.to_send():
        row = _row(item)
        others = [made for made in left.get(row, ()) if not _still_asks(item, made.prompt)]
        if others:
            left[row].remove(others[0])
            found.append(Edited(item.index, others[0].image))
    return found


def _orphans(plan: Plan, sidecars: Sidecars) -> Iterator[Made]:
    """The pictures of the folder, in order of their names, that no item asks for."""
    aside = sidecars.folder / FOLDER
    for made in sorted(sidecars.made(), key=lambda made: made.image):
        if not plan.has_key(made.key) and not Path(made.image).is_relative_to(aside):
            yield made


def _still_asks(item: Item, prompt: str) -> bool:
    """Whether the row holds the prompt, perhaps in a column that --prompt-field did not name."""
    return prompt == item.body["prompt"] or prompt in item.source.values()


def _row(item: Item) -> Row:
    source = item.source
    id = source.get("row_id")
    return source["file"], id or "", 0 if id else source["line"]


def edited_line(edited: list[Edited], plan: Plan, *, replace: bool) -> str:
    """What is said about edited rows; "" if there are none."""
    if not edited:
        return ""
    row, image = edited[0]
    values = {"place": plan.place(row), "image": clean(Path(image).name)}
    if replace:
        return _n(
            "{count} row was edited since its picture was made ({place}: '{image}');"
            " the old one goes to replaced/",
            "{count} rows were edited since their pictures were made (the first is {place}:"
            " '{image}'); the old ones go to replaced/",
            len(edited),
            **values,
        )
    return _n(
        "{count} row was edited since its picture was made ({place}: '{image}');"
        " both are kept, --replace-edited puts the old one into replaced/",
        "{count} rows were edited since their pictures were made (the first is {place}:"
        " '{image}'); both are kept, --replace-edited puts the old ones into replaced/",
        len(edited),
        **values,
    )


def set_aside(edited: list[Edited], root: Path) -> None:
    """Moves the old pictures and their sidecars into `replaced/`; MachineError if it cannot."""
    for _row_number, name in edited:
        image = Path(name)
        folder = root / FOLDER / image.parent.relative_to(root)
        try:
            ensure_folder(folder, root)
            _move(image, folder)
        except OSError as error:
            raise MachineError(
                _("cannot move '{path}': {reason}", path=name, reason=_(str(error.strerror))),
                hint=_("leave --replace-edited out"),
            ) from None


def _move(image: Path, folder: Path) -> None:
    """The sidecar last: a picture without one is never taken for done, nor lost."""
    number = 1
    while True:
        target = folder / f"{with_number(image.stem, number)}{image.suffix}"
        if not target.exists() and not sidecar_path(target).exists():
            move_new(image, target)
            move_new(sidecar_path(image), sidecar_path(target))
            return
        number += 1
