"""The settings of a profile: tables, headers, a server without keys, plain http."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.config import settings, tables
from cogview_cli.config.secret import Secret
from cogview_cli.config.settings import load
from cogview_cli.config.value_types import to_toml
from cogview_cli.errors import MachineError, UsageError
from tests.conftest import Run
from tests.servers import own
from tests.servers.own import KEY, OwnServer
from tests.servers.test_own_servers import config_file

TOKEN = "a-very-secret-token-of-the-team"


def text_of_file() -> str:
    return Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml").read_text("utf-8")


# --- fields of the body


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        (["seed=7"], {"seed": 7}),
        (["seed=random"], {"seed": "random"}),
        (["a=1", "b=true", "a=2"], {"a": 2, "b": True}),
        (["negative_prompt=丑陋, low"], {"negative_prompt": "丑陋, low"}),
        (["x=a=b"], {"x": "a=b"}),
        (["x="], {"x": ""}),
        (["x=null"], {"x": None}),
        (['x={"a": [1, 2.5, "c"]}'], {"x": {"a": [1, 2.5, "c"]}}),
        (['kwargs="{\\"steps\\": 30}"'], {"kwargs": '{"steps": 30}'}),
        (["x=two\nlines"], {"x": "two\nlines"}),
        (["x=NaN"], {"x": "NaN"}),
        (["x=1e999"], {"x": "1e999"}),
        (["n=1"], {"n": 1}),
        ([], None),
    ],
)
def test_fields_are_json_where_they_parse(typed: list[str], fields: dict[str, Any] | None) -> None:
    assert load({"extra": typed}, {}).extra == fields


@pytest.mark.parametrize(
    "typed",
    [
        "seed",
        "=7",
        " =7",
        "model=x",
        "prompt=x",
        "api_key=x",
        "Access-Token=x",
        "n=2",
        "x=\udcff",
        '{"x": "\\ud800"}',
        "[1]",
    ],
)
def test_a_field_that_is_none_is_refused_by_name(typed: str) -> None:
    with pytest.raises(UsageError, match="--extra"):
        load({"extra": [typed]}, {})


def test_fields_of_all_places_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each from the first place that has it."""
    config_file("extra = { a = 1, b = 1, c = 1 }\n")
    path = Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml")
    path.write_text('extra = { a = 0, d = 0.5, e = ["x"] }\n' + path.read_text("utf-8"), "utf-8")
    environ = {**os.environ, "COGVIEW_EXTRA": '{"a": 2, "b": 2}'}
    found = load({"profile": "gpu", "extra": ["a=3"]}, environ)
    assert found.extra == {"a": 3, "b": 2, "c": 1, "d": 0.5, "e": ["x"]}
    assert found.origins["extra"] == "flag --extra"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), json_values, max_size=3))
def test_fields_survive_text_and_file(fields: dict[str, Any]) -> None:
    if {"model", "prompt", "n"} & fields.keys():
        return
    parsed: Any = tables.EXTRA.parse(json.dumps(fields))
    assert parsed == fields
    assert tables.EXTRA.read(to_toml(parsed)) == fields


def test_fields_go_into_the_body_behind_our_own(cogview: Run) -> None:
    ended = cogview(
        "gen", "猫", "--extra", "seed=7", "--extra", 'loras=["a"]', "--response-format", "url",
        "--extra", "size=1x1", "-s", "512x512", "--dry-run",
    )  # fmt: skip
    assert json.loads(ended.out) == {
        "model": "cogview-4-250304", "prompt": "猫", "size": "512x512",
        "response_format": "url", "seed": 7, "loras": ["a"],
    }  # fmt: skip


def test_nothing_is_sent_unasked(cogview: Run) -> None:
    assert json.loads(cogview("gen", "猫", "--dry-run").out).keys() == {"model", "prompt"}


def test_a_table_is_set_and_shown_and_unset(bare: Run) -> None:
    assert bare("config", "set", "extra", '{"seed": "random", "a": {"b": [1]}}').code == 0
    assert bare("config", "set", "model", "x").code == 0
    assert json.loads(bare("config", "get", "extra").out) == {"seed": "random", "a": {"b": [1]}}
    shown = [json.loads(line) for line in bare("config", "show", "--json").out.splitlines()]
    value = next(one["value"] for one in shown if one["name"] == "extra")
    assert value == {"seed": "random", "a": {"b": [1]}}
    assert bare("config", "get", "model").out == "x\n"
    assert bare("config", "set", "extra", "a=null").code == 0
    assert json.loads(bare("config", "get", "extra").out) == {"a": None}
    assert bare("config", "unset", "extra").code == 0
    assert "extra" not in text_of_file()


# --- names with a hyphen


def test_a_file_may_spell_names_with_hyphens(bare: Run) -> None:
    config_file('size-rules = "none"\nmax-cost = "5"\n')
    found = load({"profile": "gpu"})
    assert (found.size_rules, str(found.max_cost)) == ("none", "5")
    assert bare("config", "set", "max-cost", "7", "--profile", "gpu").code == 0
    assert 'max-cost = "7"' in text_of_file() and "max_cost" not in text_of_file()
    assert bare("config", "unset", "size_rules", "--profile", "gpu").code == 0
    assert "size" not in text_of_file()


def test_a_name_in_both_spellings_is_a_mistake() -> None:
    config_file('size-rules = "none"\nsize_rules = "none"\n')
    with pytest.raises(MachineError, match=r"config\.toml:3: 'size_rules' appears twice"):
        load({})


@pytest.mark.parametrize("name", ["api-key", "api_key"])
@pytest.mark.parametrize("more", ["", 'headers = { "x-own" = "v" }\n'], ids=["alone", "headers"])
def test_what_is_secret_is_not_for_others_to_read(name: str, more: str) -> None:
    config_file(f'{name} = "k"\n{more}')
    load({})
    Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml").chmod(0o644)
    with pytest.raises(MachineError, match="open to other users"):
        load({})


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_headers_that_others_can_read_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """They may be secret or not; only who wrote them knows."""
    settings._warn_of_exposed.cache_clear()
    config_file('headers = { "x-own" = "v" }\n')
    path = Path(os.environ["COGVIEW_CONFIG_DIR"], "config.toml")
    load({})
    assert capsys.readouterr().err == ""
    path.chmod(0o644)
    for _ in range(2):
        load({})
    assert capsys.readouterr().err.count(f"chmod 600 {path}") == 1
    path.chmod(0o664)
    with pytest.raises(MachineError, match="can be changed by other users"):
        load({})


# --- headers


def test_headers_go_to_the_server_and_are_shown_to_nobody(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        told = f"no right for {asked.headers.get('x-team')}"
        return own.detail(told, "400 Bad Request") if asked.method == "POST" else own.models(server)

    monkeypatch.setenv("COGVIEW_API_KEY", KEY)
    with OwnServer(speak) as server:
        config_file(
            f'base-url = "{server.base_url}"\nmodel = "cogview4"\n'
            f'headers = {{ "X-Team" = "{TOKEN}", x-num = 7 }}\n'
        )
        ended = bare("gen", "猫", "--profile", "gpu", "--debug")
        checked = bare("config", "check", "--profile", "gpu")
        shown = bare("config", "show", "--profile", "gpu")
        as_json = bare("config", "show", "--profile", "gpu", "--json")
        one = bare("config", "get", "headers", "--profile", "gpu")
    assert ended.code == 3 and "no right for ***" in ended.err, ended
    for asked in server.asked:
        assert (asked.headers["x-team"], asked.headers["x-num"]) == (TOKEN, "7")
        assert asked.with_key
    for said in (ended, checked, shown, as_json, one):
        assert TOKEN not in said.out + said.err
    assert TOKEN not in Path(os.environ["COGVIEW_STATE_DIR"], "ledger.db").read_bytes().decode(
        "latin-1"
    )


def test_an_own_authorization_goes_instead_of_the_key(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OwnServer(own.vllm_omni) as server:
        config_file(
            f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\n'
            'headers = { Authorization = "Basic YTpi" }\n'
        )
        assert bare("gen", "猫", "--profile", "gpu").code == 0
    assert server.posts[0].headers["authorization"] == "Basic YTpi"


@pytest.mark.parametrize(
    "table",
    ['{ "Host" = "x" }', '{ "content-length" = "1" }', '{ "Transfer-Encoding" = "chunked" }',
     '{ "a b" = "x" }', '{ "" = "x" }', '{ "a:" = "x" }', r'{ "a" = "x\r\nb: c" }',
     '{ "a" = "名" }', '{ "a" = "" }', '{ "a" = ["x"] }', "7", '{ "a" = true }'],
)  # fmt: skip
def test_headers_that_could_break_a_request_are_refused_unseen(table: str) -> None:
    config_file(f"\nheaders = {table}\n")
    with pytest.raises(MachineError, match=r"config\.toml:3") as caught:
        load({})
    assert "chunked" not in caught.value.message


def test_headers_are_not_taken_as_an_argument(
    bare: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended = bare("config", "set", "headers", f"x-team={TOKEN}")
    assert ended.code == 2 and TOKEN not in ended.err and "< FILE" in ended.err, ended
    source = tmp_path / "headers.json"
    source.write_text(json.dumps({"x-team": TOKEN}), "utf-8")
    with source.open(encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert bare("config", "set", "headers").code == 0
    assert load({}).headers == {"x-team": Secret(TOKEN)}


# --- a server without keys


def test_without_a_key_the_way_is_named(bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        ended = bare("gen", "猫", "--base-url", server.base_url, "-m", "cogview4")
    assert ended.code == 4 and 'auth = "none"' in ended.err and server.asked == [], ended


def test_a_key_of_the_environment_stays_here(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIPUAI_API_KEY", KEY)
    with OwnServer(own.vllm_omni) as server:
        config_file(f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\n')
        assert bare("gen", "猫", "--profile", "gpu").code == 0
        assert bare("config", "check", "--profile", "gpu").code == 0
    assert not any("authorization" in asked.headers for asked in server.asked)


# --- plain http


LAN = "http://gpu.lan:9997/v1"


@pytest.mark.parametrize(
    ("text", "flags", "allowed"),
    [
        (f'base-url = "{LAN}"\n', {}, False),
        (f'base-url = "{LAN}"\nallow-http = true\n', {}, True),
        (f'base-url = "{LAN}"\nallow-http = false\n', {}, False),
        (f'base-url = "{LAN}"\nallow-http = true\n', {"base_url": "http://other.lan/v1"}, False),
        (f'base-url = "{LAN}"\nallow-http = true\n', {"base_url": "http://gpu.lan:1/v1"}, True),
        ("allow-http = true\n", {"base_url": LAN}, True),
    ],
)
def test_plain_http_is_for_the_host_beside_it(
    text: str, flags: dict[str, object], allowed: bool
) -> None:
    config_file(text)
    assert load({"profile": "gpu", **flags}).allow_http is allowed


def test_plain_http_is_said_once_a_run(bare: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private network, as far as this machine can be one: the name leads to loopback here."""
    resolve = socket.getaddrinfo

    def at_home(host: Any, *args: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host in ("gpu.lan", b"gpu.lan") else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    with OwnServer(own.local_ai) as server:
        server.origin = f"http://gpu.lan:{server.port}"
        base = f'base-url = "{server.origin}/v1"\nmodel = "cogview4"\nauth = "none"\nprice = 0\n'
        config_file(base)
        refused = bare("gen", "猫", "--profile", "gpu")
        assert refused.code == 9 and "allow-http = true" in refused.err, refused
        assert server.asked == []
        config_file(f"{base}allow-http = true\n")
        ended = bare("gen", "猫", "-n", "3", "--profile", "gpu")
    assert ended.code == 0, ended
    assert ended.err.count("unencrypted") == 1
    assert len(server.gets) == 3  # LocalAI's own links are plain http too


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_is_said_of_this_machine(host: str, bare: Run) -> None:
    with OwnServer(own.vllm_omni) as server:
        base = f'base-url = "http://{host}:{server.port}/v1"\n'
        config_file(f'{base}model = "cogview4"\nauth = "none"\n')
        ended = bare("gen", "猫", "--profile", "gpu")
    assert ended.code == 0 and "unencrypted" not in ended.err


def test_init_allows_it_where_the_url_asks_for_it(bare: Run) -> None:
    asked = ("config", "init", "gpu", "--for", "xinference", "--base-url")
    assert bare(*asked, LAN).code == 0
    assert load({"profile": "gpu"}).allow_http
    assert (
        bare("config", "init", "tls", "--for", "sglang", "--base-url", "https://h.lan/v1").code == 0
    )
    assert not load({"profile": "tls"}).allow_http


def test_the_base_url_can_be_set_where_http_is_allowed(bare: Run) -> None:
    refused = bare("config", "set", "base-url", LAN, "--profile", "gpu")
    assert refused.code == 2
    assert bare("config", "set", "allow-http", "true", "--profile", "gpu").code == 0
    assert bare("config", "set", "base-url", LAN, "--profile", "gpu").code == 0


# --- config check


def test_check_finds_a_wrong_key_and_a_wrong_model(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OwnServer(own.litellm, models=("cogview-4", "dall-e-3")) as server:
        config_file(f'base-url = "{server.base_url}"\nmodel = "CogView-4"\n')
        check = ("config", "check", "--profile", "gpu")
        monkeypatch.setenv("COGVIEW_API_KEY", "wrong")
        refused = bare(*check)
        assert refused.code == 4 and "fail  API: " in refused.out, refused
        monkeypatch.setenv("COGVIEW_API_KEY", KEY)
        assert bare(*check).code == 0
        monkeypatch.setenv("COGVIEW_MODEL", "cogview-5")
        wrong = bare(*check)
    assert wrong.code == 2 and "cogview-4, dall-e-3" in wrong.out, wrong
    assert not server.posts and {asked.path for asked in server.gets} == {"/v1/models"}


def test_check_of_a_keyless_profile_finds_that_a_key_is_wanted(bare: Run) -> None:
    with OwnServer(own.litellm) as server:
        config_file(f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\n')
        ended = bare("config", "check", "--profile", "gpu")
    assert ended.code == 4 and "asks for a key" in ended.out, ended


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ({"data": [{"id": "cogview4"}]}, 0),
        ({"data": [{"id": "openai/*"}]}, 0),
        ({"data": []}, 2),
        ({"data": [{"id": 7}, "x", None]}, 2),
        ({"data": [{"id": None, "object": "model", "owned_by": None}]}, 0),
        ({"data": [{"id": None}, {"id": "other"}]}, 2),
        ({"data": "x"}, 0),
        ({"models": []}, 0),
        ([], 0),
        ({"data": [{"id": "a\u001b[2J\u202e"}]}, 2),
    ],
)
def test_check_takes_any_list_as_it_comes(listed: object, code: int, bare: Run) -> None:
    def speak(server: OwnServer, asked: own.Asked) -> bytes:
        return own.answer(listed)

    with OwnServer(speak) as server:
        config_file(f'base-url = "{server.base_url}"\nmodel = "cogview4"\nauth = "none"\n')
        ended = bare("config", "check", "--profile", "gpu")
    assert ended.code == code, ended
    assert "\x1b" not in ended.out and "\u202e" not in ended.out
