"""Whether a run reads its pictures, and whether anything here can."""

from __future__ import annotations

from collections.abc import Sequence

from cogview_cli.config.settings import Settings


def settings_with_text(settings: Settings, text: Sequence[str] | None) -> Settings:
    """The settings of a run with these `--text`; MachineError where nothing can read pictures.

    A text says that it is looked at, unless --no-check-text says otherwise.
    """
    if text and not settings.is_flag("check_text"):
        settings = settings._replace(check_text=True)
    if settings.checks_text:
        from cogview_cli.textcheck.extra import require

        require()
    return settings
