"""What a shell offers: asked as shells ask, of whole processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shellingham

from cogview_cli.api import models
from cogview_cli.cli.lazy_group import COMMANDS
from cogview_cli.config.settings import SETTINGS
from cogview_cli.config.value_types import to_text
from cogview_cli.help.pages import TOPICS
from tests.conftest import Run
from tests.test_startup import loaded_by

if os.name == "nt":
    pytest.skip("shells of POSIX", allow_module_level=True)

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "completions"
SHELLS = ("bash", "zsh", "fish", "powershell")
SMALL = ("-s", "512x512")
COVERAGE = ("COVERAGE", "COV_")
CPU_SECONDS = 0.3


def question(shell: str, line: str) -> dict[str, str]:
    """The environment in which the shell's script asks about `line`, its cursor at the end."""
    words = line.split(" ")
    return {
        "_COGVIEW_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }


def ask(shell: str, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cogview_cli"],
        env={**os.environ, **question(shell, line), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def values(shell: str, answer: str) -> list[str]:
    """The values in an answer of the shell's own form."""
    if shell == "zsh":
        return [
            v.replace(r"\\:", ":") for v in re.findall(r'^(?:.*\()?"(.*?)"(?::|$|\))', answer, re.M)
        ]
    cut = {"bash": "\n", "fish": "\t", "powershell": ":::"}[shell]
    return [item.split(cut)[0] for item in answer.splitlines() if item]


def offered(line: str, shell: str = "bash") -> list[str]:
    done = ask(shell, line)
    assert done.stderr == "", done
    return values(shell, done.stdout)


PRESETS = [str(size) for size in models.MODELS["cogview-4-250304"].presets]
GLM_PRESETS = [str(size) for size in models.MODELS["glm-image"].presets]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gen --model c", ["cogview-4-250304", "cogview-4", "cogview-3-flash", "cogview-3-plus"]),
        ("gen cat -m glm-image --quality ", ["hd"]),
        ("gen cat -q ", ["hd", "standard"]),
        ("gen cat -m cogview-4 -q ", []),
        ("gen cat -m of-another-server -q ", ["hd", "standard"]),
        ("gen cat --size w", ["wide"]),
        ("gen cat --size 16", ["16:9"]),
        ("gen cat -m glm-image -s 17", ["1728x960"]),
        ("gen cat -m cogview-3-plus -s 1600x", []),
        ("gen cat --tier ", ["V0", "V1", "V2", "V3"]),
        ("gen cat --on-exists ", ["rename", "skip", "fail", "overwrite"]),
        ("gen cat --on-unknown ", ["skip", "retry"]),
        ("gen cat --format ", ["original", "png", "jpeg", "webp"]),
        ("gen cat --profile ", ["bigmodel", "zai"]),
        ("batch p.txt -m glm-image -q ", ["hd"]),
        ("batch p.txt --input-format j", ["jsonl", "json"]),
        ("batch p.txt --lang ", ["zh", "cn", "en"]),
        ("sizes -m glm-image 17", ["1728x960"]),
        ("sizes --model g", ["glm-image"]),
        ("config get ti", ["tier", "timeout"]),
        ("config set ma", ["max-cost", "max-wait"]),
        ("config set on-exists ", ["rename", "skip", "fail", "overwrite"]),
        ("config set sidecar ", ["true", "false"]),
        ("config set model g", ["glm-image"]),
        ("config set size w", ["wide"]),
        ("config set max-cost ", []),
        ("config get model --profile z", ["zai"]),
        ("config unset ", []),
        ("help ", [*TOPICS, *(name for name in COMMANDS if name not in TOPICS)]),
        ("help ex", ["exit-codes"]),
        ("sandbox --tier V", ["V0", "V1", "V2", "V3"]),
        ("recover ", []),
        ("history resolve ", []),
        ("history r", ["resolve"]),
        ("gen cat --no-v", ["--no-validate"]),
        ("--version ge", ["gen"]),
    ],
)  # fmt: skip
def test_values(line: str, expected: list[str]) -> None:
    assert offered(f"cogview {line}") == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_offered_the_same_sizes(shell: str) -> None:
    """Presets of the model typed before, the names, the ratios."""
    found = offered("cogview gen cat -m glm-image --size ", shell)
    assert found[: len(GLM_PRESETS)] == GLM_PRESETS
    assert {*models.PRESET_NAMES, "16:9", "1:1"} <= set(found)
    assert not set(PRESETS) & set(found)


def test_a_size_begun_is_offered_every_legal_height() -> None:
    found = offered("cogview gen cat -s 1600x1")
    rules = models.MODELS["cogview-4-250304"]
    assert "1600x1024" in found
    assert all(models.size_fault(rules, models.parse_size(text)) is None for text in found)  # type: ignore[arg-type]


def test_the_model_of_the_settings_counts_where_none_is_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COGVIEW_MODEL", "glm-image")
    assert offered("cogview gen cat -q ") == ["hd"]


def test_profiles_and_settings_of_the_config_file(cogview: Run) -> None:
    cogview("config", "set", "tier", "V2")
    cogview("config", "set", "quality", "hd", "--profile", "poster")
    assert offered("cogview gen cat --profile p") == ["poster"]
    assert offered("cogview config unset ") == ["tier"]
    assert offered("cogview config unset --profile poster ") == ["quality"]


@pytest.mark.parametrize("shell", SHELLS[1:])
def test_help_goes_along_as_plain_text(shell: str) -> None:
    """Brackets are no markup."""
    said = ask(shell, "cogview gen --on-ex").stdout
    assert "[env COGVIEW_ON_EXISTS; default rename]" in said
    assert "\x1b" not in said


def test_requests_are_offered_newest_first(cogview: Run) -> None:
    for prompt in ("one sandbox:lost-answer", "two sandbox:lost-answer", "sandbox:404-download"):
        cogview("gen", prompt, *SMALL)
    lines = cogview("history").out.splitlines()
    one, two, lost = (line.split()[0] for line in lines)
    assert offered("cogview history resolve ") == [two, one]
    assert offered("cogview recover ") == [lost]
    assert f"{two}\ttwo sandbox" in ask("fish", "cogview history resolve ").stdout


def test_completing_creates_nothing(tmp_path: Path) -> None:
    for line in ("recover ", "history resolve ", "gen --profile ", "config unset "):
        offered(f"cogview {line}")
    assert not (tmp_path / "state").exists() and not (tmp_path / "config").exists()


def test_a_prompt_of_the_ledger_is_no_shell_code(cogview: Run) -> None:
    r"""zsh evaluates what it is offered; `\$(…)` would run after the usual quoting."""
    cogview("gen", "a \\$(touch x) `touch x` ' \" ; sandbox:lost-answer", *SMALL)
    for shell in SHELLS:
        said = ask(shell, "cogview history resolve ").stdout
        assert not set("$`\\") & set(said.replace(r"\\:", "")), said


@pytest.mark.parametrize("shell", SHELLS)
def test_what_goes_wrong_is_silent(shell: str, tmp_path: Path) -> None:
    """A broken config, a damaged ledger, a question that is none."""
    for folder, name in (("config", "config.toml"), ("state", "ledger.db")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"\xff= broken [[[" * 200)
    for line in ("gen --profile ", "gen --size ", "history resolve ", "recover "):
        done = ask(shell, f"cogview {line}")
        assert done.stderr == ""
        assert values(shell, done.stdout) == []


def test_a_question_that_is_none_is_answered_with_nothing() -> None:
    done = ask("bash", "cogview gen ", COMP_CWORD="x")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", ["cogview gen --si", "cogview gen cat --size "])
def test_nothing_heavy_is_loaded(shell: str, line: str) -> None:
    heavy = ("httpx", "PIL", "pydantic", "rich.text", "asyncio", "sqlite3", "tomlkit")
    assert loaded_by(heavy=heavy, **question(shell, line)) == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_an_answer_takes_little_time(shell: str) -> None:
    """Seconds of CPU, the best of five: the wall clock would measure the other tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(COVERAGE)}
    environment |= question(shell, "cogview gen cat -m glm-image --size 1")
    spent = []
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-m", "cogview_cli"], env=environment, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        spent.append(usage.ru_utime + usage.ru_stime)
    assert min(spent) < CPU_SECONDS


# The scripts, in the shells themselves.


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the search path with `cogview` in it; HOME is empty."""
    folder, home = tmp_path / "bin", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    command = folder / "cogview"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cogview_cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(home))
    return home


def in_shell(shell: str, *arguments: str) -> list[str]:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not here")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.stderr == "", done
    return done.stdout.split()


BASH = """
source "$0"
complete -p cogview
COMP_WORDS=({words}); COMP_CWORD={last}
_cogview_completion cogview
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def test_bash_completes(path: Path) -> None:
    # Bash hands the words over with their quotes.
    script = BASH.format(words="cogview gen \"'一只 猫'\" --size 14", last=4)
    said = in_shell("bash", "--norc", "-c", script, str(SCRIPTS / "cogview.bash"))
    assert said == ["complete", "-o", "default", "-F", "_cogview_completion", "cogview", "1440x720"]


ZSH = """
compdef() {{ }}
_arguments() {{ print -r -- "$@" }}
source {script}
words=(cogview gen cat --size 14); CURRENT=5
_cogview_completion
"""


def test_zsh_completes(path: Path) -> None:
    said = in_shell("zsh", "-f", "-c", ZSH.format(script=SCRIPTS / "_cogview"))
    assert said == ["*:", """:(("1440x720":"2\\\\:1"))"""]


def test_zsh_shows_the_apostrophes_of_descriptions(path: Path) -> None:
    """It would drop one that is typed, and say "the tiers"."""
    script = ZSH.format(script=SCRIPTS / "_cogview").replace("--size 14", "--job")
    said = in_shell("zsh", "-f", "-c", script)
    assert "instead of the tier’s" in " ".join(said)


ZSH_FPATH = """
fpath=({folder} $fpath)
autoload -Uz compinit; compinit -u -D
print -r -- "$_comps[cogview]"
_arguments() {{ print -r -- "$@" }}
words=(cogview gen cat --size 14); CURRENT=5
_cogview
_cogview
"""


def test_zsh_finds_the_script_in_fpath_and_completes_from_the_first_tab(path: Path) -> None:
    """As the wheel lays it down, and as `--install-completion` does."""
    answer = ["*:", """:(("1440x720":"2\\\\:1"))"""]
    said = in_shell("zsh", "-f", "-c", ZSH_FPATH.format(folder=SCRIPTS))
    assert said == ["_cogview", *answer, *answer]
    in_shell("zsh", "-f", "-c", "cogview --install-completion; true")
    installed = path / ".zfunc" / "_cogview"
    assert installed.read_text().strip() == (SCRIPTS / "_cogview").read_text().strip()


def test_fish_completes(path: Path) -> None:
    script = f"source {SCRIPTS / 'cogview.fish'}; complete -C 'cogview gen cat --size 14'"
    assert in_shell("fish", "--no-config", "-c", script) == ["1440x720", "2:1"]


def test_completion_installs_itself(path: Path) -> None:
    """In a new home: typer finds the shell that called it."""
    said = in_shell("bash", "--norc", "-c", "cogview --install-completion; true")
    assert said[:3] == ["bash", "completion", "installed"]
    script = "source ~/.bashrc; complete -p cogview"
    assert "_cogview_completion" in in_shell("bash", "--norc", "-c", script)


def test_a_shell_that_is_not_known_is_said(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def undetected() -> None:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr(shellingham, "detect_shell", undetected)
    for flag in ("--install-completion", "--show-completion"):
        ended = cogview(flag)
        assert ended.code == 2
        assert "hint: " in ended.err and "_COGVIEW_COMPLETE=source_bash cogview" in ended.err


def test_every_setting_of_a_few_words_is_offered_them() -> None:
    few = {name: setting.kind for name, setting in SETTINGS.items() if setting.kind.values}
    assert few.keys() == {
        "quality", "format", "on_exists", "on_unknown", "tier", "watermark", "sidecar", "sandbox",
        "response_format", "auth", "size_rules", "size_order", "allow_http", "content_auth",
        "async_", "check_text", "strict_text",
    }  # fmt: skip
    for kind in few.values():
        assert [to_text(kind.parse(value)) for value in kind.values] == list(kind.values)
