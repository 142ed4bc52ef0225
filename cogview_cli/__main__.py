"""`cogview` and `python -m cogview_cli`. The version is answered before anything is loaded."""

import sys


def main() -> int:
    """The exit code of this process's command line."""
    if sys.argv[1:] == ["--version"]:
        from cogview_cli import __version__

        sys.stdout.write(f"cogview {__version__}\n")
        return 0
    from cogview_cli.app import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
