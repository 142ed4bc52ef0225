"""Where the pictures of a contact sheet go. Pure; all lengths in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _

SIDE_LIMIT = 10_000
PICTURES_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Square cells of `thumb` pixels with a caption below each."""

    columns: int
    thumb: int

    @property
    def gap(self) -> int:
        """Between cells, and around all of them."""
        return max(8, self.thumb // 12)

    @property
    def text(self) -> int:
        """The height of the captions' letters."""
        return max(11, self.thumb // 18)

    @property
    def caption(self) -> int:
        """The height of a caption: two lines and some air above."""
        return round(self.text * 3.4)

    @property
    def rows(self) -> int:
        """The most rows of one page."""
        by_height = (SIDE_LIMIT - self.gap) // (self.thumb + self.caption + self.gap)
        return max(1, min(by_height, PICTURES_LIMIT // self.columns))

    @property
    def page(self) -> int:
        """The most pictures of one page."""
        return self.rows * self.columns

    def check(self) -> None:
        """Raises UsageError for pages wider than SIDE_LIMIT."""
        if self.size(self.columns)[0] > SIDE_LIMIT:
            most = (SIDE_LIMIT - self.gap) // (self.thumb + self.gap)
            raise UsageError(
                _(
                    "a sheet of {columns} columns of {thumb} px is wider than {limit} px",
                    columns=self.columns,
                    thumb=self.thumb,
                    limit=SIDE_LIMIT,
                ),
                hint=_("--columns {most} or a smaller --thumb", most=most),
            )

    def size(self, pictures: int) -> tuple[int, int]:
        """Width and height of a page with so many pictures."""
        columns = min(self.columns, max(1, pictures))
        rows = -(-pictures // self.columns)
        width = self.gap + columns * (self.thumb + self.gap)
        return width, self.gap + rows * (self.thumb + self.caption + self.gap)

    def corner(self, at: int) -> tuple[int, int]:
        """The upper left corner of cell number `at` of a page, from 0."""
        row, column = divmod(at, self.columns)
        x = self.gap + column * (self.thumb + self.gap)
        return x, self.gap + row * (self.thumb + self.caption + self.gap)
