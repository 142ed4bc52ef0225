"""The benchmark's pictures are what they say they are."""

from __future__ import annotations

import random

import pytest

from tests.bench import drawn

pytestmark = pytest.mark.skipif(not drawn.have_fonts(), reason="needs the fonts")


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, second = (drawn.picture(random.Random(5), right=True) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.right


@pytest.mark.parametrize("seed", range(20))
def test_a_spoilt_text_differs_in_one_character_and_not_by_case_alone(seed: int) -> None:
    rng = random.Random(seed)
    wanted, _kind = drawn.a_text(rng)
    spoilt = drawn.spoil(wanted, rng)
    assert sum(a != b for a, b in zip(wanted, spoilt, strict=True)) == 1
    assert spoilt.casefold() != wanted.casefold()


def test_a_broken_character_is_drawn_but_not_as_any_text() -> None:
    broken = drawn.picture(random.Random(3), right=True, broken=True)
    assert broken.broken is not None
    assert (broken.wanted, broken.right) == (broken.drawn, False)
