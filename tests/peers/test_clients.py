"""Clients that others wrote drive the sandbox: the vendor's older one, OpenAI's, Hugging Face's.

The vendor's newer one is in the group `dev`: tests/test_sandbox_vendor.py.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.peers import process

pytestmark = pytest.mark.peers
DRIVE = Path(__file__).parent / "drive.py"


def drive(programs: Path, name: str, box: SandboxThread, prompt: str) -> dict[str, Any]:
    command = (str(programs / "python"), str(DRIVE), name, box.base_url, prompt)
    done = subprocess.run(
        command, env=process.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", ["openai", "zhipuai"])
def test_a_client_gets_a_picture(name: str, client_programs: Path, sandbox: SandboxThread) -> None:
    url = drive(client_programs, name, sandbox, "山水")["url"]
    assert httpx.get(url, trust_env=False).content.startswith(b"\x89PNG")
    assert sandbox.books.charges == {"山水": 1} and not sandbox.books.leaks


@pytest.mark.parametrize("name", ["openai", "zhipuai"])
def test_a_client_sees_a_refusal(name: str, client_programs: Path, sandbox: SandboxThread) -> None:
    told = drive(client_programs, name, sandbox, "sandbox:1301")
    assert told["status"] == 400 and told["body"]["error"]["code"] == "1301"
    assert not sandbox.books.charges


def test_the_provider_of_hugging_face_polls(client_programs: Path, sandbox: SandboxThread) -> None:
    prompt = "cat sandbox:task-stuckx2"
    told = drive(client_programs, "huggingface", sandbox, prompt)
    assert told["url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert sandbox.books.charges == {prompt: 1} and not sandbox.books.leaks
