"""`cogview` and `python -m cogview_cli`. The version is answered before anything is loaded."""

import os
import sys


def main() -> int:
    """The exit code of this process's command line."""
    try:
        return _main()
    except KeyboardInterrupt:  # before the program could say what that means
        return 130


def _main() -> int:
    if os.environ.get("_COGVIEW_COMPLETE"):
        return _complete()
    if sys.argv[1:] == ["--version"]:
        return _version()
    from cogview_cli.loading import no_garbage_collection

    with no_garbage_collection():
        from cogview_cli.app import main as run

    return run()


def _version() -> int:
    """Written with nothing loaded; a stdout that takes nothing ends as for every command."""
    from cogview_cli import __version__

    try:
        sys.stdout.write(f"cogview {__version__}\n")
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        return _version_unwritten(__version__)
    return 0


def _version_unwritten(version: str) -> int:
    from cogview_cli.terminal import ending, output

    def write() -> int:
        output.write_line(f"cogview {version}")
        return 0

    return ending.run([], write)


def _complete() -> int:
    """Answers a shell that completes a command line."""
    # Where rich is to be had, typer reads help as markup: slow, and `[env …]` would be gone.
    sys.modules["rich"] = None  # type: ignore[assignment]
    from cogview_cli.loading import no_garbage_collection

    with no_garbage_collection():
        from cogview_cli.app import complete

        return complete()


if __name__ == "__main__":
    raise SystemExit(main())
