"""The public functions: the same engine, ledger and limits as the commands, and nothing printed."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import cogview_cli
from cogview_cli import ImageResult, errors, generate, generate_many
from cogview_cli.disk.locks import exclusive_lock
from cogview_cli.errors import CogviewError, ExitCode, UsageError
from cogview_cli.outcome import Outcome, SavedFile, Status
from cogview_cli.python_api import Options, background, result
from cogview_cli.python_api.keywords import as_keywords
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import edit_ledger, posts
from tests.conftest import Run
from tests.json_lines import validators

HELP = Path(cogview_cli.__file__).parent / "help"
SMALL: Options = {"size": "512x512"}


@pytest.fixture(autouse=True)
def real_http(sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions find the sandbox and the key where the commands do."""
    monkeypatch.setenv("COGVIEW_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("COGVIEW_API_KEY", "test-key.canary")


# --- what is public ---------------------------------------------------------


def test_nothing_else_is_public() -> None:
    assert cogview_cli.__all__ == ["ImageResult", "__version__", "generate", "generate_many"]
    assert set(cogview_cli.__all__) <= set(dir(cogview_cli))
    with pytest.raises(AttributeError, match="no attribute 'run'"):
        cogview_cli.run  # noqa: B018
    with pytest.raises(ImportError):
        from cogview_cli import nothing  # type: ignore[attr-defined]  # noqa: F401


def test_importing_the_package_loads_nothing() -> None:
    probe = "import sys; a = set(sys.modules); import cogview_cli; print(*set(sys.modules) - a)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", probe], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(HELP.parent.parent)},
    )  # fmt: skip
    assert done.stdout.split() == ["cogview_cli"]


def test_a_result_has_the_fields_of_a_line() -> None:
    (image,) = validators()["image"]
    in_json = set(image.schema["properties"]) - {"schema", "type"}
    more = {"path", "error_code", "http_status", "retryable", "currency"}
    assert set(ImageResult.__annotations__) - more == in_json - {"file", "currency"}


# --- one image --------------------------------------------------------------


def test_an_image_is_made_and_nothing_is_printed(
    sandbox: SandboxThread, capfd: pytest.CaptureFixture[str]
) -> None:
    made = generate("一只猫", "out/cat.png", quality="hd", **SMALL)
    assert made.path == Path("out/cat.png").absolute() and made.path.is_file()
    assert made.sidecar == Path("out/cat.png.json").absolute() and made.sidecar.is_file()
    assert (made.status, made.cost, made.currency) == ("saved", Decimal("0.06"), "CNY")
    assert (made.width, made.height, made.bytes) == (512, 512, made.path.stat().st_size)
    assert made.error is None and made.request_id
    assert capfd.readouterr() == ("", "")
    assert posts(sandbox) == 1


def test_the_commands_know_of_it(cogview: Run) -> None:
    made = generate("cat", "out/", **SMALL)
    assert made.id is not None and made.id in cogview("history").out


FAULTS: list[tuple[str, type[CogviewError], str]] = [
    ("1301", errors.ContentRefused, "1301"),
    ("1210", errors.Rejected, "1210"),
    ("1113", errors.AccountError, "1113"),
    ("1308", errors.BudgetReached, "1308"),
    ("lost-answer", errors.UnknownOutcome, "unknown"),
    ("bomb-download", errors.PaidNotSaved, "unsaved"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), FAULTS)
def test_why_there_is_no_image_is_raised_by_one_and_told_by_many(
    fault: str, kind: type[CogviewError], code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    prompt = f"cat sandbox:{fault}"
    with pytest.raises(kind) as caught:
        generate(prompt, "out/", retries=0, **SMALL)
    assert type(caught.value) is kind and str(caught.value) and caught.value.hint
    (told,) = generate_many([prompt], "many/", retries=0, **SMALL)
    assert isinstance(told.error, errors.Rejected if fault == "1301" else kind)
    assert told.path is None and told.error_code == code
    assert capfd.readouterr() == ("", "")


def test_every_kind_of_error_has_its_exception() -> None:
    """But for signals, which no thread gets, and a closed stdout, which there is not."""
    never = {ExitCode.OK, ExitCode.HANGUP, ExitCode.TERMINATED, ExitCode.STDOUT_CLOSED}
    assert set(result.CLASSES) | {ExitCode.BUG} == set(ExitCode) - never


def test_what_is_paid_is_fetched_by_the_next_call(sandbox: SandboxThread) -> None:
    prompt = "cat sandbox:404-downloadx2"
    with pytest.raises(errors.PaidNotSaved):
        generate(prompt, "out/cat.png", **SMALL)
    assert generate(prompt, "out/cat.png", **SMALL).cost == 0
    assert posts(sandbox) == 1


def test_once_makes_nothing_again(sandbox: SandboxThread) -> None:
    first = generate("cat", "cat.png", once=True, **SMALL)
    again = generate("cat", "cat.png", once=True, **SMALL)
    assert (again.status, again.path, again.cost) == ("skipped", first.path, 0)
    assert posts(sandbox) == 1


def test_an_answer_of_two_images_was_paid_once() -> None:
    file = SavedFile("a.png", None, "png", 1, 1, 1, "")
    outcome = Outcome(
        status=Status.SAVED, row=1, n=1, prompt="cat", model="m", size=None,
        cost=Decimal("0.06"), files=(file, file._replace(file="b.png")),
    )  # fmt: skip
    assert [one.cost for one in result.results_of(outcome)] == [Decimal("0.06"), 0]


# --- options ----------------------------------------------------------------


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_SIZE", "1024x1024")
    made = generate("cat", "out/", size="512x512", timeout=30.5, extra={"seed": 5, "x": "y"})
    assert (made.width, made.height) == (512, 512)
    assert made.sidecar is not None
    assert '"seed": 5' in made.sidecar.read_text("utf-8")


def test_a_key_may_be_given_and_is_kept_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    with pytest.raises(errors.AccountError):
        generate("cat", "out/", **SMALL)
    assert generate("cat", "out/", api_key="given.canary", **SMALL).path
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(b"given.canary" in data for data in written)
    assert "given.canary" not in caplog.text


def test_max_cost_is_never_crossed(sandbox: SandboxThread) -> None:
    for limit in ("0.01", Decimal("0.01"), 0):
        with pytest.raises(errors.BudgetReached):
            generate("cat", "out/", max_cost=limit, **SMALL)
    found = list(generate_many(["a", "b", "c", "d"], "out/", max_cost="0.12", **SMALL))
    assert sorted(one.status for one in found) == ["not_sent", "not_sent", "saved", "saved"]
    left = [one.error for one in found if one.status == "not_sent"]
    assert all(isinstance(error, errors.BudgetReached) for error in left)
    assert posts(sandbox) == 2


def test_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, sandbox: SandboxThread) -> None:
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.1")
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    with pytest.raises(UsageError, match="confirm-above"):
        list(generate_many(["a", "b"], "out/", **SMALL))
    assert not posts(sandbox)
    assert len(list(generate_many(["a", "b"], "out/", max_cost=1, **SMALL))) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"colour": "red"}, TypeError), ({"size": "1x1"}, UsageError), ({"tier": "V9"}, UsageError),
        ({"output": "-"}, UsageError), ({"output": "{nope}.png"}, UsageError),
        ({"profile": "nope"}, UsageError), ({"base_url": "http://h.example"}, CogviewError),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_before_anything_is_sent(
    options: Any, error: type[Exception], sandbox: SandboxThread
) -> None:
    with pytest.raises(error):
        generate("cat", **options)
    assert not posts(sandbox)


# --- the words of an error --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise --max-cost to go on", "raise max_cost= to go on"),
        ("--max-cost 0.06", "max_cost='0.06'"),
        ("--max-cost: max-cost takes money", "max_cost takes money"),
        ("run it later, or lower --jobs", "run it later, or lower jobs="),
        ("nearest legal size: --size 1440x1440", "nearest legal size: size='1440x1440'"),
        ("choose another --output or --on-exists", "choose another output= or on_exists="),
        ("(--on-unknown retry may pay twice)", "(on_unknown='retry' may pay twice)"),
        ("use --quality hd, or leave --quality out", "use quality='hd', or leave quality= out"),
        ("use --model cogview-4", "use model='cogview-4'"),
        ("name a model: --model", "name a model: model="),
        ("apart (--name '{index:04}-{slug}')", "apart (name='{index:04}-{slug}')"),
        ("use --base-url https://h/v4; or", "use base_url='https://h/v4'; or"),
        ("wait for it with --wait", "wait for it with wait=True"),
        ("ask again: --retry-failed", "ask again: retry_failed=True"),
        ("--no-sidecar", "sidecar=False"),
        ("such as: --extra seed=7", "such as: extra={'seed': 7}"),
        ("cogview history --unknown; --once", "cogview history --unknown; once=True"),
        ("cogview gen --once --json", "cogview gen --once --json"),
        ("请提高 --max-cost 后继续", "请提高 max_cost= 后继续"),
        ("--debug and --unknown", "--debug and --unknown"),
    ],
)
def test_options_are_told_as_keyword_arguments(text: str, said: str) -> None:
    assert as_keywords(text) == said == as_keywords(said)


def test_errors_name_keyword_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised before anything is sent, by the run, and in a result."""
    raised: list[CogviewError] = []
    calls: tuple[Any, ...] = (
        lambda: generate("cat", "out/", max_cost="0.01", **SMALL),
        lambda: generate("cat", "out/", max_cost="lots"),
        lambda: generate("cat sandbox:lost-answer", "out/", **SMALL),
        lambda: list(generate_many(["a", "b"], "out/", name="{nope}", **SMALL)),
        lambda: list(generate_many(["a"] * 9, "out/", **SMALL)),
    )
    monkeypatch.setenv("COGVIEW_CONFIRM_ABOVE", "0.5")
    for call in calls:
        with pytest.raises(CogviewError) as caught:
            call()
        raised.append(caught.value)
    (told,) = generate_many(["cat sandbox:1302"], "out/", max_wait=0, **SMALL)
    assert told.error and told.error.hint.endswith("or lower jobs=")
    for error in [*raised, told.error]:
        assert error.hint and str(error) == error.message
        assert "--" not in f"{error} {error.hint}".replace("cogview history --unknown", "")
    assert raised[0].hint == "max_cost='0.06'"
    assert raised[2].hint.endswith("(on_unknown='retry' may pay twice)")
    assert raised[4].hint == "set a limit: max_cost="


def test_once_does_not_pay_again_for_an_unknown_outcome(sandbox: SandboxThread) -> None:
    """As the page says."""
    for _again in range(2):
        with pytest.raises(errors.UnknownOutcome):
            generate("cat sandbox:lost-answer", "cat.png", once=True, **SMALL)
    assert posts(sandbox) == 1
    for language in ("en", "zh"):
        assert "`once=True`" in (HELP / language / "python.md").read_text("utf-8")


# --- many -------------------------------------------------------------------


def test_many_are_made_once(sandbox: SandboxThread) -> None:
    rows: list[Any] = ["cat --ar 3:2", {"prompt": "dog", "id": "d1", "n": 2, "own": 1}]
    first = list(generate_many(rows, "out", **SMALL))
    assert sorted((one.index, one.n, one.status, one.row_id) for one in first) == [
        (1, 1, "saved", None), (2, 1, "saved", "d1"), (2, 2, "saved", "d1"),
    ]  # fmt: skip
    assert {one.prompt for one in first} == {"cat --ar 3:2", "dog"}
    assert {one.path.name for one in first if one.path and one.row_id} == {"d1-1.png", "d1-2.png"}
    again = list(generate_many(rows, "out", **SMALL))
    assert [one.status for one in again] == ["skipped"] * 3
    assert {one.path for one in again} == {one.path for one in first}
    assert posts(sandbox) == 3


def test_a_batch_of_the_command_goes_on_with_it(cogview: Run, sandbox: SandboxThread) -> None:
    list(generate_many(["cat", "dog"], "out", **SMALL))
    Path("p.txt").write_text("cat\ndog\nfox\n")
    assert cogview("batch", "p.txt", "-o", "out", "-s", "512x512").code == 0
    assert posts(sandbox) == 3


def test_a_refusal_is_not_repeated_unless_asked(sandbox: SandboxThread) -> None:
    for _ in range(2):
        (told,) = generate_many(["cat sandbox:1301x1"], "out", **SMALL)
        assert (told.status, told.error_code) == ("refused", "1301")
    (made,) = generate_many(["cat sandbox:1301x1"], "out", retry_failed=True, **SMALL)
    assert (made.status, posts(sandbox)) == ("saved", 2)


def test_leaving_the_loop_sends_nothing_more_and_loses_nothing(sandbox: SandboxThread) -> None:
    rows = [f"cat {number}" for number in range(40)]
    for _ in generate_many(rows, "out", jobs=1, **SMALL):
        break
    sent = posts(sandbox)
    assert sent < 40 and len([*Path("out").glob("*.png")]) == sent
    found = list(generate_many(rows, "out", **SMALL))
    assert sum(one.status == "skipped" for one in found) == sent
    assert posts(sandbox) == 40


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_in_the_loop_does_the_same(
    error: type[BaseException], sandbox: SandboxThread
) -> None:
    run: Any = generate_many([f"cat {number}" for number in range(40)], "out", jobs=1, **SMALL)
    next(run)
    with pytest.raises(error):
        run.throw(error)
    assert posts(sandbox) == len([*Path("out").glob("*.png")]) < 40


@pytest.mark.parametrize(
    ("rows", "noted"),
    [
        (["cat", {"prompt": "dog", "size": "1x1"}], "prompts:2: size 1x1"),
        ([{"size": "1:1"}], "prompts:1: "),
        ([{"prompt": ""}], "prompts:1: "),
        ([""], "prompts:1: "),
        (["half \ud800"], "prompts:1: "),
        ([{"prompt": float("nan")}], "prompts:1: "),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_sent(
    rows: Any, noted: str, sandbox: SandboxThread
) -> None:
    with pytest.raises(UsageError) as caught:
        list(generate_many(rows, "out"))
    assert any(note.startswith(noted) for note in caught.value.__notes__), caught.value.__notes__
    assert caught.value.hint == f"fix {caught.value.__notes__[0]}"  # and names no option
    assert not posts(sandbox)


@pytest.mark.parametrize("rows", [[{"prompt": {1, 2}}], [5]])
def test_a_row_that_is_no_json_is_an_error_of_the_caller(rows: Any) -> None:
    with pytest.raises(TypeError):
        list(generate_many(rows, "out"))


def test_no_rows_are_an_error() -> None:
    with pytest.raises(UsageError, match="no prompt"):
        list(generate_many([], "out"))


def test_a_folder_that_another_run_has_is_temporary(tmp_path: Path) -> None:
    import hashlib

    folder = f"{Path('out').resolve()}\n1/1"
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    with (
        exclusive_lock(tmp_path / "state" / "folders" / f"{name}.lock", wait=False),
        pytest.raises(errors.Temporary, match="another run"),
    ):
        list(generate_many(["cat"], "out", **SMALL))


# --- surroundings -----------------------------------------------------------


def test_it_may_be_called_where_a_loop_runs(sandbox: SandboxThread) -> None:
    async def main() -> list[ImageResult]:
        made = [generate("cat 0", "out/", **SMALL)]
        calls = (asyncio.to_thread(generate, f"cat {n}", "out/", **SMALL) for n in (1, 2, 3))
        made += await asyncio.gather(*calls)
        return [*made, *generate_many(["dog"], "out", **SMALL)]

    assert [one.status for one in asyncio.run(main())] == ["saved"] * 5
    assert posts(sandbox) == 5


def test_messages_go_to_the_logger(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    generate("cat", "out/", **SMALL)
    edit_ledger("UPDATE requests SET state = 'unknown'")
    edit_ledger("UPDATE requests SET state = 'intent', run = 'gone', account = 'a'")
    with caplog.at_level(logging.INFO, logger="cogview_cli"):
        generate("dog", "out/", **SMALL)
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("cogview_cli", "WARNING")
    ]
    assert "may have been paid" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_the_command_prints_again_afterwards(cogview: Run) -> None:
    generate("cat", "out/", **SMALL)
    assert cogview("sizes", "1x1").err.startswith("error: ")


@pytest.mark.parametrize("call", ["one", "many"])
def test_a_bug_is_raised_as_it_is(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Outcome) -> Any:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(background, "results_of", fails)
    with pytest.raises(ZeroDivisionError):
        if call == "one":
            generate("cat", "out/", **SMALL)
        else:
            list(generate_many(["cat"], "out", **SMALL))


def _example(language: str) -> str:
    page = (HELP / language / "python.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(code)


def test_the_example_of_the_page_works(
    sandbox: SandboxThread, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _example("en") == _example("zh")
    exec(compile(_example("en"), "example", "exec"), {})
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{Path('pictures').absolute()}/") and first.endswith(" 0.06 CNY")
    assert sorted(line.split()[0] for line in others) == ["saved", "saved"]
    assert posts(sandbox) == 3


def test_the_example_of_the_page_is_typed(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(_example("en") + "reveal_type(image)\nimage.path = None\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(file)]
    done = subprocess.run(
        command, cwd=HELP.parent.parent, capture_output=True, text=True, check=False
    )
    assert 'Revealed type is "cogview_cli.python_api.result.ImageResult"' in done.stdout, done
    assert 'Property "path" defined in "ImageResult" is read-only' in done.stdout
    assert done.stdout.count("error:") == 1
