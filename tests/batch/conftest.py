"""Fixtures for the tests of `batch`."""

from __future__ import annotations

import pytest

from tests.batch.support import Batch, batch_of
from tests.conftest import Run


@pytest.fixture
def batch(cogview: Run) -> Batch:
    """Runs `cogview batch p.txt` into `out`; `source=` names another prompt file."""
    return batch_of(cogview)
