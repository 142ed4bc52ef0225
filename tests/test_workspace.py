"""`state-dir = "auto"`: the ledger of those whose home cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogview_cli.config import store, workspace
from cogview_cli.config.workspace import STATE, is_closed, state_of_workspace
from tests.conftest import Ended, Run
from tests.faults.world import SMALL, as_plain_user, ran, run
from tests.processes import COMMAND

if os.name == "nt":
    pytest.skip("permissions of POSIX", allow_module_level=True)

GEN = ("gen", "cat", *SMALL, "--sandbox")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home where nothing can be made, and no variable that leads elsewhere."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("COGVIEW_STATE_DIR", "COGVIEW_CONFIG_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def as_user(*arguments: str, **more: str) -> Ended:
    """The command by one whom permissions hold back."""
    return ran(*as_plain_user(), *COMMAND, *arguments, **more)


def ledger(folder: Path = Path()) -> Path:
    return folder / STATE / "ledger.db"


def test_without_the_setting_the_error_names_it(home: Path) -> None:
    ended = as_user(*GEN)
    assert ended.code == 9, ended
    assert f"'{home}" in ended.err and "COGVIEW_STATE_DIR" in ended.err and "auto" in ended.err
    assert not Path(".cogview").exists()


def test_with_auto_the_ledger_is_in_the_workspace(home: Path) -> None:
    ended = as_user(*GEN, COGVIEW_STATE_DIR="auto")
    assert ended.code == 0, ended
    assert ledger().is_file() and (STATE / ".gitignore").read_text().endswith("*\n")
    assert STATE.stat().st_mode & 0o077 == 0
    told = [line for line in ended.err.splitlines() if str(STATE) in line]
    assert len(told) == 1 and told[0].startswith("warning: ")


def test_later_commands_find_it(home: Path) -> None:
    as_user(*GEN, COGVIEW_STATE_DIR="auto")
    Path("deeper/still").mkdir(parents=True)
    os.chdir("deeper/still")
    ended = as_user("history", COGVIEW_STATE_DIR="auto")
    assert ended.code == 0 and "cat" in ended.out
    ended = as_user("recover", COGVIEW_STATE_DIR="auto")
    assert ended.code == 0 and not Path(".cogview").exists()


def test_a_batch_keeps_its_locks_there_too(home: Path) -> None:
    Path("p.txt").write_text("a cat\n")
    ended = as_user("batch", "p.txt", "-o", "out", *SMALL, "--sandbox", COGVIEW_STATE_DIR="auto")
    assert ended.code == 0 and (STATE / "folders").is_dir(), ended


def test_the_config_file_can_say_auto(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_CONFIG_DIR", str(tmp_path / "config"))
    assert run("config", "set", "state-dir", "auto").code == 0
    assert run("config", "get", "state-dir").out == "auto\n"
    assert as_user(*GEN).code == 0
    assert ledger().is_file()


def test_where_the_home_can_be_written_auto_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.chmod(0o755)
    ended = as_user(*GEN, COGVIEW_STATE_DIR="auto")
    assert ended.code == 0 and "warning" not in ended.err
    assert not Path(".cogview").exists() and list(home.rglob("ledger.db"))


def test_without_a_home_auto_takes_the_workspace(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_STATE_DIR", "auto")
    monkeypatch.setattr(store, "_platform_folder", lambda _function: "~nobody-of-this-name")
    assert cogview("gen", "cat", *SMALL).code == 0
    assert ledger().is_file()


def test_a_key_in_the_environment_is_enough_where_the_home_is_read_only(
    home: Path, tmp_path: Path, cogview: Run
) -> None:
    """`cogview` has set the key and the URL; the config file is not there and is not made."""
    assert as_user("gen", "cat", *SMALL, COGVIEW_STATE_DIR=str(tmp_path / "s")).code == 0
    assert not list(home.iterdir())


def test_a_folder_of_ones_own_is_read_from_the_config_file(tmp_path: Path) -> None:
    env = {"COGVIEW_CONFIG_DIR": str(tmp_path / "config")}
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "config.toml"
    for spelled in ("state-dir", "state_dir"):
        file.write_text(f"{spelled} = '{tmp_path}/ledgers'\n")
        assert store.state_dir(env) == tmp_path / "ledgers"
    assert store.state_dir({**env, "COGVIEW_STATE_DIR": "/elsewhere"}) == Path("/elsewhere")


def test_a_profile_cannot_move_the_ledger(cogview: Run, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("[profiles.x]\nstate-dir = 'auto'\n")
    ended = cogview("gen", "cat")
    assert ended.code == 9 and "config.toml:2" in ended.err


# Where the workspace is


def test_it_is_where_a_state_folder_is_already(tmp_path: Path) -> None:
    (tmp_path / "a" / STATE).mkdir(parents=True)
    (tmp_path / "a" / "b" / ".git").mkdir(parents=True)
    assert state_of_workspace(tmp_path / "a" / "b") == tmp_path / "a" / STATE


def test_else_it_is_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")  # as in a worktree
    (tmp_path / "a").mkdir()
    assert state_of_workspace(tmp_path / "a") == tmp_path / STATE


def test_else_it_is_here(tmp_path: Path) -> None:
    assert state_of_workspace(tmp_path) == tmp_path / STATE


def test_a_folder_of_another_user_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / STATE).mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert state_of_workspace(tmp_path / "x") == tmp_path / "x" / STATE


@pytest.mark.parametrize(
    ("number", "closed"),
    [(errno.EACCES, True), (errno.EPERM, True), (errno.EROFS, True), (errno.ENOSPC, False)],
)
def test_a_full_disk_moves_no_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, closed: bool
) -> None:
    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(workspace.os, "open", fails)
    assert is_closed(tmp_path) is closed


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not is_closed(tmp_path / "a" / "b")
    assert not list((tmp_path).glob("*.probe")) and not (tmp_path / "a").exists()
