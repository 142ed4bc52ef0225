"""A command line without any setting but those of the config file."""

from __future__ import annotations

import pytest

from tests.conftest import Run


@pytest.fixture
def bare(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `cogview`, with no base URL and no key in the environment."""
    monkeypatch.delenv("COGVIEW_BASE_URL")
    monkeypatch.delenv("COGVIEW_API_KEY")
    return cogview
