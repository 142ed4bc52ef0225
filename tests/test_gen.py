"""`cogview gen`: what it sends, what it refuses, what it leaves on disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cogview_cli.sandbox.thread import SandboxThread
from tests import processes
from tests.conftest import Ended, Run

SMALL = ("-s", "512x512")
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
PNG, JPEG, WEBP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"
FULL = "cogview-4-250304"


def saved(ended: Ended) -> list[Path]:
    """The paths on stdout of a run that must have gone well."""
    assert ended.code == 0, ended
    return [Path(line) for line in ended.out.splitlines()]


def body(sandbox: SandboxThread) -> dict[str, Any]:
    """The one request that was sent."""
    (only,) = sandbox.books.bodies
    return only


def records(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def refused(ended: Ended, sandbox: SandboxThread, code: int, *words: str) -> None:
    """Ended with `code` before any request, stdout empty, and said these words."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.startswith("error: ") or "\nerror: " in ended.err
    assert "\nhint: " in ended.err
    for word in words:
        assert word in ended.err, ended
    assert not sandbox.books.posts


# --- where the image goes ---------------------------------------------------


def test_without_output_the_image_lands_in_the_current_folder(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "小猫", *SMALL))
    assert re.fullmatch(r"\d{8}-\d{6}-小猫\.png", str(path))
    assert path.exists() and Path(f"{path}.json").exists()


def test_output_file_names_the_image(cogview: Run) -> None:
    assert saved(cogview("gen", "cat", *SMALL, "-o", "cat.png")) == [Path("cat.png")]
    assert Path("cat.png").read_bytes().startswith(PNG)


def test_output_folder_is_made_when_its_parent_is_there(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "cat", *SMALL, "-o", "posters/"))
    assert path.parent == Path("posters")
    assert path.is_file()


def test_absolute_output_is_printed_absolute(cogview: Run, tmp_path: Path) -> None:
    (path,) = saved(cogview("gen", "cat", *SMALL, "-o", str(tmp_path / "a.png")))
    assert path == tmp_path / "a.png"


def test_output_template_fills_its_fields_and_makes_its_folders(cogview: Run) -> None:
    (path,) = saved(
        cogview("gen", "big cat", *SMALL, "-o", "{model}/{slug}-{size}-{index:03}.{ext}")
    )
    assert path == Path(f"{FULL}/big-cat-512x512-001.png")
    assert path.is_file()


def test_unknown_template_field_is_a_usage_error(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", "-o", "{slgu}.png"), sandbox, 2, "slgu", "slug")


def test_output_dash_puts_the_bytes_on_stdout_and_no_file(sandbox: SandboxThread) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogview_cli", "gen", "cat", *SMALL, "-o", "-"],
        env={**os.environ, "COGVIEW_BASE_URL": sandbox.base_url, "COGVIEW_API_KEY": "k"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert Image.open(io.BytesIO(done.stdout)).size == (512, 512)
    assert os.listdir() == []


@pytest.mark.parametrize("more", [("-n", "2"), ("--print0",)])
def test_output_dash_refuses_what_does_not_fit_on_stdout(
    cogview: Run, sandbox: SandboxThread, more: tuple[str, ...]
) -> None:
    refused(cogview("gen", "cat", "-o", "-", *more), sandbox, 2, "--output -")


def test_output_dash_refuses_json_in_json(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "cat", "-o", "-", "--json")
    (error,) = records(ended)
    assert ended.code == error["exit_code"] == 2
    assert "--output -" in error["message"] and not sandbox.books.posts


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("target", ["nowhere", "cat.png"])
def test_a_link_to_nothing_is_in_the_way(
    cogview: Run, sandbox: SandboxThread, policy: str, suffix: str, target: str
) -> None:
    """A link to itself is one, too."""
    Path(f"cat{suffix}").symlink_to(target if target != "cat.png" else f"cat{suffix}")
    ended = cogview("gen", "cat", "-o", "cat.png", "--on-exists", policy)
    refused(ended, sandbox, 9, f"cat{suffix}", "nothing was sent")
    assert Path(f"cat{suffix}").is_symlink()


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_a_sidecar_alone_is_in_the_way(cogview: Run, sandbox: SandboxThread, policy: str) -> None:
    Path("cat.png.json").write_text("{}")
    ended = cogview("gen", "cat", "-o", "cat.png", "--on-exists", policy)
    refused(ended, sandbox, 9, "cat.png.json", "nothing was sent")
    assert os.listdir() == ["cat.png.json"]


def test_skip_looks_for_a_picture_before_it_looks_for_links(cogview: Run) -> None:
    Image.new("RGB", (8, 8)).save("cat.jpg")
    Path("cat.webp.json").write_text("{}")
    ended = cogview("gen", "cat", "-o", "cat.png", "--on-exists", "skip")
    assert (ended.code, ended.out) == (0, "cat.jpg\n"), ended


def test_count_numbers_the_names(cogview: Run, sandbox: SandboxThread) -> None:
    paths = saved(cogview("gen", "cat", *SMALL, "-n", "3", "-o", "cat.png"))
    assert sorted(map(str, paths)) == ["cat-1.png", "cat-2.png", "cat-3.png"]
    assert sandbox.books.posts["cat"] == 3


def test_count_uses_the_templates_own_n(cogview: Run) -> None:
    paths = saved(cogview("gen", "cat", *SMALL, "-n", "2", "-o", "{n:02}-{slug}.png"))
    assert sorted(map(str, paths)) == ["01-cat.png", "02-cat.png"]


def test_print0_ends_each_path_with_nul(cogview: Run) -> None:
    ended = cogview("gen", "cat", *SMALL, "-o", "cat.png", "--print0")
    assert (ended.code, ended.out) == (0, "cat.png\0")


def test_no_sidecar_leaves_the_image_alone(cogview: Run) -> None:
    saved(cogview("gen", "cat", *SMALL, "-o", "cat.png", "--no-sidecar"))
    assert os.listdir() == ["cat.png"]


# --- what is there already --------------------------------------------------


def test_rename_never_touches_what_is_there(cogview: Run) -> None:
    Path("cat.png").write_text("mine")
    Path("cat-2.png").write_text("mine too")
    assert saved(cogview("gen", "cat", *SMALL, "-o", "cat.png")) == [Path("cat-3.png")]
    assert Path("cat.png").read_text() == "mine"


def test_skip_sends_nothing_and_names_the_file(cogview: Run, sandbox: SandboxThread) -> None:
    Path("cat.png").write_text("mine")
    ended = cogview("gen", "cat", "-o", "cat.png", "--on-exists", "skip")
    assert saved(ended) == [Path("cat.png")]
    assert Path("cat.png").read_text() == "mine"
    assert not sandbox.books.posts


def test_skip_is_a_json_status(cogview: Run) -> None:
    Path("cat.png").write_text("mine")
    image, summary = records(
        cogview("gen", "cat", "-o", "cat.png", "--on-exists", "skip", "--json")
    )
    assert (image["status"], image["file"], image["cost"]) == ("skipped", "cat.png", "0")
    assert (summary["skipped"], summary["saved"], summary["exit_code"]) == (1, 0, 0)


def test_fail_sends_nothing(cogview: Run, sandbox: SandboxThread) -> None:
    Path("cat.png").write_text("mine")
    refused(cogview("gen", "cat", "-o", "cat.png", "--on-exists", "fail"), sandbox, 9, "cat.png")


def test_overwrite_replaces_when_asked(cogview: Run) -> None:
    Path("cat.png").write_text("mine")
    saved(cogview("gen", "cat", *SMALL, "-o", "cat.png", "--on-exists", "overwrite"))
    assert Path("cat.png").read_bytes().startswith(PNG)


# --- formats ----------------------------------------------------------------


def label_of(path: Path) -> str:
    """The vendor's AI-content label, wherever the format keeps it."""
    with Image.open(path) as image:
        image.load()
        places: list[dict[Any, Any]] = [dict(image.info), dict(image.getexif().get_ifd(0x8769))]
        return " ".join(str(value) for place in places for value in place.values())


@pytest.mark.parametrize(
    ("format", "suffix", "magic"),
    [
        ("original", ".png", PNG),
        ("png", ".png", PNG),
        ("jpeg", ".jpg", JPEG),
        ("webp", ".webp", WEBP),
    ],
)
def test_format_converts_and_keeps_the_label(
    cogview: Run, format: str, suffix: str, magic: bytes
) -> None:
    (path,) = saved(cogview("gen", "cat", *SMALL, "--format", format))
    assert path.suffix == suffix
    assert path.read_bytes().startswith(magic)
    assert "ContentProducer" in label_of(path)
    assert "TC260" in label_of(path)


def test_suffix_of_output_asks_for_the_format(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "cat", *SMALL, "-o", "cat.jpg"))
    assert path == Path("cat.jpg")
    assert path.read_bytes().startswith(JPEG)
    assert json.loads(Path("cat.jpg.json").read_text("utf-8"))["image"]["format"] == "jpeg"


def test_jpeg_of_the_server_gets_a_jpeg_suffix(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "cat sandbox:jpeg", *SMALL))
    assert path.suffix == ".jpg"
    assert path.read_bytes().startswith(JPEG)


def test_format_against_suffix_is_a_usage_error(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", "--format", "png", "-o", "x.jpg"), sandbox, 2, "contradicts")


def test_configured_format_yields_to_the_suffix_typed(
    cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_FORMAT", "png")
    assert saved(cogview("gen", "cat", *SMALL, "-o", "cat.jpg")) == [Path("cat.jpg")]


# --- the prompt and past requests -------------------------------------------


def test_prompt_file_is_read_whole(cogview: Run, sandbox: SandboxThread) -> None:
    Path("p.txt").write_bytes("\ufeff第一行\n第二行\n".encode())
    (path,) = saved(cogview("gen", "--prompt-file", "p.txt", *SMALL))
    assert body(sandbox)["prompt"] == "第一行\n第二行"
    kept = json.loads(Path(f"{path}.json").read_text("utf-8"))
    assert kept["source"]["file"] == "p.txt"


def test_from_repeats_the_request_exactly(cogview: Run, sandbox: SandboxThread) -> None:
    asked = ("-s", "512x768", "-q", "hd", "--user-id", "user-1", "--no-watermark")
    saved(cogview("gen", "一只猫", *asked, "-o", "a.png"))
    saved(cogview("gen", "--from", "a.png.json", "-o", "b.png"))
    first, second = sandbox.books.bodies
    assert first == second
    assert second["size"] == "512x768"


def test_from_ignores_the_settings_of_today(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(cogview("gen", "cat", *SMALL, "-o", "a.png"))
    monkeypatch.setenv("COGVIEW_QUALITY", "hd")
    saved(cogview("gen", "--from", "a.png.json", "-o", "b.png"))
    first, second = sandbox.books.bodies
    assert first == second


def test_flags_override_a_past_request(cogview: Run, sandbox: SandboxThread) -> None:
    saved(cogview("gen", "cat", *SMALL, "-o", "a.png"))
    saved(cogview("gen", "dog", "--from", "a.png.json", "-q", "standard", "-o", "b.png"))
    assert sandbox.books.bodies[1] == {
        "model": FULL, "prompt": "dog", "size": "512x512", "quality": "standard",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 99, "prompt": "x"}']
)
def test_from_refuses_what_is_no_sidecar(
    cogview: Run, sandbox: SandboxThread, content: str
) -> None:
    Path("x.json").write_text(content)
    refused(cogview("gen", "--from", "x.json"), sandbox, 2, "x.json")


def test_from_refuses_a_missing_file(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "--from", "no.json"), sandbox, 2, "no.json")


# --- dry run ----------------------------------------------------------------


def test_dry_run_prints_request_and_price_and_touches_nothing(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path
) -> None:
    ended = cogview("gen", "猫", "-s", "2:1", "-n", "2", "-o", "new/", "--dry-run")
    assert ended.code == 0
    assert records(ended) == [{"model": FULL, "prompt": "猫", "size": "1440x720"}] * 2
    assert "0.12 CNY" in ended.err
    assert not sandbox.books.posts
    assert os.listdir() == []
    assert not (tmp_path / "state").exists()


def test_dry_run_json_has_request_lines_and_a_summary(cogview: Run) -> None:
    *requests, summary = records(cogview("gen", "猫", "-n", "2", "--dry-run", "--json"))
    assert [(r["type"], r["n"], r["cost"]) for r in requests] == [
        ("request", 1, "0.06"),
        ("request", 2, "0.06"),
    ]
    assert summary["type"] == "summary"
    assert (summary["cost_max"], summary["exit_code"]) == ("0.12", 0)


def test_dry_run_needs_no_key(cogview: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    assert cogview("gen", "cat", "--dry-run").code == 0


@pytest.mark.parametrize("out", ["a/b/c.png", "a/b/", "file/c.png", "file/b/{slug}"])
def test_dry_run_finds_no_folder_where_a_run_finds_none(
    out: str, cogview: Run, sandbox: SandboxThread
) -> None:
    """It makes none either."""
    Path("file").touch()
    shown, ran = (cogview("gen", "cat", "-o", out, *more) for more in (["--dry-run"], []))
    assert (shown.code, shown.err) == (ran.code, ran.err) and ran.code == 9, (shown, ran)
    refused(shown, sandbox, 9, "file" if out.startswith("file") else "mkdir -p")
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]


def test_dry_run_refuses_what_a_run_would(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", "-s", "500x500", "--dry-run"), sandbox, 2, "512x512")


# --- JSON lines -------------------------------------------------------------


def test_json_image_and_summary_lines(cogview: Run) -> None:
    ended = cogview("gen", "一只猫", *SMALL, "-o", "cat.png", "--json")
    assert "一只猫" in ended.out  # UTF-8, not \\u escapes
    image, summary = records(ended)
    assert len(image.pop("id")) >= 8 and image.pop("request_id")
    data = Path("cat.png").read_bytes()
    assert image.pop("sha256") == hashlib.sha256(data).hexdigest()
    assert (image.pop("width"), image.pop("height")) == (512, 512)
    assert image.pop("bytes") == len(data)
    assert image == {
        "schema": 1, "type": "image", "status": "saved", "file": "cat.png",
        "sidecar": "cat.png.json", "index": 1, "n": 1, "prompt": "一只猫", "model": FULL,
        "size": "512x512", "cost": "0.06", "content_filter": [{"role": "assistant", "level": 3}],
    }  # fmt: skip
    assert summary == {
        "type": "summary", "saved": 1, "skipped": 0, "refused": 0, "failed": 0, "unknown": 0,
        "unsaved": 0, "not_sent": 0, "cost": "0.06", "cost_max": "0.06", "exit_code": 0,
    }  # fmt: skip


def test_json_tells_a_refusal_in_the_data(cogview: Run) -> None:
    ended = cogview("gen", "cat sandbox:1301", "--json")
    image, summary = records(ended)
    assert ended.code == summary["exit_code"] == 8
    assert (image["status"], image["error"]["code"]) == ("refused", "1301")
    assert (image["error"]["http_status"], image["error"]["retryable"]) == (400, False)
    assert "file" not in image and "sidecar" not in image
    assert image["content_filter"][0].keys() == {"role", "level"}


def test_json_counts_an_unknown_outcome_in_cost_max(cogview: Run) -> None:
    image, summary = records(cogview("gen", "cat sandbox:lost-answer", "--json"))
    assert (image["status"], summary["unknown"]) == ("unknown", 1)
    assert (summary["cost"], summary["cost_max"], summary["exit_code"]) == ("0", "0.06", 5)


def test_content_refusal_names_role_and_level(cogview: Run) -> None:
    ended = cogview("gen", "cat sandbox:1301")
    assert (ended.code, ended.out) == (8, "")
    assert re.search(r"role \w+, level \d", ended.err), ended


# --- what goes on the wire --------------------------------------------------


def test_omitted_means_not_sent(cogview: Run, sandbox: SandboxThread) -> None:
    saved(cogview("gen", "cat"))
    assert body(sandbox) == {"model": FULL, "prompt": "cat"}


@pytest.mark.parametrize(("flag", "sent"), [("--watermark", True), ("--no-watermark", False)])
def test_watermark_is_sent_when_set(
    cogview: Run, sandbox: SandboxThread, flag: str, sent: bool
) -> None:
    saved(cogview("gen", "cat", *SMALL, flag))
    assert body(sandbox)["watermark_enabled"] is sent


@pytest.mark.parametrize(
    "size", ["1440×720", "1440X720", "1440*720", " 1440 x 720 ", "2:1", "banner"]
)
def test_size_spellings(cogview: Run, sandbox: SandboxThread, size: str) -> None:
    assert cogview("gen", "cat", "-s", size, "--dry-run").code == 0
    assert records(cogview("gen", "cat", "-s", size, "--dry-run"))[0]["size"] == "1440x720"


@pytest.mark.parametrize("size", ["16:9", "16：9", "wide", "WIDE"])
def test_a_ratio_becomes_a_legal_size_of_that_ratio(cogview: Run, size: str) -> None:
    width, height = map(
        int, records(cogview("gen", "cat", "-s", size, "--dry-run"))[0]["size"].split("x")
    )
    assert abs(width * 9 / (height * 16) - 1) < 0.01
    assert width * height <= 2**21
    assert width % 16 == height % 16 == 0


@pytest.mark.parametrize("model", ["cogView-4-250304", "COGVIEW-4", "CogView-3-Flash", "GLM-Image"])
def test_model_names_are_sent_in_lower_case(
    cogview: Run, sandbox: SandboxThread, model: str
) -> None:
    saved(cogview("gen", "cat", "-m", model, *SMALL))
    assert body(sandbox)["model"] == model.lower()


def test_unknown_model_is_sent_as_given_with_a_warning(
    cogview: Run, sandbox: SandboxThread
) -> None:
    ended = cogview("gen", "cat", "-m", "CogView-9", "-s", "10x10")
    assert ended.code == 3
    assert "warning: model 'CogView-9' is unknown" in ended.err
    assert body(sandbox) == {"model": "CogView-9", "prompt": "cat", "size": "10x10"}


def test_retired_model_warns(cogview: Run) -> None:
    ended = cogview("gen", "cat", "-m", "cogview-3-plus", "--dry-run")
    assert ended.code == 0
    assert "warning: cogview-3-plus is retired" in ended.err


def test_a_free_model_costs_zero(cogview: Run) -> None:
    image, summary = records(cogview("gen", "cat", "-m", "cogview-3-flash", *SMALL, "--json"))
    assert (image["cost"], summary["cost"]) == ("0", "0")


def test_flag_beats_environment_beats_file(
    cogview: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir(mode=0o700)
    (tmp_path / "config" / "config.toml").write_text('size = "1024x1024"\nquality = "hd"\n')
    monkeypatch.setenv("COGVIEW_SIZE", "768x1344")
    (sent,) = records(cogview("gen", "cat", "--dry-run"))
    assert (sent["size"], sent["quality"]) == ("768x1344", "hd")
    (sent,) = records(cogview("gen", "cat", "--dry-run", *SMALL))
    assert sent["size"] == "512x512"


# --- what is refused before anything is sent --------------------------------

REFUSALS = [
    (("-s", "1024x1000"), ("multiples of 16", "--size 1024x1008")),
    (("-s", "500x512"), ("512 to 2048", "--size 512x512")),
    (("-s", "2064x512"), ("512 to 2048", "--size 2048x512")),
    (("-s", "2048x2048"), ("at most 2097152 pixels", "--size ")),
    (("-s", "bogus"), ("not a size", "--size 1440x720")),
    (("-s", "1440"), ("not a size", "--size 1440x720")),
    (("-s", "１４４０x720"), ("not a size",)),
    (("-s", "0:9"), ("not a size",)),
    (("-m", "cogview-4", "-s", "1000x1024"), ("multiples of 16", "--size ")),
    (("-m", "cogview-3-flash", "-s", "100x100"), ("512 to 2048", "--size 512x512")),
    (("-m", "cogview-3-plus", "-s", "1024x1040"), ("7 preset sizes", "--size 1024x1024")),
    (("-m", "glm-image", "-s", "1040x1024"), ("multiples of 32", "--size ")),
    (("-m", "glm-image", "-s", "2080x1024"), ("512 to 2048", "--size 2048x1024")),
    (("-q", "ultra"), ("quality 'ultra'", "hd or standard")),
    (("-m", "cogview-4", "-q", "hd"), ("does not take a quality", "leave --quality out")),
    (("-m", "cogview-3-flash", "-q", "standard"), ("does not take a quality",)),
    (("-m", "cogview-3-plus", "-q", "hd"), ("does not take a quality",)),
    (("-m", "glm-image", "-q", "standard"), ("takes only hd", "--quality hd")),
    (("--user-id", "12345"), ("5 characters", "6 to 128")),
    (("--user-id", "u" * 129), ("129 characters", "6 to 128")),
    (("--format", "gif"), ("png",)),
    (("--on-exists", "maybe"), ("rename",)),
    (("--on-unknown", "maybe"), ("skip",)),
    (("--tier", "V9"), ("V0",)),
    (("--max-cost", "many"), ("--max-cost",)),
    (("--max-cost", "-1"), ("--max-cost",)),
    (("--max-cost", "NaN"), ("--max-cost",)),
    (("--timeout", "0"), ("--timeout",)),
    (("--profile", "nobody"), ("nobody", "bigmodel")),
    (("--count", "0"), ("--count",)),
    (("--jobs", "0"), ("--jobs",)),
    (("--prompt-file", "x.txt"), ("contradict",)),
]


@pytest.mark.parametrize(("flags", "words"), REFUSALS)
def test_a_refused_value_names_the_rule_and_a_legal_one(
    cogview: Run, sandbox: SandboxThread, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(cogview("gen", "cat", *flags), sandbox, 2, *words)


@pytest.mark.parametrize("prompt", ["", "  \n\t", "\u3000", "\ufeff"])
def test_an_empty_prompt_is_refused(cogview: Run, sandbox: SandboxThread, prompt: str) -> None:
    refused(cogview("gen", prompt), sandbox, 2, "prompt is empty")


def test_glm_image_takes_a_thousand_characters(cogview: Run, sandbox: SandboxThread) -> None:
    assert cogview("gen", "猫" * 1000, "-m", "glm-image", "--dry-run").code == 0
    ended = cogview("gen", "猫" * 1001, "-m", "glm-image")
    refused(ended, sandbox, 2, "1001 characters", "takes 1000")


def test_the_edges_of_every_rule_are_legal(cogview: Run) -> None:
    for flags in (
        ("-s", "512x512"), ("-s", "2048x1024"), ("--user-id", "u" * 6), ("--user-id", "u" * 128),
        ("-m", "glm-image", "-s", "2048x2048", "-q", "hd"), ("-m", "glm-image", "-s", "1728x960"),
        ("-m", "cogview-3-plus", "-s", "1440x720"),
    ):  # fmt: skip
        ended = cogview("gen", "cat", *flags, "--dry-run")
        assert ended.code == 0, ended


@pytest.mark.parametrize(
    ("flags", "field", "sent"),
    [
        (("-s", "100x100"), "size", "100x100"),
        (("-q", "ultra"), "quality", "ultra"),
        (("--user-id", "u"), "user_id", "u"),
    ],
)
def test_no_validate_sends_what_the_rules_refuse(
    cogview: Run, sandbox: SandboxThread, flags: tuple[str, ...], field: str, sent: str
) -> None:
    ended = cogview("gen", "cat", *flags, "--no-validate")
    assert ended.code == 3, ended
    assert body(sandbox)[field] == sent


# --- money ------------------------------------------------------------------


def test_max_cost_below_the_price_sends_nothing(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", "--max-cost", "0.05"), sandbox, 7, "--max-cost 0.06")


def test_max_cost_stops_before_it_is_crossed(cogview: Run, sandbox: SandboxThread) -> None:
    ended = cogview("gen", "cat", *SMALL, "-n", "3", "--max-cost", "0.12", "--json")
    *_, summary = records(ended)
    assert (ended.code, summary["saved"], summary["not_sent"]) == (7, 2, 1)
    assert sandbox.books.posts["cat"] == 2
    assert summary["cost"] == "0.12"


def test_max_cost_of_an_unknown_model_is_refused(cogview: Run, sandbox: SandboxThread) -> None:
    refused(cogview("gen", "cat", "-m", "other", "--max-cost", "1"), sandbox, 2, "price is known")


# --- key and address --------------------------------------------------------


def test_no_key_names_the_ways_to_get_one(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    words = ("cogview config set api-key", "COGVIEW_API_KEY", "--sandbox")
    refused(cogview("gen", "cat"), sandbox, 4, *words)


def test_sandbox_flag_needs_no_key_and_costs_nothing(
    cogview: Run, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COGVIEW_API_KEY")
    (path,) = saved(cogview("gen", "cat", *SMALL, "--sandbox"))
    assert path.is_file()
    assert not sandbox.books.posts


@pytest.mark.parametrize(
    "url", ["http://example.com/v4", "ftp://example.com", "example.com", "https://u:p@example.com"]
)
def test_the_key_goes_to_https_or_loopback_only(
    cogview: Run, sandbox: SandboxThread, url: str
) -> None:
    ended = cogview("gen", "cat", "--base-url", url)
    assert ended.code in (2, 9), ended
    if url.startswith("http:"):
        refused(ended, sandbox, 9, "https")
    assert "canary" not in ended.err


@pytest.mark.parametrize("more", [(), ("--debug",), ("-v",)])
def test_the_key_shows_up_nowhere(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path, more: tuple[str, ...]
) -> None:
    ended = cogview("gen", "cat", *SMALL, *more)
    assert "canary" not in ended.out + ended.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes(), path
    assert sandbox.books.leaks == []


# --- folders that do not work -----------------------------------------------


def _a_file(name: str) -> None:
    Path(name).write_text("")


@pytest.mark.parametrize("output", ["no/such/cat.png", "no/such/", "file/cat.png", "file/", "file"])
def test_a_folder_that_cannot_be_is_found_before_sending(
    cogview: Run, sandbox: SandboxThread, output: str
) -> None:
    _a_file("file")
    refused(cogview("gen", "cat", "-o", output), sandbox, 9)
    assert os.listdir() == ["file"]


@pytest.mark.parametrize("output", ["/dev/null", "pipe", "pipe.png"])
def test_a_device_or_pipe_is_no_output(cogview: Run, sandbox: SandboxThread, output: str) -> None:
    if not output.startswith("/"):
        os.mkfifo(output)
    refused(cogview("gen", "cat", "-o", output), sandbox, 9, output)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_before_sending(cogview: Run, sandbox: SandboxThread) -> None:
    Path("locked").mkdir(mode=0o500)
    refused(cogview("gen", "cat", "-o", "locked/cat.png"), sandbox, 9, "locked")


def test_without_a_state_folder_nothing_is_sent(
    cogview: Run, sandbox: SandboxThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_text("")
    monkeypatch.setenv("COGVIEW_STATE_DIR", str(tmp_path / "f" / "state"))
    refused(cogview("gen", "cat"), sandbox, 9, str(tmp_path / "f"))


# --- names and hostile text -------------------------------------------------


@pytest.mark.parametrize("output", [None, "{slug}{slug}{slug}{slug}{slug}.png", "猫" * 80 + ".png"])
def test_long_names_are_cut_by_bytes(cogview: Run, output: str | None) -> None:
    more = ("-o", output) if output else ()
    (path,) = saved(cogview("gen", "一只可爱的小猫咪" * 40, *SMALL, *more))
    assert len(f"{path.name}.json".encode()) <= 255
    assert path.is_file() and Path(f"{path}.json").is_file()
    path.name.encode("utf-8")


HOSTILE = [
    "cat [/red] [bold]x[/bold] [link=file:///etc]",
    "cat \x1b[31mred\x1b]0;title\x07",
    "cat \u202egnp.exe\u2066",
    "cat\nerror: fake\r\nhint: fake",
    "../../x",
    "/etc/passwd",
    "..\\..\\x",
    "~/x",
    "-rf",
    "con",
    "a\x00b",
    "{slug} {ext} {nothing}",
]


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_hostile_prompt_stays_text_and_in_its_folder(
    cogview: Run, sandbox: SandboxThread, prompt: str, tmp_path: Path
) -> None:
    ended = cogview("gen", "-v", *SMALL, "-o", "out/", "--", prompt)
    (path,) = saved(ended)
    assert path.resolve().parent == tmp_path / "work" / "out"
    assert sorted(os.listdir()) == ["out"]
    assert sorted(os.listdir("out")) == sorted([path.name, f"{path.name}.json"])
    assert body(sandbox)["prompt"] == prompt
    assert not CONTROLS.search(ended.err + ended.out)
    assert "\nerror: fake" not in ended.err


def test_a_hostile_answer_is_shown_as_text(cogview: Run) -> None:
    ended = cogview("gen", "cat sandbox:hostile")
    assert ended.code not in (0, 1)
    assert not CONTROLS.search(ended.err)


def test_a_run_that_goes_well_says_nothing_on_stderr(cogview: Run) -> None:
    assert cogview("gen", "cat", *SMALL).err == ""


def test_quiet_keeps_errors(cogview: Run) -> None:
    ended = cogview("gen", "cat sandbox:1301", "--quiet")
    assert ended.err.startswith("error: ")


def test_several_images_end_with_a_sum_unless_quiet(cogview: Run) -> None:
    said = cogview("gen", "cat", *SMALL, "-n", "2").err
    assert said == "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY)\n"
    assert cogview("gen", "cat", *SMALL, "-n", "2", "--quiet").err == ""


@pytest.mark.parametrize("options", [("--user-id", "abcdef\udcff"), ("--model", "m\udcff")])
def test_bytes_that_are_not_text_are_refused_before_anything_is_recorded(
    cogview: Run, sandbox: SandboxThread, options: tuple[str, ...]
) -> None:
    """No body could carry them; an intent would stand as perhaps paid."""
    refused(cogview("gen", "cat", *SMALL, *options), sandbox, 2, "not UTF-8")


def test_a_name_with_the_size_has_the_models_own_where_none_is_asked_for(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "猫", "-o", "{size}-{slug}"))
    assert path.name == "1024x1024-猫.png"
    with Image.open(path) as picture:
        assert picture.size == (1024, 1024)


def test_jpg_is_jpeg(cogview: Run) -> None:
    (path,) = saved(cogview("gen", "猫", *SMALL, "--format", "JPG", "-o", "a/"))
    assert path.read_bytes().startswith(JPEG) and path.suffix == ".jpg"


@pytest.mark.parametrize("word", ["help", "Help", "batch", "config", "version", "--help", "帮助"])
def test_a_command_as_a_prompt_is_not_paid_for_unasked(
    cogview: Run, sandbox: SandboxThread, word: str
) -> None:
    refused(cogview("gen", "--", word), sandbox, 2, "is a command", "--yes")
    assert cogview("gen", "--dry-run", "--", word).code == 0
    saved(cogview("gen", *SMALL, "--yes", "--", word))


def test_a_prompt_with_a_commands_name_in_it_is_a_prompt(cogview: Run) -> None:
    saved(cogview("gen", "a batch of cookies", *SMALL))


def test_a_command_as_a_prompt_is_asked_about_on_a_terminal(sandbox: SandboxThread) -> None:
    for typed, code in ((b"n\n", 2), (b"y\n", 0)):
        line = (*processes.COMMAND, "gen", "help", *SMALL)
        ended = processes.on_terminal(*line, env=processes.environment(sandbox), typed=typed)
        assert (ended.code, b"Draw 'help'?" in ended.shown) == (code, True), ended
    assert sum(sandbox.books.posts.values()) == 1
