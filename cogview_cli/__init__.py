"""CogView images from the command line, and from Python: `generate` and `generate_many`."""

__version__ = "1.0.0"
__all__ = ["ImageResult", "__version__", "generate", "generate_many"]

TYPE_CHECKING = False  # the type checker takes it for true; `typing` is not loaded for it
if TYPE_CHECKING:
    from cogview_cli.python_api import ImageResult, generate, generate_many


def __getattr__(name: str) -> object:
    """What is public is loaded when it is first asked for: `cogview --help` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("cogview_cli.python_api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
