"""Images of one name are told apart in the order of their rows, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cogview_cli.batch.name_table import NameTable
from cogview_cli.batch.plan import Plan
from cogview_cli.batch.row import target_of
from cogview_cli.disk.destination import Destination
from cogview_cli.disk.names import template_fields, with_number
from cogview_cli.i18n import _n
from cogview_cli.terminal.text import clean

Taken = tuple[str, int, int, int]


class Shared(NamedTuple):
    """How many images bear a name that an earlier one has; the first such pair of rows."""

    images: int = 0
    name: str = ""
    first: str = ""
    second: str = ""

    @property
    def line(self) -> str:
        """What is said about it; "" if there are none."""
        if not self.images:
            return ""
        return _n(
            "{first} and {second} are both named '{name}': {count} image gets a number behind"
            " the name, in the order of the rows",
            "{first} and {second} are both named '{name}': {count} images get a number behind"
            " the name, in the order of the rows",
            self.images,
            first=self.first,
            second=self.second,
            name=clean(self.name),
        )


def tell_apart(plan: Plan, destination: Destination) -> Shared:
    """Numbers the images whose name an earlier row has, also of rows that are not selected.

    So a name depends on the file alone: it is the same in every run and shard.
    """
    names = plan.names()
    again = list(_taken(plan, destination, names))
    images = plan.number(_numbered(again, names))
    if not images:
        return Shared()
    name, row, _n, owner = again[0]
    stem = name.rpartition("/")[2]
    return Shared(images, stem, plan.place(owner), plan.place(row))


def _taken(plan: Plan, destination: Destination, names: NameTable) -> Iterator[Taken]:
    """(name, row, n, row that has it) of every image whose name an earlier one has."""
    for row, template, fields, count in plan.named_rows():
        used = set(template_fields(template))
        # Known only once the answer is here, or a row's own.
        if "created" in used or ("id" in used and fields["id"] == ""):
            continue
        for n in range(1, count + 1):
            folder, stem = target_of(destination, template, fields, n, "").place()
            name = (folder / stem).as_posix()
            owner = names.claim(name.casefold(), row)
            if owner is not None:
                yield name, row, n, owner


def _numbered(again: list[Taken], names: NameTable) -> Iterator[tuple[int, int, int]]:
    """(number, row, n) of each, with numbers that make no other row's name."""
    numbers: dict[str, int] = {}
    for shown, row, n, _owner in again:
        name = shown.casefold()
        number = numbers.get(name, 1) + 1
        while names.claim(with_number(name, number), row) is not None:
            number += 1
        numbers[name] = number
        yield number, row, n
