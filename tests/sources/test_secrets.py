"""Columns named like secrets: known in any spelling, and left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.sources.secrets import is_secret_name, secret_names, without_secrets
from tests.conftest import Run
from tests.sources.reading import one

SECRETS = (
    "api_key", "apiKey", "APIKey", "API KEY", "api-key", "apikey", "ApiKey2", "OPENAI_API_KEY",
    "x-api-key", "ａｐｉ＿ｋｅｙ", "accessKeyId", "aws_secret_access_key", "private_key", "sshKey",
    "token", "Token", "TOKEN_1", "accessToken", "hf_token", "auth-token", "bearer", "jwt",
    "password", "Password", "dbPassword", "password_hash", "passwd", "pwd", "passphrase",
    "secret", "client_secret", "clientSecret", "credentials", "Authorization", "auth",
    "cookie", "Cookies", "Set-Cookie", "密码", "用户密码", "密钥", "API密钥", "访问令牌",
    "口令", "密碼",
)  # fmt: skip
OTHERS = (
    "key", "Key", "keyword", "keywords", "keyboard", "sort_key", "monkey", "api", "author",
    "authors", "authority", "max_tokens", "token_count", "tokens", "tokenizer", "secretary",
    "compass", "pass", "passport", "bookie", "prompt", "sku", "标题", "密度",
    "码", "关键词", "",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


STYLES = (
    "_".join, "-".join, " ".join, ".".join, lambda words: "".join(word.title() for word in words),
    lambda words: words[0] + "".join(word.title() for word in words[1:]),
    lambda words: "_".join(words).upper(),
)  # fmt: skip


@given(
    st.lists(st.sampled_from(["my", "openai", "db", "user"]), max_size=2),
    st.sampled_from([["api", "key"], ["password"], ["access", "token"], ["client", "secret"]]),
    st.sampled_from(STYLES),
)
def test_no_way_to_join_the_words_hides_a_secret(
    before: list[str], secret: list[str], join: Any
) -> None:
    assert is_secret_name(join([*before, *secret]))


values = st.recursive(
    st.text(max_size=3) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "token", "b", "apiKey"]), inner, max_size=3)
    ),
)


@given(values)
def test_nothing_but_secrets_is_left_out(value: Any) -> None:
    kept = without_secrets(value)
    assert not list(secret_names(kept))
    assert (kept == value) is not any(secret_names(value))


def test_a_row_keeps_none_at_any_depth() -> None:
    row = {"prompt": "cat", "meta": {"user": "u", "headers": [{"Cookie": "c", "x": 1}]}, "pwd": 1}
    got = one(json.dumps(row) + "\n")
    assert got.extra == {"meta": {"user": "u", "headers": [{"x": 1}]}}


@pytest.mark.parametrize("depth", [50, 99, 101, 300, 480, 700, 900, 950, 980, 990, 1000, 9000])
@pytest.mark.parametrize("inner", ['"x"', '{"token": 1}'])
def test_a_row_nested_too_deeply_is_bad(cogview: Run, depth: int, inner: str) -> None:
    deep = "[" * depth + inner + "]" * depth
    Path("p.jsonl").write_text(f'{{"prompt": "cat", "x": {deep}}}\n')
    ended = cogview("batch", "p.jsonl", "-o", "out", "-s", "512x512")
    assert ended.code in (0, 2), ended
    assert ended.code == 0 or "p.jsonl:1: " in ended.err


CANARY = "canary-4711"
NAMES = ("api_key", "accessToken", "PASSWORD", "密码", "Authorization", "cookie")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_batch_leaves_them_out_of_all_it_writes_and_says_so_once(
    cogview: Run, sandbox: SandboxThread, suffix: str
) -> None:
    secret = dict.fromkeys(NAMES, CANARY)
    rows = [{"prompt": prompt, "sku": "A1", **secret} for prompt in ("cat", "dog sandbox:1301")]
    source = Path(f"p.{suffix}")
    if suffix == "csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        source.write_text("\n".join(lines) + "\n", "utf-8")
    else:
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    ended = cogview("batch", str(source), "-s", "512x512", "-o", "out", "--report", "r.json")
    source.unlink()
    assert ended.code == 3
    assert CANARY not in ended.out + ended.err
    told = [line for line in ended.err.splitlines() if "named like secrets" in line]
    assert len(told) == 1 and all(name in told[0] for name in NAMES)
    written = [path for path in _everything() if path.is_file()]
    assert {path.name for path in written} >= {f"failed.{suffix}", "r.json", "ledger.db"}
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]
    sidecar = json.loads(next(Path("out").glob("*.png.json")).read_text("utf-8"))
    assert sidecar["source"]["sku"] == "A1"
    assert CANARY not in str(sandbox.books.bodies)


def _everything() -> list[Path]:
    folders = (Path.cwd(), Path(os.environ["COGVIEW_STATE_DIR"]), Path(os.environ["TMPDIR"]))
    return [path for folder in folders for path in folder.rglob("*")]


def test_a_template_that_asks_for_one_gets_it(cogview: Run, sandbox: SandboxThread) -> None:
    """A set of words may call its column `token`."""
    Path("p.csv").write_text("token\napple\n", "utf-8")
    line = ("batch", "p.csv", "--template", "a {token}", "--name", "{token}", "-o", "out")
    assert cogview(*line, "-s", "512x512").code == 0
    assert sandbox.books.bodies[0]["prompt"] == "a apple"
    assert Path("out/apple.png").exists() or list(Path("out").glob("apple.*"))
