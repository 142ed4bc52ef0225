"""Random numbers. What draws them is loaded at the first one: most requests need none."""

from __future__ import annotations


def uniform(least: float, most: float) -> float:
    """A number between the two, for waits that should not fall together."""
    import random

    return random.uniform(least, most)


def below(count: int) -> int:
    """A whole number from 0, that nobody can foresee."""
    import secrets

    return secrets.randbelow(count)
