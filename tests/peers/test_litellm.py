"""Behind LiteLLM every fault costs one POST of ours, and ends as without it or as unknown.

The charges in the sandbox's books are the measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cogview_cli.api.error_codes import CODES
from cogview_cli.sandbox import faults
from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.case import check_streams
from tests.faults.world import SMALL, images, states
from tests.peers.litellm import KEY, MODEL, Proxy, proxy

pytestmark = pytest.mark.peers
UNKNOWN = 5
# Never-ending answers, which the gateway would gather until it has no memory left.
ENDLESS = ("big-answer", "slow-headers")
ANSWERS = [
    name
    for group in (
        faults.FREE_FAULTS, faults.GATEWAY_FAULTS, faults.LOSS_FAULTS, faults.BODY_FAULTS,
        faults.WIRE_FAULTS,
    )
    for name in group
    if name not in ENDLESS
]  # fmt: skip
QUICK = ("--timeout", "3", "--max-wait", "3")


@pytest.fixture(scope="module")
def box() -> Iterator[SandboxThread]:
    with SandboxThread(drip=0.002) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    litellm_programs: Path, box: SandboxThread, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    with proxy(litellm_programs, box.base_url, folder) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(cogview: Run, box: SandboxThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", box.base_url)
    monkeypatch.setenv("COGVIEW_API_KEY", KEY)
    monkeypatch.setattr("cogview_cli.engine.retry.THROTTLE_BASE", 0.05)
    monkeypatch.setattr("cogview_cli.engine.retry.TRANSIENT_BASE", 0.02)


@pytest.mark.parametrize("fault", [*ANSWERS, *CODES])
def test_a_fault_handed_on_ends_as_it_does_without_the_gateway(
    fault: str, cogview: Run, gateway: Proxy, box: SandboxThread
) -> None:
    direct, behind = (f"{way} sandbox:{fault}x1" for way in ("direct", "behind"))
    expected = cogview("gen", direct, *SMALL, *QUICK)
    ended = cogview("gen", behind, *SMALL, *QUICK, "--base-url", gateway.pass_through)
    books = box.books
    assert ended.code in (expected.code, UNKNOWN), (expected, ended)
    assert books.charges[behind] <= 1
    assert books.posts[behind] <= books.posts[direct]
    assert len(images()) == (expected.code == 0) + (ended.code == 0) or fault == "two-images"
    check_streams(ended)


def test_a_batch_through_it(cogview: Run, gateway: Proxy, box: SandboxThread) -> None:
    Path("p.txt").write_text("red cat\nblue cat\nblack cat sandbox:lost-answer\nwhite cat\n")
    ended = cogview("batch", "p.txt", *SMALL, "--jobs", "4", "--base-url", gateway.pass_through)
    assert (ended.code, len(images())) == (UNKNOWN, 3), ended
    assert [box.books.charges[line] for line in Path("p.txt").read_text().splitlines()] == [1] * 4


def test_its_own_models_answer(cogview: Run, gateway: Proxy, box: SandboxThread) -> None:
    ended = cogview("gen", "grey cat", *SMALL, "-m", MODEL, "--base-url", gateway.base_url)
    assert (ended.code, box.books.charges["grey cat"]) == (0, 1), ended


def test_the_asynchronous_pair_is_handed_on_too(
    cogview: Run, gateway: Proxy, box: SandboxThread
) -> None:
    prompt = "pair sandbox:task-lost-pollx1"
    more = ("-m", "glm-image", "--async", "--base-url", gateway.pass_through)
    ended = cogview("gen", prompt, *SMALL, *more)
    assert (ended.code, box.books.charges[prompt], states()) == (0, 1, ["saved"]), ended


LOST = ("lost-answer", "html-502-charged", "litellm-500", "bare-408", "empty-200", "cut-early")
# Its OpenAI client's own, which no setting of 1.108.7 reaches for pictures.
REPEATS = 3


@pytest.mark.parametrize("fault", LOST)
def test_what_its_models_lose_is_one_post_of_ours_and_unknown(
    fault: str, cogview: Run, gateway: Proxy, box: SandboxThread
) -> None:
    prompt, path = f"models sandbox:{fault}", "/v1/images/generations"
    before = gateway.posts(path)
    ended = cogview("gen", prompt, *SMALL, "-m", MODEL, "--base-url", gateway.base_url)
    assert (ended.code, states()) == (UNKNOWN, ["unknown"]), ended
    assert gateway.posts(path) - before == 1
    assert 1 <= box.books.charges[prompt] <= REPEATS


@pytest.mark.parametrize("way", ["base_url", "pass_through"])
def test_a_wrong_key_is_told(
    way: str, cogview: Run, gateway: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_API_KEY", "sk-other.canary")
    assert cogview("gen", "cat", "-m", MODEL, "--base-url", getattr(gateway, way)).code == 4
