"""A font with Chinese characters in one of the systems' usual places."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

# In the order of preference; the number is the face within a collection.
_FACES = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansCJKsc-Regular.otf", 0),
    ("NotoSansSC-Regular.otf", 0),
    ("NotoSansSC-Regular.ttf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("SourceHanSans.ttc", 0),
    ("PingFang.ttc", 0),
    ("Hiragino Sans GB.ttc", 0),
    ("STHeiti Light.ttc", 0),
    ("msyh.ttc", 0),
    ("msyh.ttf", 0),
    ("simhei.ttf", 0),
    ("wqy-microhei.ttc", 0),
    ("wqy-zenhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
    ("NotoSerifCJK-Regular.ttc", 2),
    ("uming.ttc", 0),
    ("ukai.ttc", 0),
)
# What brings a font with Chinese characters, where the system has none from the start.
PACKAGES = (
    "Debian, Ubuntu: fonts-noto-cjk; Fedora: google-noto-sans-cjk-fonts; Arch: noto-fonts-cjk"
)


def places() -> list[Path]:
    """The folders where systems and users keep fonts."""
    home, windows = Path(os.path.expanduser("~")), os.environ.get("WINDIR", r"C:\Windows")
    return [
        home / ".local/share/fonts",
        home / ".fonts",
        Path("/usr/local/share/fonts"),
        Path("/usr/share/fonts"),
        home / "Library/Fonts",
        Path("/Library/Fonts"),
        Path("/System/Library/Fonts"),
        Path(windows, "Fonts"),
    ]


def find_cjk(folders: Iterable[Path]) -> tuple[Path, int] | None:
    """The best font file below `folders` and the face to use; None without one."""
    found: dict[str, Path] = {}
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                found.setdefault(name, Path(place, name))
    return next(((found[name], face) for name, face in _FACES if name in found), None)
