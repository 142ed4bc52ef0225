"""Fixtures for the tests of `batch`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.batch.support import OPEN_PLANS, Batch, batch_of
from tests.conftest import Run


@pytest.fixture
def batch(cogview: Run) -> Batch:
    """Runs `cogview batch p.txt` into `out`; `source=` names another prompt file."""
    return batch_of(cogview)


@pytest.fixture(autouse=True)
def close_plans() -> Iterator[None]:
    """Python 3.13 warns of a database that nobody has closed."""
    yield
    while OPEN_PLANS:
        OPEN_PLANS.pop().close()
