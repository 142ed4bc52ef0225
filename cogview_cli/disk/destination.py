"""Where an image goes: what `--output` means, and the name template behind it."""

import os.path
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cogview_cli.disk.holes import escape_braces
from cogview_cli.disk.home import expand_home
from cogview_cli.disk.names import (
    IMAGE_SUFFIXES,
    PICTURE_SUFFIXES,
    SAVED_SUFFIXES,
    check_braces,
    check_template,
    expand,
    template_fields,
    with_number,
)
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.i18n import _

GEN_TEMPLATE = "{date}-{time}-{slug}"
STDOUT = "-"
# What people may take for a picture's suffix, and is none here: no name for a folder.
FOREIGN_SUFFIXES = frozenset(
    (
        ".apng", ".avif", ".bmp", ".gif", ".heic", ".heif", ".html", ".ico", ".jfif", ".jp2",
        ".jpe", ".jpgg", ".jpng", ".json", ".jxl", ".mp4", ".pdf", ".pgn", ".pmg", ".pngg", ".psd",
        ".svg", ".tga", ".tif", ".tiff", ".txt", ".wepb", ".wbp", ".zip",
    )
)  # fmt: skip
# Known only once the answer has arrived.
_LATE_FIELDS = {"created", "ext"}


class Destination(NamedTuple):
    """A root folder, a template below it (without suffix), and the format to end in.

    The root itself is created on demand, its parent is not. `number` is added to the name
    if it is not 1: two images of one template are told apart before they are there.
    """

    root: str
    template: str
    format: str = "original"
    sidecar: bool = True
    on_exists: str = "rename"
    stdout: bool = False
    number: int = 1


def from_output(
    output: str | None,
    *,
    format: str,
    sidecar: bool,
    on_exists: str,
    count: int = 1,
    format_typed: bool = True,
) -> Destination:
    """Reads `--output`: `-`, a folder, a file or a template.

    Raises UsageError if its suffix contradicts a format that was typed; a configured format
    yields to the suffix.
    """
    root, template = _split(output)
    template, implied = without_suffix(template)
    if implied and format_typed and format not in ("original", implied):
        raise UsageError(
            _("--format {format} contradicts --output '{output}'", format=format, output=output),
            hint=_("leave one of the two out"),
        )
    if count > 1 and "n" not in template_fields(template):
        template += "-{n}"
    return Destination(
        root=str(root.absolute()),
        template=template,
        format=implied or format,
        sidecar=sidecar and output != STDOUT,
        on_exists=on_exists,
        stdout=output == STDOUT,
    )


def _split(output: str | None) -> tuple[Path, str]:
    """The root folder and the template that `output` stands for."""
    if output is None or output == STDOUT:
        return Path.cwd(), GEN_TEMPLATE
    path = Path(expand_home(output))
    check_output(output)
    if template_fields(output):
        literal = list(path.parts[: _first_hole(path)])
        return Path(*literal), "/".join(path.parts[len(literal) :])
    if (
        path.suffix.lower() in IMAGE_SUFFIXES
        and not os.path.isdir(path)
        and not output.endswith("/")
    ):
        if os.path.exists(path) and not os.path.isfile(path):
            raise MachineError(
                _("'{path}' is not a regular file", path=output), hint=_("choose another --output")
            )
        return path.parent, escape_braces(path.name)
    if os.path.exists(path) and not os.path.isdir(path):
        raise MachineError(
            _("'{path}' is not a folder", path=output), hint=_("choose another --output")
        )
    return path, GEN_TEMPLATE


def check_output(output: str, *, folder: bool = False) -> None:
    """UsageError for what would make a folder of a mistyped file or template.

    What is there already is meant. `folder`: a picture's suffix is a mistake, too.
    """
    path = Path(expand_home(output))
    if os.path.lexists(path):
        return
    new = [part.name for part in (path, *path.parents) if not os.path.lexists(part)]
    check_braces("/".join(reversed(new)))
    if not output.endswith(("/", os.sep)):
        check_suffix(path.name)
    if folder and path.suffix.lower() in IMAGE_SUFFIXES and not output.endswith("/"):
        raise UsageError(
            _("--output '{path}' is a file's name; a folder is needed", path=output),
            hint=f"-o {output.removesuffix(path.suffix)}/",
        )


def check_suffix(name: str) -> None:
    """UsageError for a file name whose suffix is one of pictures that are not made here."""
    suffix = Path(name).suffix
    if suffix.lower() in FOREIGN_SUFFIXES:
        raise UsageError(
            _("'{name}': {suffix} is no format that is written here", name=name, suffix=suffix),
            hint=_("use .png, .jpg or .webp, or end a folder's name with /"),
        )


def _first_hole(path: Path) -> int:
    return next(i for i, part in enumerate(path.parts) if template_fields(part))


def without_suffix(template: str) -> tuple[str, str | None]:
    """The template without its image suffix, and the format that suffix asks for."""
    if template.lower().endswith(".{ext}"):
        return template[: -len(".{ext}")], None
    suffix = Path(template).suffix
    found = IMAGE_SUFFIXES.get(suffix.lower())
    return (template[: -len(suffix)], found) if found else (template, None)


class Target(NamedTuple):
    """One image's destination with the values for its name. Kept in the ledger.

    `there`: what had its names when it was asked for, under --on-exists overwrite. Only that
    may be replaced; a file that came later was made by a later command or by the user.
    `aside`: it is beside the image that has the name that was asked for.
    """

    destination: Destination
    fields: dict[str, Any]
    there: dict[str, list[int]] | None = None
    aside: bool = False

    def place(self, late: Mapping[str, object] | None = None) -> tuple[Path, str]:
        """The folder and the stem; `late` holds values known only from the answer."""
        fields = {"created": "", "ext": "", **self.fields, **(late or {})}
        *folders, stem = expand(self.destination.template, fields)
        return Path(self.destination.root, *folders), with_number(stem, self.destination.number)

    def check(self) -> None:
        """Raises UsageError if the template uses a field that does not exist."""
        check_template(self.destination.template, {**self.fields, "created": "", "ext": ""})

    def names(self) -> list[Path]:
        """The paths an image may get, one a format; none where the answer makes the name."""
        if self.named_late:
            return []
        folder, stem = self.place()
        return [folder / f"{stem}{suffix}" for suffix in PICTURE_SUFFIXES]

    def existing(self) -> Path | None:
        """An image that already has this name; else a link under it that leads nowhere."""
        names = self.names()
        found = [*filter(os.path.exists, names), *filter(os.path.islink, names)]
        return next(iter(found), None)

    def expected_path(self, gone: Container[str] = ()) -> Path:
        """Where the image will be, if it is a PNG where no format is asked for.

        `gone` are images that will have been moved away.
        """
        folder, stem = self.place()
        number = 1
        while self.destination.on_exists == "rename" and _is_taken(
            folder, with_number(stem, number), gone
        ):
            number += 1
        suffix = SAVED_SUFFIXES.get(self.destination.format, ".png")
        return folder / f"{with_number(stem, number)}{suffix}"

    def asked_now(self) -> "Target":
        """This target with what has its names now, as far as they are known yet."""
        if self.destination.on_exists != "overwrite" or self.named_late:
            return self
        folder, stem = self.place()
        names = [f"{stem}{suffix}{more}" for suffix in PICTURE_SUFFIXES for more in ("", ".json")]
        found = {name: _identity(folder / name) for name in names}
        return self._replace(there={name: seen for name, seen in found.items() if seen})

    def may_replace(self, path: Path) -> bool:
        """Whether nothing is at `path`, or what was there when this image was asked for."""
        seen = _identity(path)
        return not seen or seen == (self.there or {}).get(path.name)

    @property
    def named_late(self) -> bool:
        """Whether the answer makes the name."""
        return bool(_LATE_FIELDS & set(template_fields(self.destination.template)))

    def record(self) -> dict[str, Any]:
        """This target as JSON data."""
        there = {} if self.there is None else {"there": self.there}
        aside = {"aside": True} if self.aside else {}
        return {"destination": self.destination._asdict(), "fields": self.fields, **there, **aside}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Target":
        """The target that `record()` wrote."""
        return cls(
            destination=Destination(**record["destination"]),
            fields=record["fields"],
            there=record.get("there"),
            aside=bool(record.get("aside")),
        )


def _is_taken(folder: Path, stem: str, gone: Container[str]) -> bool:
    paths = (folder / f"{stem}{suffix}" for suffix in PICTURE_SUFFIXES)
    return any(path.exists() and str(path) not in gone for path in paths)


def _identity(path: Path) -> list[int]:
    """What tells a file from another one of its name; empty if nothing is there."""
    try:
        found = path.lstat()
    except OSError:
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns]
