"""--debug shows every call of the queue: no key, no signature of a link, no file as a whole."""

from __future__ import annotations

import re

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, prompts
from tests.conftest import Ended, Run

LONG = 3600.0
WAIT = ("--queue", "--wait", "--poll", "0.1", "--debug")
over_both = pytest.mark.usefixtures("both_transports")


def calls(ended: Ended, sandbox: SandboxThread) -> list[str]:
    """Method and path of each call below the base URL, ids as `*`."""
    found = re.findall(rf"^> ([A-Z]+) {re.escape(sandbox.base_url)}(\S+)$", ended.err, re.M)
    return [
        f"{method} {re.sub(r'(file-|batch_)[0-9a-f]+', '*', path.partition('?')[0])}"
        for method, path in found
    ]


@over_both
def test_a_batch_is_shown_from_end_to_end(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary0123456789")
    prompts("cat", "dog sandbox:1301")
    ended = batch(*WAIT)
    assert ended.code == 3, ended
    shown = calls(ended, sandbox)
    assert shown[:2] == ["POST /files", "POST /batches"]
    assert {"GET /batches/*", "GET /files/*/content", "DELETE /files/*"} <= set(shown)
    assert len(shown) <= ended.err.count("< HTTP ")
    assert '"object": "batch"' in ended.err.replace('":"', '": "')
    assert "> Authorization: Bearer ***" in ended.err.splitlines()
    assert "canary" not in ended.err
    assert "Signature=" not in ended.err


@over_both
def test_files_are_counted_not_shown(batch: Batch, sandbox: SandboxThread) -> None:
    prompts(*(f"picture {n}" for n in range(20)))
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert re.search(r"^> \([0-9]{4,} bytes of a file\)$", ended.err, re.M)
    assert re.search(r"^< \([0-9]{4,} bytes into a file\)$", ended.err, re.M)
    assert "custom_id" not in ended.err


@over_both
def test_what_goes_wrong_is_shown(batch: Batch, sandbox: SandboxThread) -> None:
    for fault in ("slow-upload-429x1", "lost-createx1", "results-503x1"):
        sandbox.queue_fault(fault)
    prompts("cat")
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    lines = ended.err.splitlines()
    assert {"< HTTP 429", "< HTTP 503"} <= {line.partition("  (")[0] for line in lines}
    assert any(line.startswith("* ") for line in lines)
    assert "GET /batches" in calls(ended, sandbox)


def test_without_it_nothing_is_shown(batch: Batch) -> None:
    prompts("cat")
    assert "POST" not in batch(*WAIT[:-1], "-v").err


def test_the_commands_beside_it_show_theirs(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat")
    id = re.findall(r"batch_[0-9]+", batch("--queue", "--debug").err)[-1]
    assert calls(cogview("queue", "--debug"), sandbox) == ["GET /batches/*"]
    assert calls(cogview("queue", "list", "--debug"), sandbox) == ["GET /batches/*"]
    assert calls(cogview("recover", "--debug"), sandbox) == ["GET /batches/*"]
    ended = calls(cogview("queue", "cancel", id, "--debug"), sandbox)
    assert ended == ["POST /batches/*/cancel"]
