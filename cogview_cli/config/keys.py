"""The key to send: from a variable, the config file, or a command that prints it."""

from __future__ import annotations

import subprocess

from cogview_cli.config.declarations import NO_AUTH
from cogview_cli.config.secret import Secret, clean_key
from cogview_cli.config.settings import Settings, check_base_url, shown_origin
from cogview_cli.errors import AccountError
from cogview_cli.i18n import _

COMMAND_SECONDS = 30


def key_if_any(settings: Settings) -> Secret | None:
    """As `resolve_key`; None for a server without keys."""
    if settings.auth == NO_AUTH:
        check_base_url(settings.base_url, allow_http=settings.allow_http)
        return None
    return resolve_key(settings)


def resolve_key(settings: Settings) -> Secret:
    """The key, valid in a header. Raises unless the base URL is one it may be sent to."""
    check_base_url(settings.base_url, allow_http=settings.allow_http)
    if settings.api_key is not None:
        source = settings.origins.get("api_key")
        where = shown_origin(source) if source else _("a flag")
        return clean_key(settings.api_key.reveal(), where)
    if settings.api_key_command is not None:
        source = shown_origin(settings.origins.get("api_key_command", "api_key_command"))
        return clean_key(_run(settings.api_key_command), f"api_key_command ({source})")
    raise AccountError(
        _("there is no API key"),
        hint=_(
            "run: cogview config set api-key; or set COGVIEW_API_KEY; or try without one:"
            ' --sandbox; for a server without keys: auth = "none" in the profile'
        ),
    )


def _run(command: str) -> str:
    """The first line the command prints. Its stderr goes to the user."""
    import shlex

    try:
        done = subprocess.run(
            shlex.split(command),
            stdout=subprocess.PIPE,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _command_failed(
            _("api_key_command took more than {seconds} seconds", seconds=COMMAND_SECONDS)
        ) from None
    except OSError as error:
        raise _command_failed(
            _("api_key_command could not be started: {why}", why=error.strerror)
        ) from None
    except (ValueError, IndexError):
        raise _command_failed(
            _("api_key_command is not a command line; look at its quotes")
        ) from None
    if done.returncode:
        raise _command_failed(
            _("api_key_command ended with exit code {code}", code=done.returncode)
        )
    return done.stdout.decode("utf-8", "replace").lstrip("\r\n").split("\n", 1)[0]


def _command_failed(message: str) -> AccountError:
    # The command line is not repeated: it may have a password in it.
    return AccountError(
        message,
        hint=_("see: cogview config get api-key-command; or run: cogview config set api-key"),
    )
