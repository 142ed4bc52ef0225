"""Money in the currency of its server, and money that nobody here can count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.conftest import Run
from tests.faults.peers import Scripted, inline
from tests.faults.world import history
from tests.servers import own
from tests.servers.own import OwnServer
from tests.servers.test_own_servers import config_file

SMALL = ("--size", "512x512")


def profile(server: OwnServer, text: str = "") -> None:
    config_file(f'base-url = "{server.base_url}"\nauth = "none"\nmodel = "cogview4"\n{text}')


@pytest.mark.parametrize("command", ["gen", "batch"])
def test_zai_counts_in_dollars(command: str, bare: Run) -> None:
    Path("p.txt").write_text("猫\n", "utf-8")
    asked = "猫" if command == "gen" else "p.txt"
    ended = bare(command, asked, "-n", "3", "--profile", "zai", "--dry-run", "--json")
    *requests, summary = map(json.loads, ended.out.splitlines())
    assert {(one["cost"], one["currency"]) for one in requests} == {("0.01", "USD")}
    assert (summary["cost_max"], summary["currency"]) == ("0.03", "USD")
    assert "0.03 USD" in ended.err and "CNY" not in ended.err


def test_yuan_are_not_named_in_json(bare: Run) -> None:
    ended = bare("gen", "猫", "--dry-run", "--json")
    assert "currency" not in ended.out and "0.06 CNY" in ended.err


def test_the_limit_is_in_the_same_currency(bare: Run) -> None:
    asked = ("gen", "猫", "--profile", "zai", "-m", "glm-image", "--sandbox", "--max-cost")
    ended = bare(*asked, "0.014")
    assert ended.code == 7 and "0.015 USD" in ended.err, ended
    assert bare(*asked, "0.015").code == 0


def test_a_price_of_ones_own_is_paid_kept_and_told(bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        profile(server, 'price = 0.5\ncurrency = "eur"\n')
        ended = bare("gen", "猫", "-n", "3", "--profile", "gpu", "--max-cost", "1", "--jobs", "1")
        assert ended.code == 7, ended
        assert "--max-cost 1 EUR" in ended.err and "paid 1.0 EUR" in ended.err, ended
    sidecar = json.loads(Path(ended.out.splitlines()[0] + ".json").read_text("utf-8"))
    assert sidecar["cost"] == {"amount": "0.5", "currency": "EUR"}
    records = [json.loads(line) for line in bare("history", "--json").out.splitlines()]
    assert [(one["cost"], one["currency"]) for one in records[:2]] == [("0.5", "EUR")] * 2


@pytest.mark.parametrize("text", ["", 'currency = "EUR"\n'])
def test_a_limit_needs_a_price(text: str, bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        profile(server, text)
        for command in (("gen", "猫"), ("batch", "p.txt")):
            Path("p.txt").write_text("猫\n", "utf-8")
            ended = bare(*command, "--profile", "gpu", "--max-cost", "1")
            assert ended.code == 2 and "price = " in ended.err, ended
    assert server.posts == []


def test_what_nobody_can_price_is_a_question_mark(bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        profile(server)
        ended = bare("gen", "猫", "--profile", "gpu", "--json")
        assert ended.code == 0 and "price unknown" in ended.err
    assert "cost" not in json.loads(ended.out.splitlines()[0])
    told = bare("history")
    assert "  ?  " in told.out and "paid ? CNY" in told.err


def test_history_never_adds_currencies(bare: Run, sandbox: SandboxThread) -> None:
    with OwnServer(own.vllm_omni) as server:
        for price in ('price = 0.5\ncurrency = "EUR"\n', "price = 2\n", ""):
            profile(server, price)
            assert bare("gen", "猫", "--profile", "gpu").code == 0
    told = bare("history").err
    assert "0.5 EUR + 2 + ? CNY" in told, told


def test_the_gallery_never_adds_currencies(bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        for price in ('price = 0.5\ncurrency = "EUR"\n', "price = 2\n"):
            profile(server, price)
            assert bare("gen", "猫", "--profile", "gpu").code == 0
    page = json.loads(bare("gallery", ".", "--json").out)
    assert page["cost"] == {"EUR": "0.5", "CNY": "2"}


def test_a_sandbox_by_its_url_costs_nothing(cogview: Run) -> None:
    """It says what it is, in its answers; so it does when they bring no picture."""
    assert cogview("gen", "猫", *SMALL).code == 0
    assert cogview("gen", "猫 sandbox:1301", *SMALL).code == 8
    assert cogview("gen", "猫 sandbox:litellm-500", *SMALL).code == 5
    assert all(entry.by_sandbox for entry in history())
    told = cogview("history")
    assert "paid 0 CNY" in told.err and "up to" not in told.err, told
    assert told.out.count("(sandbox)") == 3
    assert json.loads(cogview("gallery", ".", "--json").out)["cost"] == {}


@pytest.mark.parametrize("flags", [(), ("--sandbox",), ("--dry-run", "--sandbox")])
@pytest.mark.parametrize("command", ["gen", "batch"])
def test_a_run_says_so_as_history_does(command: str, flags: tuple[str, ...], cogview: Run) -> None:
    Path("p.txt").write_text("猫\n狗\n")
    what = ("猫", "-n", "2") if command == "gen" else ("p.txt", "-o", "out")
    ended = cogview(command, *what, *SMALL, *flags)
    told = "nothing was sent" if "--dry-run" in flags else "nothing paid: sandbox (else 0.12 CNY)"
    assert told in ended.err and "; paid" not in ended.err, ended


def test_its_pictures_outlive_the_run(cogview: Run) -> None:
    """Its links are good as long as it runs, unlike those of one within the process."""
    ended = cogview("gen", "猫 sandbox:500-download", *SMALL)
    entry = history()[0]
    assert ended.code == 6 and entry.by_sandbox and not entry.in_sandbox, ended
    assert cogview("recover").code in (0, 6) and history()[0].state != "expired"


def test_nobody_else_is_taken_for_it(bare: Run) -> None:
    """A public server that calls itself so is counted; so is one of ours without the name."""
    with OwnServer(own.vllm_omni) as server:
        profile(server, "price = 2\n")
        assert bare("gen", "猫", "--profile", "gpu").code == 0
    (entry,) = history()
    said = entry._replace(account="sandbox-server")
    assert not entry.by_sandbox and said.by_sandbox
    assert not said._replace(base_url="https://h.example/v1").by_sandbox


def test_a_rehearsal_takes_nothing_from_the_day(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is limited by itself, and the real run after it has the whole limit."""
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.12")
    assert cogview("gen", "猫", "-n", "2", *SMALL).code == 0
    assert cogview("gen", "狗", *SMALL).code == 7
    with Scripted([inline()]) as api:
        real = ("gen", "鸟", "-n", "2", *SMALL, "--base-url", api.base_url)
        assert cogview(*real).code == 0
        assert cogview(*real).code == 7
