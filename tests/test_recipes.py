"""The manual's recipes, run as they stand there: real shells, programs and files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cogview_cli.help.pages import page
from cogview_cli.ledger import Ledger
from cogview_cli.sandbox.thread import SandboxThread

if os.name == "nt":
    pytest.skip("recipes for POSIX shells", allow_module_level=True)

PAGE = page("recipes", {"COGVIEW_LANG": "en"}).text
RECIPE = re.compile(r"<!-- recipe (\S+) -->\n```\w+\n(.*?)```\n<!-- /recipe -->", re.DOTALL)
RECIPES = dict(RECIPE.findall(PAGE))
NAMES = {"nightly", "llm", "xargs", "jq", "make", "rclone"}
PATIENCE_S = 60


def recipe(name: str) -> str:
    assert name in RECIPES, f"the page has no recipe '{name}'"
    return RECIPES[name]


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a shell script into the search path; `cogview` is there and uses the sandbox."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COGVIEW_SANDBOX", "1")
    monkeypatch.setenv("COGVIEW_SIZE", "512x512")

    def put(name: str, text: str) -> None:
        file = folder / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    put("cogview", f'exec "{sys.executable}" -m cogview_cli "$@"')
    return put


def bash(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


Put = Callable[[str, str], None]


def test_every_recipe_of_the_manual_is_run_here() -> None:
    assert set(RECIPES) == NAMES
    assert PAGE.count("<!-- recipe ") == len(NAMES)


# nightly


@pytest.fixture
def night(program: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with prompts and the script; `mail` writes into `mails`."""
    home = tmp_path / "home"
    (home / "pictures").mkdir(parents=True)
    (home / "pictures" / "prompts.txt").write_text("一只猫\n一只狗\n")
    script = home / "pictures" / "nightly.sh"
    script.write_text(recipe("nightly"))
    script.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "you")
    program("mail", f'{{ echo "$*"; cat; }} >> "{home}/mails"')
    return home


def nightly(night: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The script as cron runs it: no terminal, no input."""
    return subprocess.run(
        [str(night / "pictures" / "nightly.sh")],
        cwd=night,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_good_night_is_silent_and_makes_nothing_twice(night: Path) -> None:
    for _ in range(2):
        done = nightly(night)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(list((night / "pictures" / "out").glob("*.png"))) == 2
    assert not (night / "mails").exists()
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def test_a_bad_night_is_mailed_with_the_reason(night: Path) -> None:
    with (night / "pictures" / "prompts.txt").open("a") as file:
        file.write("sandbox:1301\n")
    assert nightly(night).returncode == 3
    subject, *body = (night / "mails").read_text().splitlines()
    assert subject == "-s cogview: exit 3 you"
    assert any(line.startswith("error: ") for line in body)
    assert len(list((night / "pictures" / "out").glob("*.png"))) == 2


def test_a_night_that_meets_another_run_leaves_without_mail(night: Path) -> None:
    with SandboxThread(latency=(PATIENCE_S, PATIENCE_S)) as box:
        api = {"COGVIEW_SANDBOX": "0", "COGVIEW_BASE_URL": box.base_url, "COGVIEW_API_KEY": "k"}
        first = subprocess.Popen(
            [sys.executable, "-m", "cogview_cli", "batch", "prompts.txt", "-o", "out/"],
            cwd=night / "pictures",
            env={**os.environ, **api},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _wait_for_a_request(box)
            assert nightly(night).returncode == 75
        finally:
            first.kill()
            first.communicate()
    assert not (night / "mails").exists()


def _wait_for_a_request(box: SandboxThread) -> None:
    """The run that holds the folder has sent something: it holds it."""
    import time

    end = time.monotonic() + PATIENCE_S
    while not box.books.posts and time.monotonic() < end:
        time.sleep(0.02)
    assert box.books.posts


# The pipelines


def test_a_language_model_writes_the_prompt(program: Put) -> None:
    program("llm", "echo 远山如黛，一叶扁舟")
    done = bash(recipe("llm"))
    assert (done.returncode, done.stdout) == (0, "shanshui.png\n"), done
    assert "远山如黛，一叶扁舟" in Path("shanshui.png.json").read_text("utf-8")


def test_paths_with_spaces_go_through_xargs(program: Put) -> None:
    Path("prompts.txt").write_text("一只 猫\na 'quoted' dog\n")
    Path("album").mkdir()
    done = bash(recipe("xargs"))
    assert done.returncode == 0, done
    made = {path.name for path in Path("my pictures").glob("*.png")}
    assert len(made) == 2
    assert {path.name for path in Path("album").iterdir()} == made


def test_jq_reads_the_results(program: Put) -> None:
    needs("jq")
    Path("prompts.txt").write_text("一只猫\n两只狗 sandbox:1301\n")
    done = bash(recipe("jq"))
    assert done.returncode == 0, done
    saved, refused = done.stdout.splitlines()
    file, cost = saved.split("\t")
    assert Path(file).read_bytes()[:4] == b"\x89PNG" and cost == "0.06"
    assert refused.startswith("两只狗 sandbox:1301: ")
    assert done.stderr.endswith("exit 3\n")


def test_make_draws_what_has_changed(program: Put) -> None:
    needs("make")
    Path("prompts").mkdir()
    for name in ("cat", "dog"):
        Path("prompts", f"{name}.txt").write_text(f"a {name}")
    Path("Makefile").write_text(recipe("make"))
    pictures = [Path("pictures", f"{name}.png") for name in ("cat", "dog")]
    assert bash("make").returncode == 0
    cat, dog = (picture.stat() for picture in pictures)
    assert "is up to date" in bash("make pictures/cat.png").stdout
    later = cat.st_mtime + 10
    Path("prompts/cat.txt").write_text("another cat")
    os.utime("prompts/cat.txt", (later, later))
    assert bash("make").returncode == 0
    assert pictures[0].stat().st_ino != cat.st_ino
    assert pictures[1].stat().st_ino == dog.st_ino


def test_make_pays_nothing_for_a_file_that_was_only_touched(program: Put) -> None:
    needs("make")
    Path("prompts").mkdir()
    Path("prompts", "cat.txt").write_text("a cat")
    Path("Makefile").write_text(recipe("make"))
    assert bash("make").returncode == 0
    picture = Path("pictures", "cat.png")
    before = picture.read_bytes()
    os.utime(picture, (1, 1))
    assert bash("make").returncode == 0
    assert picture.read_bytes() == before
    assert "is up to date" in bash("make pictures/cat.png").stdout
    with Ledger(Path(os.environ["COGVIEW_STATE_DIR"])) as ledger:
        assert len(ledger.history()) == 1


def test_make_with_a_failing_download_pays_once(
    program: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("make")
    monkeypatch.setenv("COGVIEW_SANDBOX", "0")
    monkeypatch.setenv("COGVIEW_API_KEY", "k")
    monkeypatch.setenv("COGVIEW_DOWNLOAD_PATIENCE", "1")
    Path("prompts").mkdir()
    Path("prompts", "cat.txt").write_text("a cat sandbox:403-downloadx12")
    Path("Makefile").write_text(recipe("make"))
    with SandboxThread() as box:
        monkeypatch.setenv("COGVIEW_BASE_URL", box.base_url)
        assert "Error 6" in bash("make").stderr
        while bash("make").returncode:
            assert box.books.downloads.total() < 40
        assert box.books.posts.total() == 1
    assert [path.name for path in Path("pictures").glob("*.png")] == ["cat.png"]


@pytest.mark.parametrize(("prompts", "uploaded"), [("cat\n", 1), ("cat\nsandbox:1301\n", 1)])
def test_rclone_uploads_pictures_and_sidecars(
    program: Put, tmp_path: Path, prompts: str, uploaded: int
) -> None:
    program("rclone", f'[ "$1 $3" = "copy remote:pictures" ] && cp -R "$2" "{tmp_path}/remote"')
    Path("prompts.txt").write_text(prompts)
    done = bash(recipe("rclone"))
    assert done.returncode == 0, done
    assert len(list((tmp_path / "remote").glob("*.png"))) == uploaded
    assert len(list((tmp_path / "remote").glob("*.png.json"))) == uploaded


def test_rclone_uploads_nothing_after_any_other_failure(program: Put, tmp_path: Path) -> None:
    program("rclone", f'touch "{tmp_path}/remote"')
    Path("prompts.txt").write_text("sandbox:1113\n")
    assert bash(recipe("rclone")).returncode == 4
    assert not (tmp_path / "remote").exists()
