"""What scripts read on stdout is the same in both languages, as the manual says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import prompts
from tests.conftest import Ended
from tests.faults.world import KEY, run

# Sentences for people inside of --json; the manual names them.
WORDS = ("message", "hint", "text", "rule", "warnings")
# Of the run itself, not of its language.
OF_THE_RUN = ("id", "request_id", "created", "created_at", "sha256", "bytes", "timing", "url")
TIME_IN_A_NAME = re.compile(r"\d{8}-\d{6}-")
PAGES = Path(__file__).parent.parent / "cogview_cli" / "help"


def both(sandbox: SandboxThread, *line: str) -> list[Ended]:
    keys = {"COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": KEY}
    ended = [run(*line, COGVIEW_LANG=lang, **keys) for lang in ("en", "zh")]
    assert ended[0].code == ended[1].code, ended
    return ended


@pytest.mark.parametrize(
    "line",
    [
        ("--version",),
        ("config", "path"),
        ("config", "get", "model"),
        ("sizes", "16:9"),
        ("gen", "猫", "--dry-run"),
        ("gen", "猫", "-s", "512x512", "-o", "a.png", "--on-exists", "overwrite"),
        ("batch", "p.txt", "-s", "512x512", "-o", "out", "--jobs", "1"),
        ("batch", "p.txt", "--dry-run"),
        ("gen", "猫", "-s", "7x7"),
    ],
)
def test_data_for_scripts_is_the_same(sandbox: SandboxThread, line: tuple[str, ...]) -> None:
    prompts("cat", "dog")
    english, chinese = both(sandbox, *line)
    assert english.out == chinese.out


@pytest.mark.parametrize(
    "line",
    [
        ("sizes", "--json"),
        ("sizes", "1600x901", "--json"),
        ("config", "show", "--json"),
        ("config", "check", "--json"),
        ("gen", "猫", "-o", "cat.png", "--dry-run", "--json"),
        ("gen", "猫 sandbox:1301", "--json"),
        ("gen", "猫", "-s", "7x7", "--json"),
        ("gen", "猫", "--sise", "7x7", "--json"),
        ("batch", "p.txt", "--dry-run", "--json"),
        ("recover", "--json"),
    ],
)
def test_json_is_the_same_but_for_its_sentences(
    sandbox: SandboxThread, line: tuple[str, ...]
) -> None:
    prompts("cat", "dog")
    english, chinese = both(sandbox, *line)
    assert _plain(english.out) == _plain(chinese.out)
    assert english.out.strip() or line == ("recover", "--json")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_manual_names_the_sentences(language: str) -> None:
    page = (PAGES / language / "json.md").read_text("utf-8")
    assert all(f"`{word}`" in page for word in WORDS)


def _plain(out: str) -> list[Any]:
    return [_without_words(json.loads(TIME_IN_A_NAME.sub("", line))) for line in out.splitlines()]


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = (*WORDS, *OF_THE_RUN)
        return {k: _without_words(v) for k, v in value.items() if k not in left_out}
    return [_without_words(item) for item in value] if isinstance(value, list) else value


def test_the_queue_is_listed_in_the_same_words() -> None:
    prompts("cat", "dog")
    with SandboxThread(queue_latency=(100, 100)) as box:
        command = ("batch", "p.txt", "-s", "512x512", "-o", "out", "--queue")
        assert [ended.code for ended in both(box, *command)] == [75, 75]
        english, chinese = both(box, "queue")
    assert "0 done, 0 failed of 2" in english.out
    assert re.sub(r"\d+:\d\d", "", english.out) == re.sub(r"\d+:\d\d", "", chinese.out)
