"""Settings: where values come from, what is refused, and the `config` command."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import socket
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cogview_cli.cli.options import SettingFlags
from cogview_cli.commands.config import app
from cogview_cli.config import settings, value_types
from cogview_cli.config.keys import resolve_key
from cogview_cli.config.pasted import unwrapped
from cogview_cli.config.secret import Secret
from cogview_cli.config.settings import SETTINGS, Settings, load
from cogview_cli.errors import AccountError, MachineError, Temporary, UsageError
from cogview_cli.terminal import output
from tests.readme import HEADS, settings_reference

KEY = "0123456789abcdef0123456789abcdef.AbCdEfGhIjKlMnOp"


class Home:
    """A config folder of its own, and the environment that names it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.toml"
        self.environ = {
            "COGVIEW_CONFIG_DIR": str(folder),
            "COGVIEW_STATE_DIR": str(folder / "state"),
        }

    def write(self, text: str, mode: int = 0o600) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(mode)

    def load(self, flags: dict[str, object] | None = None, /, **env: str) -> Settings:
        return load(flags or {}, {**self.environ, **env})

    def data(self) -> dict[str, Any]:
        return tomllib.loads(self.path.read_text(encoding="utf-8"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in [*os.environ]:
        if name == "COGVIEW_LANG":
            continue
        if name.startswith("COGVIEW_") or name.endswith("AI_API_KEY") or name == "ZHIPU_API_KEY":
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    home = Home(folder)
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    return home


def run(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, args, input=stdin)


def failure(result: Result) -> Any:
    """The error that would reach `main`; nothing may be printed before it."""
    assert result.exception is not None
    assert not isinstance(result.exception, SystemExit), result.output
    return result.exception


# --- where a value comes from


def test_defaults_hold_without_any_file_or_variable(home: Home) -> None:
    current = home.load()
    assert current.model == "cogview-4-250304"
    assert current.base_url == "https://open.bigmodel.cn/api/paas/v4"
    assert (current.tier, current.timeout, current.retries) == ("V0", 300.0, 3)
    assert current.confirm_above == Decimal(10)
    assert current.watermark is None and current.size is None and current.quality is None
    origins = dict(current.origins)
    assert origins.pop("state_dir") == "environment COGVIEW_STATE_DIR"  # of every test
    assert set(origins.values()) == {"default"}


def test_flag_beats_environment_beats_profile_beats_file(home: Home) -> None:
    home.write('model = "file"\nprofile = "p"\n[profiles.p]\nmodel = "profile"\n')
    assert home.load({"model": "flag"}, COGVIEW_MODEL="env").model == "flag"
    assert home.load(COGVIEW_MODEL="env").model == "env"
    assert home.load().model == "profile"
    assert home.load({"profile": "zai"}).model == "file"


def test_origins_name_each_source(home: Home) -> None:
    home.write('size = "16:9"\n')
    flags = {"model": "m", "sidecar": False, "profile": "zai"}
    origins = home.load(flags, COGVIEW_TIER="v2").origins
    assert origins["model"] == "flag --model"
    assert origins["sidecar"] == "flag --no-sidecar"
    assert origins["tier"] == "environment COGVIEW_TIER"
    assert origins["base_url"] == "profile zai"
    assert origins["size"] == str(home.path)
    assert origins["jobs"] == "default"


def test_an_empty_variable_counts_as_unset(home: Home) -> None:
    assert home.load(COGVIEW_MODEL="", COGVIEW_SANDBOX="").origins["model"] == "default"


def test_every_setting_has_a_variable_and_settings_has_its_attribute(home: Home) -> None:
    for setting in SETTINGS.values():
        assert setting.env[0] == "COGVIEW_" + setting.option.replace("-", "_").upper()
        assert getattr(home.load(COGVIEW_STATE_DIR=""), setting.name) == setting.default
    assert [*SETTINGS, "origins"] == list(Settings._fields)


def test_a_setting_whose_name_is_a_word_of_python(home: Home) -> None:
    assert home.load().async_ is None
    assert home.load(COGVIEW_ASYNC="no").async_ is False
    assert run("set", "async", "false").exit_code == 0
    assert home.data() == {"async": False} and home.load().async_ is False
    assert run("get", "async").stdout == "false\n"
    assert run("unset", "async").exit_code == 0 and home.data() == {}


def test_built_in_profile_can_be_overridden_in_part(home: Home) -> None:
    home.write('[profiles.zai]\ntier = "v3"\n')
    current = home.load(COGVIEW_PROFILE="zai")
    assert (current.base_url, current.tier) == ("https://api.z.ai/api/paas/v4", "V3")


def test_a_profile_that_is_not_selected_does_nothing(home: Home) -> None:
    home.write('[profiles.work]\nmodel = "x"\n')
    assert home.load().model == "cogview-4-250304"


def test_unknown_profile_is_usage_from_a_flag_and_machine_from_elsewhere(home: Home) -> None:
    with pytest.raises(UsageError) as caught:
        home.load({"profile": "nope"})
    assert "bigmodel, zai" in caught.value.hint
    with pytest.raises(MachineError, match="COGVIEW_PROFILE"):
        home.load(COGVIEW_PROFILE="nope")
    home.write('# x\nprofile = "nope"\n')
    with pytest.raises(MachineError, match=r"config\.toml:2: there is no profile 'nope'"):
        home.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tier", "V9"),
        ("jobs", 0),
        ("jobs", True),
        ("timeout", 0.0),
        ("timeout", float("nan")),
        ("timeout", "inf"),
        ("retries", "-1"),
        ("max_cost", "-1"),
        ("max_cost", "1e999999"),
        ("max_cost", Decimal("NaN")),
        ("format", "gif"),
        ("on_exists", "ask"),
        ("base_url", "ftp://x"),
        ("base_url", "https://"),
        ("base_url", "https://h:99999/"),
        ("base_url", "https://good\\@evil.example"),
        ("model", "  "),
        ("model", "a\x1b[2J"),
    ],
)
def test_a_bad_flag_is_usage_and_a_bad_variable_is_machine(
    home: Home, name: str, value: object
) -> None:
    with pytest.raises(UsageError, match="--" + SETTINGS[name].option):
        home.load({name: value})
    if isinstance(value, str):
        variable = SETTINGS[name].env[0]
        with pytest.raises(MachineError, match=variable):
            home.load(**{variable: value})


def test_a_rule_of_the_vendor_is_left_to_the_command_for_flags(home: Home) -> None:
    assert home.load({"size": "banana", "quality": "ultra"}).size == "banana"
    with pytest.raises(MachineError, match="COGVIEW_SIZE"):
        home.load(COGVIEW_SIZE="banana")


def test_money_is_exact(home: Home) -> None:
    home.write("max_cost = 0.1\nconfirm_above = '2.50'\n")
    assert home.load().max_cost == Decimal("0.1")
    assert home.load().confirm_above == Decimal("2.50")
    assert home.load({"max_cost": Decimal("0.30")}).max_cost == Decimal("0.3")


@pytest.mark.parametrize("tail", ["", "/", "/images/generations", "/images/generations/"])
def test_base_url_is_brought_to_one_form(home: Home, tail: str) -> None:
    assert home.load({"base_url": "https://h.example/v4" + tail}).base_url == "https://h.example/v4"


@given(st.decimals(min_value=0, max_value=10**9, places=4))
def test_money_survives_the_file(value: Decimal) -> None:
    kept = value_types.to_toml(value_types.MONEY.parse(format(value, "f")))
    assert value_types.MONEY.read(kept) == value


@given(st.text())
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for setting in SETTINGS.values():
        with contextlib.suppress(ValueError):
            parsed = setting.kind.parse(text)
            assert setting.kind.read(value_types.to_toml(parsed)) == parsed


# --- the file


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model = 'x'\nsize = \n", 2),
        ("model = 'x'\nmodle = 'y'\n", 2),
        ("\n\njobs = '4'\n", 3),
        ("sidecar = 1\n", 1),
        ("user_id = 123456\n", 1),
        ("jobs = true\n", 1),
        ("timeout = inf\n", 1),
        ("[profiles.a]\nmodel='x'\n[profiles.b]\ntier = 'V7'\n", 4),
        ("[profiles.a]\nprofile = 'b'\n", 2),
        ("model = 'x'\n[profiles]\na = 1\n", 3),
        ("profiles = 3\n", 1),
        ("[model]\nx = 1\n", 1),
        ("model = 'x'\nsize = '", 2),
    ],
)
def test_a_broken_file_is_named_with_its_line(home: Home, text: str, line: int) -> None:
    home.write(text)
    with pytest.raises(MachineError) as caught:
        home.load()
    assert caught.value.message.startswith(f"{home.path}:{line}: ")
    assert caught.value.hint


def test_a_file_that_is_no_text_or_no_file_is_refused(home: Home) -> None:
    home.path.write_bytes(b"model = 'x'\n# \xff\n")
    with pytest.raises(MachineError, match=":2: is not UTF-8"):
        home.load()
    home.path.unlink()
    home.path.mkdir()
    with pytest.raises(MachineError, match="not a config file") as caught:
        home.load()
    assert "chmod" not in caught.value.hint


def test_a_fifo_in_place_of_the_file_does_not_hang(home: Home) -> None:
    os.mkfifo(home.path)
    with pytest.raises(MachineError, match="not a config file"):
        home.load()


@pytest.mark.parametrize("text", [f"api_key = '{KEY}'\n", f"[profiles.a]\napi_key = '{KEY}'\n"])
def test_a_key_others_can_read_is_refused_with_the_chmod(home: Home, text: str) -> None:
    home.write(text, 0o644)
    with pytest.raises(MachineError) as caught:
        home.load()
    assert f"chmod 600 {home.path}" in caught.value.hint
    assert KEY not in str(caught.value)


def test_a_key_behind_a_symlink_is_refused(home: Home, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text(f"api_key = '{KEY}'\n")
    real.chmod(0o600)
    home.path.symlink_to(real)
    with pytest.raises(MachineError, match="symbolic link"):
        home.load()


def test_a_key_in_another_users_file_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(f"api_key = '{KEY}'\n")
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(MachineError, match="another user"):
        home.load()


STEERING = (
    "base_url = 'https://example.com/v4'\n",
    "[profiles.bigmodel]\nbase_url = 'https://example.com/v4'\n",
    "api_key_command = 'echo x'\n",
    "max_cost = '1000'\n",
    "profile = 'zai'\n",
    "model = 'x'\n",
)


def owned_by_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `path` belong to a user that is neither this one nor root."""
    if os.geteuid() == 0:
        os.chown(path, 12345, -1, follow_symlinks=False)
        return
    # Without the right to give a file away, this user becomes a stranger to all its files.
    monkeypatch.setattr(os, "geteuid", lambda: path.lstat().st_uid + 1)


@pytest.mark.parametrize("text", STEERING)
def test_a_file_of_another_user_decides_nothing(
    home: Home, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(text)
    owned_by_another(home.path, monkeypatch)
    with pytest.raises(MachineError, match="another user") as caught:
        home.load()
    assert str(home.path) in caught.value.hint
    assert isinstance(failure(run("set", "tier", "V1")), MachineError)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o664, 0o666])
@pytest.mark.parametrize("text", STEERING)
def test_a_file_that_others_can_change_decides_nothing(home: Home, text: str, mode: int) -> None:
    home.write(text, mode)
    with pytest.raises(MachineError, match="other users") as caught:
        home.load()
    assert f"chmod go-w {home.path}" in caught.value.hint


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o775, 0o777])
def test_nor_does_one_in_a_folder_where_others_can_exchange_it(home: Home, mode: int) -> None:
    home.write("base_url = 'https://example.com/v4'\n")
    home.path.parent.chmod(mode)
    with pytest.raises(MachineError, match="other users") as caught:
        home.load()
    assert f"chmod go-w {home.path.parent}" in caught.value.hint
    home.path.unlink()
    assert isinstance(failure(run("set", "api-key", stdin=KEY)), MachineError)
    assert not home.path.exists()


def test_a_sticky_folder_protects_the_file_in_it(home: Home) -> None:
    home.write("model = 'x'\n")
    home.path.parent.chmod(0o1777)
    assert home.load().model == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("what", ["folder", "link", "target", "folder of the target"])
def test_every_step_on_the_way_to_the_file_is_ours_or_roots(
    home: Home, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    real = elsewhere / "real.toml"
    real.write_text("base_url = 'https://example.com/v4'\n")
    home.path.symlink_to(real)
    assert home.load().base_url == "https://example.com/v4"
    steps = {"folder": home.path.parent, "link": home.path, "target": real}
    owned_by_another(steps.get(what, elsewhere), monkeypatch)
    with pytest.raises(MachineError, match="another user"):
        home.load()


def test_an_empty_file_decides_nothing_whoever_owns_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("# nothing yet\n", 0o666)
    assert home.load().tier == "V0"


def test_a_file_without_a_key_may_be_open_and_linked(home: Home, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("model = 'x'\n")
    real.chmod(0o644)
    home.path.symlink_to(real)
    assert home.load().model == "x"


def test_a_key_command_others_can_change_is_refused(home: Home) -> None:
    home.write("api_key_command = 'pass key'\n", 0o644)
    assert home.load().api_key_command == "pass key"
    home.path.chmod(0o666)
    with pytest.raises(MachineError, match="changed by other users"):
        home.load()


NO_HOME = """
import pwd, sys
def nobody(*_):
    raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = nobody
from cogview_cli.app import main
raise SystemExit(main(sys.argv[1:]))
"""


def without_home(*line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A user that has no HOME and is not in the user database, as in many containers."""
    return subprocess.run(
        [sys.executable, "-c", NO_HOME, *line],
        env={"COGVIEW_LANG": "en", "PYTHONPATH": os.pathsep.join(sys.path), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


HOMELESS = (
    "gen cat --sandbox", "batch p.txt --sandbox", "config path", "config show", "history",
    "recover", "gallery .", "history resolve x --drop",
)  # fmt: skip


@pytest.mark.parametrize("line", HOMELESS)
def test_without_any_home_the_variables_are_named(line: str) -> None:
    Path("p.txt").write_text("cat\n")
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = without_home(*line.split())
    if line == "gallery .":  # the page has its pictures without the ledger
        assert (done.returncode, "COGVIEW" in done.stdout) == (0, False), done
        return
    assert done.returncode == 9, done
    assert "COGVIEW_CONFIG_DIR" in done.stderr and "COGVIEW_STATE_DIR" in done.stderr


@pytest.mark.parametrize("line", [line for line in HOMELESS if "resolve" not in line])
def test_without_any_home_everything_works_in_the_folders_that_are_named(
    line: str, home: Home
) -> None:
    Path("p.txt").write_text("cat\n")
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = without_home(*line.split(), **home.environ)
    assert done.returncode == 0, done


@pytest.mark.parametrize("line", ["gen cat --sandbox -o", "batch p.txt --sandbox -o"])
def test_a_home_that_is_not_there_is_no_output(line: str, home: Home) -> None:
    Path("p.txt").write_text("cat\n")
    done = without_home(*line.split(), "~/x", **home.environ)
    assert done.returncode == 9 and "HOME" in done.stderr, done
    done = without_home(*line.split(), "~nobody-of-that-name/", **home.environ)
    assert done.returncode == 0 and Path("~nobody-of-that-name").is_dir(), done


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from cogview_cli.config.settings import load; load({});"
        "print(*{'typer','rich','httpx','PIL','tomlkit'} & set(sys.modules))"
    )
    env = {"COGVIEW_CONFIG_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


# --- the key


def test_a_secret_shows_nowhere() -> None:
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>5}", "%s" % secret]  # noqa: UP031
    assert all(KEY not in text and "***" in text for text in shown)
    assert copy.deepcopy(secret) == secret
    assert KEY not in repr(Settings(api_key=secret))
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize("outer", ["", "\n", " \t", "\r\n"])
def test_outer_blanks_of_a_key_are_stripped(home: Home, outer: str) -> None:
    assert resolve_key(home.load(COGVIEW_API_KEY=outer + KEY + outer)).reveal() == KEY


@pytest.mark.parametrize("bad", ['"', "'", " ", "\r\n", "\x00", "\x7f", "密", "\udcff", "\u00a0"])
def test_a_key_that_cannot_be_one_is_refused_unseen(home: Home, bad: str) -> None:
    with pytest.raises(AccountError) as caught:
        resolve_key(home.load(COGVIEW_API_KEY=f"sk-abc{bad}defghi"))
    assert "COGVIEW_API_KEY" in caught.value.message
    assert "abc" not in caught.value.message + caught.value.hint


def test_key_variables_have_an_order(home: Home) -> None:
    env = {"COGVIEW_API_KEY": "a", "ZAI_API_KEY": "b", "ZHIPUAI_API_KEY": "c", "ZHIPU_API_KEY": "d"}
    for name in list(env):
        current = home.load(**env)
        assert resolve_key(current).reveal() == env[name]
        assert current.origins["api_key"] == f"environment {name}"
        env[name] = ""


def test_key_of_environment_beats_profile_beats_file(home: Home) -> None:
    home.write('api_key = "file"\n[profiles.p]\napi_key_command = "echo command"\n')
    assert resolve_key(home.load({"profile": "p"}, ZAI_API_KEY="env")).reveal() == "env"
    assert resolve_key(home.load({"profile": "p"})).reveal() == "command"
    assert resolve_key(home.load()).reveal() == "file"


def test_without_a_key_the_ways_to_set_one_are_named(home: Home) -> None:
    with pytest.raises(AccountError) as caught:
        resolve_key(home.load())
    for way in ("cogview config set api-key", "COGVIEW_API_KEY", "--sandbox"):
        assert way in caught.value.hint + caught.value.message


def test_key_command_gives_its_first_line_and_no_shell_runs(home: Home) -> None:
    current = home.load(COGVIEW_API_KEY_COMMAND="printf 'abc\\nuser: me\\n'")
    assert resolve_key(current).reveal() == "abc"
    current = home.load(COGVIEW_API_KEY_COMMAND="echo $HOME;x")
    assert resolve_key(current).reveal() == "$HOME;x"


@pytest.mark.parametrize("command", ["false", "/no/such/program", "echo 'open", "true", "# x"])
def test_a_key_command_that_fails_is_an_account_error(home: Home, command: str) -> None:
    with pytest.raises(AccountError) as caught:
        resolve_key(home.load(COGVIEW_API_KEY_COMMAND=command))
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://open.bigmodel.cn/api",
        "http://127.0.0.1:8000/v4",
        "http://127.9.9.9",
        "http://[::1]:80/v4",
        "http://localhost:1",
    ],
)
def test_the_key_may_go_to_https_and_this_machine(url: str) -> None:
    settings.check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://open.bigmodel.cn/api",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://user:hunter2@h.example/v4",
        "http://127.0.0.1@evil.example",
    ],
)
def test_the_key_goes_nowhere_else(home: Home, url: str) -> None:
    with pytest.raises(MachineError) as caught:
        resolve_key(home.load({"base_url": url}, COGVIEW_API_KEY=KEY))
    assert caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


# --- the command


def test_path_prints_the_file(home: Home) -> None:
    assert run("path").stdout == f"{home.path}\n"


def test_set_keeps_comments_and_order_and_closes_the_file(home: Home) -> None:
    home.write("# mine\nmodel = 'a'  # why\n\n[profiles.p]  # work\ntier = 'V1'\n", 0o644)
    assert run("set", "base-url", "https://h.example/v4/").exit_code == 0
    assert run("set", "model", "b").exit_code == 0
    text = home.path.read_text()
    assert text.startswith("# mine\n") and "# why" in text and "# work" in text
    assert home.data()["base_url"] == "https://h.example/v4"
    assert home.data()["model"] == "b"
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o600
    assert [item.name for item in home.path.parent.iterdir()] == ["config.toml"]


def test_set_makes_a_private_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home.path.parent / "new"
    monkeypatch.setenv("COGVIEW_CONFIG_DIR", str(folder))
    assert run("set", "jobs", "4").exit_code == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("name", "value", "kept", "got"),
    [
        ("watermark", "no", False, "false"),
        ("jobs", "7", 7, "7"),
        ("max-cost", "5.50", "5.50", "5.50"),
        ("timeout", "60", 60, "60"),
        ("max_wait", "1.5", 1.5, "1.5"),
        ("tier", "v2", "V2", "V2"),
        ("output", "图/{slug}", "图/{slug}", "图/{slug}"),
        ("profile", "zai", "zai", "zai"),
    ],
)
def test_what_is_set_is_what_get_prints(
    home: Home, name: str, value: str, kept: object, got: str
) -> None:
    assert run("set", name, value).exit_code == 0
    assert home.data()[name.replace("-", "_")] == kept
    assert run("get", name).stdout == got + "\n"
    assert run("unset", name).exit_code == 0
    assert name.replace("-", "_") not in home.data()


def test_profile_option_works_on_that_table(home: Home) -> None:
    assert run("set", "model", "x", "--profile", "work").exit_code == 0
    assert home.data() == {"profiles": {"work": {"model": "x"}}}
    assert run("get", "model", "--profile", "work").stdout == "x\n"
    assert run("get", "model").stdout == "cogview-4-250304\n"
    assert "model = x  # profile work" in run("show", "--origin", "--profile", "work").stdout
    assert run("unset", "model", "--profile", "work").exit_code == 0
    assert isinstance(failure(run("unset", "model", "--profile", "work")), UsageError)


@pytest.mark.parametrize(
    "args",
    [
        ("set", "modle", "x"),
        ("set", "jobs", "0"),
        ("set", "jobs"),
        ("set", "size", "banana"),
        ("set", "base-url", "http://h.example"),
        ("set", "profile", "nope"),
        ("set", "profile", "zai", "--profile", "work"),
        ("set", "model", "x", "--profile", "a.b"),
        ("set", "api-key", KEY),
        ("set", "api_key", KEY),
        ("get", "modle"),
        ("get", "size"),
        ("get", "model", "--profile", "nope"),
        ("unset", "size"),
    ],
)
def test_misuse_is_a_usage_error_with_a_hint_and_changes_nothing(
    home: Home, args: tuple[str, ...]
) -> None:
    result = run(*args)
    error = failure(result)
    assert isinstance(error, UsageError)
    assert error.hint
    assert KEY not in error.message + error.hint
    assert result.stdout == ""
    assert not home.path.exists()


def test_the_key_is_read_from_stdin_and_masked_everywhere(home: Home) -> None:
    assert run("set", "api-key", stdin=f"{KEY}\nmore\n").exit_code == 0
    assert resolve_key(home.load()).reveal() == KEY
    for args in (["show"], ["show", "--json"], ["show", "--origin"], ["get", "api-key"]):
        out = run(*args).stdout
        assert "01234…Op" in out
        assert KEY not in out


def test_a_bad_key_from_stdin_is_refused(home: Home) -> None:
    for text in ("", "\n", "qu'ot\n", "密钥\n", "Bearer\n key with blanks"):
        assert isinstance(failure(run("set", "api-key", stdin=text)), AccountError)
    assert not home.path.exists()


def test_a_short_key_is_masked_whole(home: Home) -> None:
    run("set", "api-key", stdin="short-key")
    assert run("get", "api-key").stdout == "***\n"


def test_a_key_is_not_written_through_a_symlink(home: Home, tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("model = 'x'\n")
    home.path.symlink_to(tmp_path / "real.toml")
    assert isinstance(failure(run("set", "api-key", stdin=KEY)), MachineError)
    assert KEY not in (tmp_path / "real.toml").read_text()
    assert run("set", "model", "y").exit_code == 0
    assert home.path.is_symlink()


def test_an_unknown_name_in_the_file_can_be_unset(home: Home) -> None:
    home.write("modle = 'x'\njobs = 2\n")
    assert run("unset", "modle").exit_code == 0
    assert home.data() == {"jobs": 2}


def test_a_failed_write_leaves_the_old_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("model = 'x'\n")

    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert isinstance(failure(run("set", "model", "y")), MachineError)
    assert [item.name for item in home.path.parent.iterdir()] == ["config.toml"]
    assert home.data() == {"model": "x"}


def test_show_json_is_one_object_a_line(home: Home) -> None:
    output.begin_run()
    rows = [json.loads(line) for line in run("show", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == [setting.word for setting in SETTINGS.values()]
    assert rows[0].pop("schema") == 1
    assert all(set(row) == {"type", "name", "value", "origin"} for row in rows)


def test_show_hides_a_password_in_the_base_url(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", "https://me:word@h.example/v4")
    assert "https://***@h.example/v4" in run("show").stdout


def test_reference_names_every_setting_and_variable() -> None:
    table = settings_reference(HEADS["settings"][0])
    for setting in SETTINGS.values():
        assert f"| `{setting.option}` |" in table
        assert all(f"`{name}`" in table for name in setting.env)
    assert table.count("\n") == len(SETTINGS) + 2


# --- check


class Server(ThreadingHTTPServer):
    daemon_threads = True
    status = 404
    body = b'{"error":{"code":"1211","message":"no such task"}}'
    date: str | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        key = self.headers.get("Authorization", "")
        self.server.seen.append((self.command, self.path, key))
        self.send_response_only(self.server.status)
        self.send_header("Date", self.server.date or formatdate(usegmt=True))
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("COGVIEW_BASE_URL", f"http://127.0.0.1:{server.server_port}/v4")
        monkeypatch.setenv("COGVIEW_API_KEY", KEY)
        # A proxy of the environment must not see what goes to this machine.
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield server
        server.shutdown()
        thread.join()


def test_check_sends_only_gets_and_reports_each_point(server: Server) -> None:
    result = run("check")
    assert result.exit_code == 0, result.exception
    paths = ["/v4/models", "/v4/async-result/cogview-check"]  # it has no list of models
    assert server.seen == [("GET", path, f"Bearer {KEY}") for path in paths]
    points = [line[6:].split(":")[0] for line in result.stdout.splitlines()]
    wanted = ["config file", "output folder", "state folder", "key", "network", "API", "clock"]
    assert points == wanted
    assert "from environment COGVIEW_API_KEY" in result.stdout
    assert KEY not in result.stdout


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", AccountError),
        (403, b'{"error":{"code":"1220","message":"no"}}', AccountError),
        (200, b'{"error":{"code":"1002","message":"no"}}', AccountError),
        (200, b'{"error":{"code":1000,"message":"no"}}', AccountError),
        (404, b"<html>not found</html>", MachineError),
        (200, b"<html>log in to the hotel</html>", MachineError),
        (302, b"{}", MachineError),
        (502, b"bad gateway", Temporary),
    ],
)
def test_check_tells_a_refused_key_from_a_wrong_server(
    server: Server, status: int, body: bytes, error: type[Exception]
) -> None:
    server.status, server.body = status, body
    result = run("check")
    assert type(failure(result)) is error
    assert "\nfail  API: " in result.stdout
    assert {method for method, _path, _key in server.seen} == {"GET"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"{}"),
        (429, b'{"error":{"code":"1113","message":"no balance"}}'),
        (404, b'{"error":{"message":"no such route"}}'),
        (404, b'{"detail":"Not Found"}'),
    ],
)
def test_check_passes_where_the_api_answers(server: Server, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    assert run("check").exit_code == 0


def test_check_warns_about_the_clock(server: Server) -> None:
    server.date = formatdate(0, usegmt=True)
    result = run("check")
    assert result.exit_code == 0
    assert "warn  clock: " in result.stdout


def test_check_without_a_key_still_tries_the_network(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    server.status = 401
    result = run("check", "--json")
    assert isinstance(failure(result), AccountError)
    rows = {row["check"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows["key"]["status"] == "fail" and "--sandbox" in rows["key"]["hint"]
    assert rows["API"]["status"] == "ok"
    assert server.seen[0][2] == ""


def test_check_of_a_closed_port_is_temporary(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("COGVIEW_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/v4")
        monkeypatch.setenv("COGVIEW_API_KEY", KEY)
        assert isinstance(failure(run("check")), Temporary)


def test_check_of_a_server_without_tls_is_a_machine_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_BASE_URL", f"https://127.0.0.1:{server.server_port}/v4")
    assert isinstance(failure(run("check")), MachineError)


def test_check_sends_no_key_to_plain_http(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COGVIEW_API_KEY", KEY)
    monkeypatch.setenv("COGVIEW_BASE_URL", "http://h.example/v4")
    result = run("check")
    assert isinstance(failure(result), MachineError)
    assert "fail  base URL: " in result.stdout and "network" not in result.stdout


def test_check_names_a_folder_that_cannot_be_written(
    server: Server, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.path.write_text("")
    monkeypatch.setenv("COGVIEW_OUTPUT", str(home.path / "sub" / "a.png"))
    result = run("check")
    assert isinstance(failure(result), MachineError)
    assert "fail  output folder: " in result.stdout


@pytest.mark.parametrize(("name", "value"), [("size", "1000x700"), ("quality", "ultra")])
def test_config_set_refuses_what_the_model_refuses(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong default would fail every later command."""
    monkeypatch.setenv("COGVIEW_CONFIG_DIR", str(tmp_path / "own"))
    from cogview_cli.app import main

    assert main(["config", "set", name, value]) == 2
    assert not (tmp_path / "own" / "config.toml").exists()


def test_every_setting_but_those_of_the_key_and_the_question_has_a_flag() -> None:
    """And those of a profile, which say what a server is like."""
    flags = set(SettingFlags.__annotations__)
    of_a_profile = {
        "headers", "auth", "price", "queue_price", "currency", "size_rules", "allow_http",
        "content_auth", "size_order",
    }  # fmt: skip
    of_the_key = {"api_key", "api_key_command"}
    others = {"confirm_above", "daily_limit", "download_patience", "state_dir"}
    assert flags == set(SETTINGS) - of_the_key - others - of_a_profile


def test_a_flag_is_told_from_all_other_origins(home: Home) -> None:
    current = home.load({"model": "cogview-4", "watermark": False, "size": None}, COGVIEW_TIER="v1")
    assert [name for name in SETTINGS if current.is_flag(name)] == ["model", "watermark"]


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        (f"Bearer {KEY}", "Bearer"),
        (f"bearer   {KEY}\n", "Bearer"),
        (f'"{KEY}"', "quotes"),
        (f"“{KEY}”", "quotes"),
        (f"export ZAI_API_KEY={KEY}", "NAME="),
        (f"export ZAI_API_KEY='{KEY}';", "NAME=, quotes"),
        (f'$env:ZAI_API_KEY = "{KEY}"', "NAME=, quotes"),
        (f"set ZHIPU_API_KEY={KEY}\r\n", "NAME="),
        (f"Authorization: Bearer {KEY}", "Authorization:, Bearer"),
        (f'-H "Authorization: Bearer {KEY}"', "Authorization:, Bearer"),
        (f"\ufeff\u200b \t{KEY}\u00a0\r\n\r\n", ""),
        (f"{KEY}\nuser: me\n", "1 more line"),
    ],
)
def test_a_key_is_taken_as_it_is_pasted(home: Home, pasted: str, told: str) -> None:
    ended = run("set", "api-key", stdin=pasted)
    assert ended.exit_code == 0 and ended.stdout == ""
    assert resolve_key(home.load()).reveal() == KEY
    said = ended.stderr.splitlines()
    assert said[0] == f"left out: {told}" if told else not said[0].startswith("left out")
    assert f"the key …{KEY[-4:]} is kept in {home.path}" in ended.stderr
    assert "next: cogview config check" in said
    assert KEY not in ended.stderr


def test_a_variable_that_goes_before_the_kept_key_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAI_API_KEY", "another")
    assert "ZAI_API_KEY is set and goes before it" in run("set", "api-key", stdin=KEY).stderr


@given(st.text("abcdef0123456789.=-_", min_size=1, max_size=60))
def test_nothing_is_taken_off_a_bare_key(key: str) -> None:
    """Also not where it is base64, with = at its end."""
    if "=" not in key.rstrip("="):
        assert unwrapped(key) == (key, [])


# --- the hint at a mistake in the file


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("model = cogview-4", "model"),
        ("  model = cogview # mine", "model"),
        ('api-key = abc"', "api-key"),
        ("model = 'x", ""),
        ("jobs = 5x", ""),
        ("sandbox = True", ""),
        ("extra = {a = 1", ""),
        ("just words", ""),
    ],
)
def test_text_without_quotes_is_named_by_its_key(home: Home, line: str, key: str) -> None:
    home.write(f"\n{line}\n")
    with pytest.raises(MachineError) as told:
        home.load()
    assert "config.toml:2: broken TOML" in told.value.message
    assert told.value.hint.endswith(f'text goes in quotes, {key} = "…"' if key else "config.toml")
    assert "abc" not in told.value.hint and "line 2 of" in told.value.hint


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_table_of_the_file_is_not_told_the_form_of_a_flag(home: Home, value: str) -> None:
    home.write(f"[profiles.a]\nprice = 0\n[profiles.a.extra]\nn = {value}\n")
    with pytest.raises(MachineError, match=r"extra takes a table, such as {"):
        home.load()
    with pytest.raises(UsageError, match="extra takes KEY=VALUE") as told:
        home.write("")
        home.load({"extra": ["nothing"]})
    assert told.value.hint == "such as: --extra seed=7"


def test_an_unknown_setting_is_told_where_the_names_are(home: Home) -> None:
    home.write("[profiles.a]\nfoo = 1\n")
    with pytest.raises(MachineError, match=r"config.toml:2: unknown setting 'foo'") as told:
        home.load()
    assert "cogview help settings" in told.value.hint
