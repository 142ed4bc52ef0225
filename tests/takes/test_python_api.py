"""The Python functions read pictures and ask again as the commands do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cogview_cli import generate, generate_many
from cogview_cli.errors import MachineError, UsageError
from cogview_cli.python_api import Options
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.textcheck import extra
from tests.batch.support import posts
from tests.takes import standin
from tests.takes.test_takes import RIGHT, TITLE

SMALL: Options = {"size": "512x512"}


@pytest.fixture(autouse=True)
def real_http(sandbox: SandboxThread, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary")


def test_one_is_asked_for_until_it_is_right(table: Path, sandbox: SandboxThread) -> None:
    prompt = f"{RIGHT} sandbox:text-wrongx2"
    standin.write_table(table, [prompt])
    made = generate(prompt, "out/poster.png", retake=3, **SMALL)
    assert made.text is not None and made.text["ok"] is True
    assert (posts(sandbox), len(list(Path("out/takes").glob("*.png")))) == (3, 2)


def test_wrong_text_is_told_and_no_error(table: Path) -> None:
    prompt = f"{RIGHT} sandbox:text-wrong"
    standin.write_table(table, [prompt])
    made = generate(prompt, "out/", check_text=True, **SMALL)
    assert made.path is not None and made.text is not None
    assert made.text["missing"] == ["是→室"]


@pytest.mark.parametrize(("text", "ok"), [(TITLE, True), (["上海滩"], False), (("重生",), True)])
def test_the_text_may_be_given(table: Path, text: Any, ok: bool) -> None:
    standin.write_table(table, [RIGHT])
    made = generate(RIGHT, "out/", text=text, **SMALL)
    assert made.text is not None and made.text["ok"] is ok
    (again,) = generate_many([RIGHT], "many", text=text, **SMALL)
    assert again.text is not None and again.text["ok"] is ok


@pytest.mark.parametrize("options", [{"text": ""}, {"text": TITLE, "check_text": False}])
def test_nothing_is_looked_for(table: Path, options: Any) -> None:
    standin.write_table(table, [RIGHT])
    assert generate(RIGHT, "out/", **SMALL, **options).text is None


@pytest.mark.parametrize("text", [5, [5], {"a": "b"}])
def test_a_text_that_is_none_is_an_error_of_the_caller(text: Any, sandbox: SandboxThread) -> None:
    with pytest.raises(UsageError, match="text takes"):
        generate(RIGHT, "out/", text=text, **SMALL)
    assert posts(sandbox) == 0


@pytest.mark.parametrize("options", [{"check_text": True}, {"retake": 1}, {"text": TITLE}])
def test_without_the_extra_nothing_is_sent(
    options: Any, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxThread
) -> None:
    monkeypatch.setattr(extra, "NEEDED", ("no_such_module",))
    with pytest.raises(MachineError) as caught:
        generate(RIGHT, "out/", **SMALL, **options)
    assert caught.value.hint == "pip install 'cogview-cli[ocr]'"
    with pytest.raises(MachineError):
        list(generate_many([RIGHT], "many", **SMALL, **options))
    assert posts(sandbox) == 0
