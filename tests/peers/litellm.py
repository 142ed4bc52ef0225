"""A LiteLLM proxy in front of the sandbox; as a program, what it repeats under which settings.

python -m tests.peers.litellm            # prints a table; installs LiteLLM, about a minute
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from cogview_cli.sandbox.thread import SandboxThread
from tests.peers.environments import LITELLM, environment
from tests.peers.process import HOST, free_port, server
from tests.peers.process import environment as variables

KEY = "sk-peer.canary"
VENDOR_KEY = "id.secret"
MODEL = "cogview-4-250304"
MODELS = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {base_url}
      api_key: {vendor_key}
      timeout: 3
"""
MAX_RETRIES = "      max_retries: 0\n"
NO_RETRIES = "router_settings:\n  num_retries: 0\n"
MASTER = "general_settings:\n  master_key: {key}\n"
# Hands requests on as they are, and answers too: nothing is repeated or reworded.
PASS_THROUGH = """\
  pass_through_endpoints:
    - path: /bigmodel
      target: {base_url}
      include_subpath: true
      headers:
        Authorization: Bearer {vendor_key}
        content-type: application/json
"""
VARIANTS = {
    "as it comes": MODELS + MASTER,
    "max_retries: 0 of the model": MODELS + MAX_RETRIES + MASTER,
    "litellm_settings num_retries: 0": MODELS
    + MAX_RETRIES
    + "litellm_settings:\n  num_retries: 0\n"
    + MASTER,
    "router_settings num_retries: 0": MODELS + MAX_RETRIES + NO_RETRIES + MASTER,
}
RECOMMENDED = MODELS + MAX_RETRIES + NO_RETRIES + MASTER + PASS_THROUGH
TRIED = ("ok", "lost-answer", "html-502-charged", "litellm-500", "empty-200", "bare-408", "1302")


class Proxy(NamedTuple):
    """A proxy that runs; `log` is what it writes."""

    origin: str
    log: Path

    @property
    def base_url(self) -> str:
        """Where it serves its models as OpenAI does."""
        return f"{self.origin}/v1"

    @property
    def pass_through(self) -> str:
        """Where it hands everything on."""
        return f"{self.origin}/bigmodel"

    def posts(self, path: str) -> int:
        """How many POSTs to `path` it has answered, by its own log."""
        return self.log.read_text("utf-8", "replace").count(f'"POST {path} HTTP/1.1"')


@contextmanager
def proxy(
    programs: Path, base_url: str, folder: Path, config: str = RECOMMENDED
) -> Iterator[Proxy]:
    """A proxy in front of `base_url`."""
    port, file, log = free_port(), folder / "litellm.yaml", folder / "litellm.log"
    values = {"base_url": base_url, "model": MODEL, "key": KEY, "vendor_key": VENDOR_KEY}
    file.write_text(config.format(**values), "utf-8")
    command = [
        str(programs / "litellm"), "--config", str(file), "--host", HOST, "--port", str(port),
        "--telemetry", "False",
    ]  # fmt: skip
    path = f"{programs}:{variables()['PATH']}"
    quiet = variables(LITELLM_LOCAL_MODEL_COST_MAP="True", PATH=path)
    origin = f"http://{HOST}:{port}"
    with server(command, f"{origin}/health/liveliness", log, quiet):
        yield Proxy(origin, log)


def charges(box: SandboxThread, base_url: str, fault: str) -> tuple[int, int, int]:
    """The status of one POST, and how often the sandbox was asked and has charged for it."""
    prompt = f"{base_url} sandbox:{fault}" if fault != "ok" else f"{base_url} cat"
    answer = httpx.post(
        f"{base_url}/images/generations",
        json={"model": MODEL, "prompt": prompt},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=120,
        trust_env=False,
    )
    return answer.status_code, box.books.posts[prompt], box.books.charges[prompt]


def _table(programs: Path) -> Iterator[str]:
    for name, config in VARIANTS.items():
        yield from _rows(programs, name, config)
    yield from _rows(programs, "pass_through_endpoints", RECOMMENDED, handed_on=True)


def _rows(programs: Path, name: str, config: str, *, handed_on: bool = False) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxThread() as box,
        proxy(programs, box.base_url, Path(folder), config) as running,
    ):
        base_url = running.pass_through if handed_on else running.base_url
        for fault in TRIED:
            status, posts, paid = charges(box, base_url, fault)
            yield f"{name:<32} {fault:<18} HTTP {status}  asked {posts}, charged {paid}"


if __name__ == "__main__":
    with environment("litellm", LITELLM) as found:
        for line in _table(found):
            print(line, flush=True)
    sys.exit()
