"""The key to send: from a variable, the config file, or a command that prints it."""

from __future__ import annotations

import shlex
import subprocess

from cogview_cli.config.secret import SET_KEY_HINT, Secret, clean_key
from cogview_cli.config.settings import Settings, check_base_url
from cogview_cli.errors import AccountError

COMMAND_SECONDS = 30


def resolve_key(settings: Settings) -> Secret:
    """The key, fit for a header; it exists only for a base URL it may be sent to."""
    check_base_url(settings.base_url)
    if settings.api_key is not None:
        return clean_key(settings.api_key.reveal(), settings.origins.get("api_key", "a flag"))
    if settings.api_key_command is not None:
        source = settings.origins.get("api_key_command", "api_key_command")
        return clean_key(_run(settings.api_key_command), f"api_key_command ({source})")
    raise AccountError(
        "there is no API key",
        hint="run: cogview config set api-key; or set COGVIEW_API_KEY;"
        " or try without one: --sandbox",
    )


def _run(command: str) -> str:
    """The first line the command prints. Its stderr is the user's to see."""
    try:
        done = subprocess.run(
            shlex.split(command),
            stdout=subprocess.PIPE,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _command_failed(f"took more than {COMMAND_SECONDS} seconds") from None
    except OSError as error:
        raise _command_failed(f"could not be started: {error.strerror}") from None
    except (ValueError, IndexError):
        raise _command_failed("is not a command line; look at its quotes") from None
    if done.returncode:
        raise _command_failed(f"ended with exit code {done.returncode}")
    return done.stdout.decode("utf-8", "replace").lstrip("\r\n").split("\n", 1)[0]


def _command_failed(why: str) -> AccountError:
    # The command line is not repeated: it may have a password in it.
    return AccountError(
        f"api_key_command {why}",
        hint=f"see: cogview config get api-key-command; or {SET_KEY_HINT}",
    )
