"""`gen --preview` and `--open`: never a reason to fail."""

from __future__ import annotations

from collections.abc import Sequence

from cogview_cli.i18n import _
from cogview_cli.terminal import output, preview
from cogview_cli.terminal.output import OutputOptions


def show_pictures(files: Sequence[str], style: OutputOptions, *, draw: bool, view: bool) -> None:
    """Draws the pictures in the terminal, or opens them; what goes wrong is a warning."""
    if not files:
        for flag, wanted in (("--preview", draw), ("--open", view)):
            if wanted:
                output.warn(_("{flag}: there is no picture to show", flag=flag))
        return
    if draw:
        _draw(files, style)
    if view:
        _open(files)


def _draw(files: Sequence[str], style: OutputOptions) -> None:
    stream = preview.terminal()
    if stream is None:
        if style.verbose:
            output.say(_("--preview: neither stdout nor stderr is a terminal"))
        return
    hint = ""
    for file in files:
        try:
            hint = preview.draw(file, stream)
        except Exception as error:
            why = preview.damage(file) or error
            output.warn(_("--preview: '{path}' cannot be drawn: {why}", path=file, why=why))
    if hint and not style.quiet:
        output.say(f"hint: {hint}")


def _open(files: Sequence[str]) -> None:
    for file in files:
        if not preview.open_in_viewer(file):
            output.warn(_("--open: no program opens '{path}'", path=file))
