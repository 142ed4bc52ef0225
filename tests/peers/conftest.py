"""The environments of the peers, once a session; a peer that cannot be had is skipped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.peers.environments import (
    HF_SERVE,
    HF_SERVE_PYTHON,
    LITELLM,
    UNWANTED,
    XINFERENCE,
    Unavailable,
    clients,
    environment,
)


def _programs(
    name: str,
    requirements: Sequence[str],
    unwanted: Sequence[str] = (),
    python: str = sys.executable,
) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tempfile.tempdir", None)
        try:
            made = environment(name, requirements, unwanted, python)
            programs = made.__enter__()
        except Unavailable as error:
            pytest.skip(f"{name} cannot be installed: {error}")
    yield programs
    made.__exit__(None, None, None)


@pytest.fixture(scope="session")
def litellm_programs() -> Iterator[Path]:
    yield from _programs("litellm", LITELLM)


@pytest.fixture(scope="session")
def client_programs() -> Iterator[Path]:
    yield from _programs("clients", clients())


@pytest.fixture(scope="session")
def xinference_programs() -> Iterator[Path]:
    yield from _programs("xinference", XINFERENCE, UNWANTED)


@pytest.fixture(scope="session")
def hf_serve_programs() -> Iterator[Path]:
    yield from _programs("hf-serve", HF_SERVE, python=HF_SERVE_PYTHON)
