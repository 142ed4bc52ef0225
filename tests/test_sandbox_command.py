"""`cogview sandbox`: the stand-in in the foreground."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cogview_cli.sandbox.faults import FAULTS
from cogview_cli.sandbox.queue_rules import IMAGES
from tests.conftest import Run
from tests.processes import COMMAND, child


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox process and the base URL it printed first."""
    with child(*COMMAND, "sandbox", "--port", "0", *arguments) as process:
        assert process.stdout
        yield process, process.stdout.readline().rstrip("\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_base_url_serves_and_ends_well(number: signal.Signals) -> None:
    """Ctrl-C is its normal end: exit 0."""
    with running() as (process, url):
        assert url.startswith("http://127.0.0.1:")
        done = subprocess.run(
            [*COMMAND, "gen", "cat", "-s", "512x512", "-o", "cat.png", "--base-url", url],
            env={**os.environ, "COGVIEW_API_KEY": "any"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"cat.png\n"), done
        assert Path("cat.png").is_file()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "cogview gen" in err and "Ctrl-C" in err
    assert "booked: 0.06 CNY" in err


def test_quiet_prints_the_base_url_alone() -> None:
    with running("--quiet") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")


def test_help_names_the_page_that_lists_every_fault(cogview: Run) -> None:
    """Two hundred names are a table, not a paragraph of --help."""
    shown = " ".join(cogview("sandbox", "--help").out.split())
    assert "sandbox:NAME" in shown and "cogview help sandbox" in shown
    page = cogview("help", "sandbox").out
    assert [name for name in FAULTS if name not in page] == []


@pytest.mark.parametrize(
    "option", ["--latency", "--hd-latency", "--download-latency", "--queue-latency"]
)
@pytest.mark.parametrize("value", ["soon", "5-1", "-1", "1-2-3", "nan"])
def test_a_bad_latency_is_a_usage_error(cogview: Run, option: str, value: str) -> None:
    ended = cogview("sandbox", option, value)
    assert (ended.code, ended.out) == (2, "")
    assert "hint: " in ended.err


@pytest.mark.parametrize("name", ["lost", "lost-createx", "queue-missing"])
def test_an_unknown_fault_of_the_queue_is_a_usage_error(cogview: Run, name: str) -> None:
    ended = cogview("sandbox", "--queue-fault", name)
    assert (ended.code, ended.out) == (2, "")
    assert "lost-create" in ended.err


def test_the_queue_is_set_by_options() -> None:
    options = ("--queue-latency", "0", "--queue-limit", "1", "--queue-fault", "not-listedx1")
    with (
        running("--quiet", *options) as (_, url),
        httpx.Client(
            base_url=url, headers={"Authorization": "Bearer any"}, trust_env=False
        ) as client,
    ):
        body = {"model": "cogview-4", "prompt": "cat", "size": "512x512"}
        asked = {"custom_id": "item-1", "method": "POST", "url": IMAGES, "body": body}
        form: dict[str, Any] = {"files": {"file": ("a.jsonl", json.dumps(asked))}}
        form["data"] = {"purpose": "batch"}
        assert client.post("/files", **form).status_code == 400
        create = {"input_file_id": client.post("/files", **form).json()["id"], "endpoint": IMAGES}
        batch = client.post("/batches", json=create).json()
        assert client.get(f"/batches/{batch['id']}").json()["status"] == "completed"


@pytest.mark.parametrize("line", [("--tier", "V9"), ("--port", "70000"), ("--port", "-1")])
def test_a_bad_tier_or_port_is_a_usage_error(cogview: Run, line: tuple[str, ...]) -> None:
    ended = cogview("sandbox", *line)
    assert (ended.code, ended.out) == (2, "")


def test_a_taken_port_is_the_machines_error(cogview: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = cogview("sandbox", "--port", str(taken.getsockname()[1]))
    assert (ended.code, ended.out) == (9, ""), ended
    assert "--port 0" in ended.err
