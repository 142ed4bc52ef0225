"""A picture with wrong text is asked for again: what is sent, kept, named, counted and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cogview_cli.pictures.sidecar import sidecar_path
from cogview_cli.sandbox.thread import SandboxThread
from cogview_cli.textcheck.checker import TextChecker
from tests.batch.support import ledger_column, lines, posts
from tests.conftest import Ended, Run
from tests.faults.world import history
from tests.takes import standin
from tests.takes.conftest import Batch

TITLE = "重生之我是韦小宝"
RIGHT = f"海报“{TITLE}”"


def on_disk(folder: str = "out") -> dict[str, dict[str, Any]]:
    """Every picture below `folder` by its path in it, with its sidecar, which must be its own."""
    found = {}
    for path in sorted(Path(folder).rglob("*.*")):
        if path.suffix in (".png", ".jpg"):
            content = json.loads(sidecar_path(path).read_text("utf-8"))
            assert content["image"]["file"] == path.name
            assert content["image"]["bytes"] == path.stat().st_size
            found[path.relative_to(folder).as_posix()] = content
    sidecars = set(Path(folder).rglob("*.json"))
    assert len(sidecars) == len(found), sidecars
    assert not list(Path(folder).rglob(".cogview-*"))
    return found


def takes(folder: str = "out") -> dict[str, tuple[int, bool]]:
    """By picture: which take it is, and whether its text is right."""
    found = on_disk(folder).items()
    return {name: (content.get("take", 1), content["text"]["ok"]) for name, content in found}


def agrees_with_ledger(folder: str = "out") -> None:
    """The ledger knows each picture where it is, as it is, with what was read."""
    there = {content["id"]: (name, content) for name, content in on_disk(folder).items()}
    for entry in history():
        if entry.state == "saved":
            name, content = there.pop(entry.id)
            (file,) = entry.files
            assert Path(file["file"]).resolve() == Path(folder, name).resolve()
            assert file["sha256"] == content["image"]["sha256"]
            assert content["text"] == entry.text
    assert not there


def image_lines(ended: Ended) -> list[dict[str, Any]]:
    found = [line for line in lines(ended) if line["type"] == "image"]
    return sorted(found, key=lambda line: (line["index"], line["n"]))


def summary(ended: Ended) -> dict[str, Any]:
    return lines(ended)[-1]


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(*_arguments: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(TextChecker, "check", check)


FAULTS = ("", "sandbox:text-wrong", "sandbox:text-wrongx2", "sandbox:text-missing",
          "sandbox:text-tiny", "sandbox:text-vertical")  # fmt: skip


def test_sixty_posters_with_every_fault_end_as_the_table_says(
    batch: Batch, sandbox: SandboxThread
) -> None:
    """Of ten each: right, wrong for good, right at the third take, missing, tiny, vertical."""
    numbered = (f"{RIGHT[:-1]}{number}”" for number in range(10))
    prompts = [f"{prompt} {fault}".strip() for prompt in numbered for fault in FAULTS]
    ended = batch(prompts, "--retake", "2", "--json", "--yes")
    assert ended.code == 3
    found = image_lines(ended)
    assert [line["text"]["ok"] for line in found] == [
        "wrong " not in f"{p} " and "missing" not in p for p in prompts
    ]
    assert sandbox.books.charges.total() == 10 * (1 + 3 + 3 + 3 + 1 + 1)
    assert summary(ended)["saved"] == 60
    assert (summary(ended)["text_right"], summary(ended)["text_wrong"]) == (40, 20)
    assert summary(ended)["cost"] == "7.20"
    costs = [line["cost"] for line in found[:6]]
    assert costs == ["0.06", "0.18", "0.18", "0.18", "0.06", "0.06"]
    names = takes()
    assert len(names) == 120
    assert names["3.png"] == (3, True) and names["takes/3-take1.png"] == (1, False)
    assert names["2.png"] == (1, False) and names["takes/2-take3.png"] == (3, False)
    agrees_with_ledger()
    again = batch(prompts, "--retake", "2")
    assert (again.code, sandbox.books.charges.total()) == (3, 120)
    assert "text right on 40, wrong on 20" in again.err


def test_people_are_told_in_their_language(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [RIGHT, f"{RIGHT} sandbox:text-wrong"]
    ended = batch(prompts, "--check-text")
    assert (
        "saved 2 of 2; nothing paid: sandbox (else 0.12 CNY); text right on 1, wrong on 1\n"
        in ended.err
    )
    assert f"wrong text: out/2.png: wanted {TITLE}; found 重生之我室韦小宝 (是→室)\n" in ended.err
    monkeypatch.setenv("COGVIEW_LANG", "zh")
    assert "文字正确 1 张，有误 1 张\n" in batch(prompts, "--check-text").err


def test_the_first_twenty_wrong_ones_are_told_and_that_there_are_more(batch: Batch) -> None:
    more = "more pictures carry wrong text; they are counted at the end\n"
    prompts = [f"{RIGHT[:-1]}{number}” sandbox:text-wrong" for number in range(22)]
    ended = batch(prompts[:20], "--check-text")
    assert (ended.err.count("wrong text: "), more in ended.err) == (20, False)
    ended = batch(prompts, "--check-text")
    assert (ended.err.count("wrong text: "), ended.err.count(more)) == (20, 1)
    assert "text right on 0, wrong on 22\n" in ended.err
    quiet = batch(prompts, "--check-text", "--quiet")
    assert (quiet.code, quiet.err) == (3, "")


def test_checking_alone_sends_nothing_more(batch: Batch, sandbox: SandboxThread) -> None:
    assert batch([f"{RIGHT} sandbox:text-wrong"], "--check-text").code == 3
    assert (posts(sandbox), list(takes())) == (1, ["1.png"])


def test_a_prompt_without_quotes_cannot_be_judged(batch: Batch, sandbox: SandboxThread) -> None:
    ended = batch(["一只猫 sandbox:text-wrong"], "--retake", "3", "--json")
    (line,) = image_lines(ended)
    assert (ended.code, line["text"], posts(sandbox)) == (0, None, 1)
    assert on_disk()["1.png"]["text"] is None
    again = batch(["一只猫 sandbox:text-wrong"], "--retake", "3", "--json")
    assert (again.code, image_lines(again)[0]["text"], posts(sandbox)) == (0, None, 1)


def test_without_the_option_nothing_is_read(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_reading(monkeypatch)
    ended = batch([f"{RIGHT} sandbox:text-wrong"], "--json")
    assert ended.code == 0 and "text" not in image_lines(ended)[0]
    assert "text_right" not in summary(ended)


def test_without_the_extra_nothing_is_sent(
    batch: Batch, gen: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.textcheck.extra.NEEDED", ("no_such_package",))
    for ended in (
        batch([RIGHT], "--check-text"),
        batch([RIGHT], "--retake", "1"),
        batch([RIGHT], "--text", TITLE),
        gen(RIGHT, "--check-text"),
    ):
        assert ended.code == 9
        assert "pip install 'cogview-cli[ocr]'" in ended.err
    assert posts(sandbox) == 0
    assert batch([RIGHT], "--retake", "1", "--no-check-text").code == 0


# --- the next run ----------------------------------------------------------------------


def test_what_was_read_is_not_read_again(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [RIGHT, f"{RIGHT} sandbox:text-wrong"]
    first = batch(prompts, "--retake", "1", "--json")
    forbid_reading(monkeypatch)
    again = batch(prompts, "--retake", "1", "--json")
    assert (first.code, again.code) == (3, 3)
    assert [line["status"] for line in image_lines(again)] == ["skipped", "skipped"]
    assert [line["text"] for line in image_lines(again)] == [
        line["text"] for line in image_lines(first)
    ]
    assert summary(again)["cost"] == "0"


def test_more_retakes_ask_only_for_those_that_are_left(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts = [f"{RIGHT} sandbox:text-wrong"]
    batch(prompts, "--retake", "1")
    assert posts(sandbox) == 2
    dry = batch(prompts, "--retake", "3", "--dry-run")
    assert "0 pictures, at most 2 with retakes: 0 to 0.12 CNY" in dry.err
    ended = batch(prompts, "--retake", "3", "--json")
    assert posts(sandbox) == 4
    assert (image_lines(ended)[0]["status"], image_lines(ended)[0]["cost"]) == ("saved", "0.12")
    assert list(takes()) == ["1.png", *(f"takes/1-take{n}.png" for n in (2, 3, 4))]
    agrees_with_ledger()


def test_a_picture_that_was_never_read_is_read_and_then_asked_for_again(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts = [f"{RIGHT} sandbox:text-wrongx1", RIGHT]
    assert batch(prompts).code == 0
    read = batch(prompts, "--check-text", "--json")
    assert (read.code, posts(sandbox)) == (3, 2)
    assert [line["status"] for line in image_lines(read)] == ["skipped", "skipped"]
    assert batch(prompts, "--retake", "1").code == 0
    assert posts(sandbox) == 3
    assert takes()["1.png"] == (2, True)
    agrees_with_ledger()


def test_other_text_that_is_wanted_is_looked_for(batch: Batch) -> None:
    assert batch([RIGHT], "--check-text").code == 0
    assert batch([RIGHT], "--text", "上海滩").code == 3
    assert batch([RIGHT], "--text", "韦小宝", "--text", "重生").code == 0
    assert batch([RIGHT], "--text", "").code == 0


def test_without_the_ledger_the_sidecars_know(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes are in nobody's way, and nothing is paid that cannot be counted."""
    prompts = [f"{RIGHT} sandbox:text-wrong", f"{RIGHT} sandbox:text-wrongx1"]
    batch(prompts, "--retake", "1")
    assert posts(sandbox) == 4
    Path("../state/ledger.db").unlink()
    forbid_reading(monkeypatch)
    ended = batch(prompts, "--retake", "5", "--json")
    assert (ended.code, posts(sandbox)) == (3, 4)
    assert [line["text"]["ok"] for line in image_lines(ended)] == [False, True]


def test_a_picture_that_was_deleted_comes_back_free_where_it_was(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts = [f"{RIGHT} sandbox:text-wrongx1"]
    batch(prompts, "--retake", "1")
    Path("out/1.png").unlink()
    ended = batch(prompts, "--retake", "1")
    assert (ended.code, posts(sandbox)) == (0, 2)
    assert takes() == {"1.png": (2, True), "takes/1-take1.png": (1, False)}
    agrees_with_ledger()


# --- money -----------------------------------------------------------------------------


def test_the_price_of_all_takes_is_said_before(plain_batch: Batch, sandbox: SandboxThread) -> None:
    prompts = [f"{RIGHT[:-1]}{number}”" for number in range(60)]
    dry = plain_batch(prompts, "--retake", "2", "--dry-run")
    line = "60 pictures, at most 180 with retakes: 3.60 to 10.80 CNY; nothing was sent\n"
    assert line in dry.err
    record = summary(plain_batch(prompts, "--retake", "2", "--dry-run", "--json"))
    assert (record["requests"], record["requests_max"]) == (60, 180)
    assert record["cost_max"] == "10.80"
    refused = plain_batch(prompts, "--retake", "2")
    assert refused.code == 2 and "3.60 to 10.80 CNY, more than confirm-above" in refused.err
    assert posts(sandbox) == 0


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("0.11", "--max-cost 0.11 ends it before p.txt:2: 1 of 2 pictures, 0.06 CNY"),
        ("0.12", "--max-cost 0.12 leaves room for 0 of 4 retakes"),
        ("0.20", "--max-cost 0.20 leaves room for 1 of 4 retakes"),
        ("0.36", None),
    ],
)
def test_a_dry_run_says_where_the_limit_ends_retakes(
    limit: str, told: str | None, batch: Batch, gen: Batch
) -> None:
    options = ("--retake", "2", "--max-cost", limit, "--dry-run")
    ended = batch([RIGHT, f"{RIGHT} x"], *options)
    assert (told in ended.err.splitlines()) if told else "--max-cost" not in ended.err, ended
    one = gen(RIGHT, "-n", "2", *options).err
    assert (told in one.splitlines()) is (told is not None and "room" in told), one


def test_the_limit_counts_retakes_of_each_model_at_its_price(cogview: Run, table: Path) -> None:
    Path("p.csv").write_text(
        f"prompt,model\n{RIGHT},glm-image\n{RIGHT},cogview-4\n{RIGHT},cogview-3-flash\n", "utf-8"
    )
    ended = cogview("batch", "p.csv", "--retake", "2", "--dry-run", "--max-cost", "0.33")
    # 0.16 for the first takes, 0.10 for one of the dearest, 0.06 for another, two for nothing.
    assert "--max-cost 0.33 leaves room for 4 of 6 retakes" in ended.err.splitlines(), ended


def test_pictures_without_text_have_no_retakes_in_the_price(batch: Batch) -> None:
    dry = batch(["一只猫", RIGHT], "--retake", "2", "--dry-run")
    assert "2 pictures, at most 4 with retakes: 0.12 to 0.24 CNY" in dry.err


def test_max_cost_holds_in_the_middle_of_takes(batch: Batch, sandbox: SandboxThread) -> None:
    ended = batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "5", "--max-cost", "0.20", "--json")
    assert (ended.code, posts(sandbox)) == (7, 3)
    (line,) = image_lines(ended)
    assert (line["status"], line["text"]["ok"], line["cost"]) == ("saved", False, "0.18")
    agrees_with_ledger()
    more = batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "5", "--max-cost", "0.06")
    assert (more.code, posts(sandbox)) == (7, 4)


def test_pictures_that_were_never_made_go_before_retakes(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts = [f"{RIGHT[:-1]}{number}” sandbox:text-wrong" for number in range(6)]
    ended = batch(prompts, "--retake", "2", "--max-cost", "0.36", "--jobs", "1", "--json")
    assert ended.code == 7
    assert [line["status"] for line in image_lines(ended)] == ["saved"] * 6
    assert set(sandbox.books.posts.values()) == {1}


def test_the_days_limit_holds_too(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.12")
    monkeypatch.setenv("COGVIEW_SANDBOX", "0")
    ended = batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "5")
    assert (ended.code, posts(sandbox)) == (7, 2)
    assert takes()["1.png"] == (1, False)


# --- takes that bring no picture -------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "states"),
    [
        ("1301", 3, ["saved", "rejected"]),
        ("lost-answer", 5, ["saved", "unknown"]),
        ("1113", 4, ["saved", "not_sent"]),
    ],
)
def test_a_take_that_fails_leaves_the_picture_before_it(
    fault: str, code: int, states: list[str], batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", fault, "ok"])
    ended = batch([RIGHT], "--retake", "3", "--json")
    (line,) = image_lines(ended)
    assert (ended.code, line["status"], line["text"]["ok"]) == (code, "saved", False)
    assert ledger_column("state") == states
    assert takes() == {"1.png": (1, False)}
    assert summary(ended)["cost_max"] == ("0.12" if fault == "lost-answer" else "0.06")


def test_a_lost_take_is_followed_by_another_only_if_the_user_says_so(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "lost-answer", "ok"])
    batch([RIGHT], "--retake", "3")
    again = batch([RIGHT], "--retake", "3")
    assert (again.code, posts(sandbox)) == (5, 2)
    assert f"{KEPT}an earlier request may have been paid, its answer is lost: " in again.err
    assert "hint: cogview history --unknown; to ask again" in again.err
    assert batch([RIGHT], "--check-text").code == 5
    assert batch([RIGHT], "--check-text", "--on-unknown", "retry").code == 3
    ended = batch([RIGHT], "--retake", "3", "--on-unknown", "retry")
    assert (ended.code, posts(sandbox)) == (0, 3)
    assert takes() == {"1.png": (3, True), "takes/1-take1.png": (1, False)}


def test_a_lost_take_is_told_until_the_user_has_decided(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    """Also where the picture is read once more, and where nobody asks for takes any more."""
    sandbox.script(None, ["text-wrong", "lost-answer"])
    batch([RIGHT], "--retake", "3")
    told = batch([RIGHT], "--retake", "3")
    assert told.code == 5
    assert (
        told.err.count("hint: cogview history --unknown; to ask again, perhaps paying twice") == 1
    )
    assert batch([RIGHT], "--retake", "3", "--text", f"{TITLE}好").code == 5
    (lost,) = [entry.id for entry in history() if entry.state == "unknown"]
    assert cogview("history", "resolve", lost, "--drop").code == 0
    assert (batch([RIGHT], "--retake", "3").code, posts(sandbox)) == (3, 2)


def test_a_lost_take_is_no_matter_once_it_is_decided_or_the_text_is_right(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "lost-answer"])
    batch([RIGHT], "--retake", "1")
    (lost,) = (entry.id for entry in history() if entry.state == "unknown")
    assert cogview("history", "resolve", lost, "--drop").code == 0
    assert batch([RIGHT], "--retake", "1").code == 3
    assert batch([RIGHT], "--text", "韦小宝").code == 0


def test_a_refused_take_is_followed_by_another_only_if_the_user_says_so(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "1301", "ok"])
    batch([RIGHT], "--retake", "3")
    assert (batch([RIGHT], "--retake", "3").code, posts(sandbox)) == (3, 2)
    ended = batch([RIGHT], "--retake", "3", "--retry-failed")
    assert (ended.code, posts(sandbox)) == (0, 3)


def test_a_take_that_is_paid_and_not_on_disk_is_fetched_by_the_next_run(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong", "403-downloadx2"])
    ended = batch([RIGHT], "--retake", "1", "--json")
    (line,) = image_lines(ended)
    assert (ended.code, line["status"], line["text"]["ok"]) == (6, "saved", False)
    assert posts(sandbox) == 2
    again = batch([RIGHT], "--retake", "1", "--json")
    assert (again.code, posts(sandbox)) == (0, 2)
    assert takes() == {"1.png": (2, True), "takes/1-take1.png": (1, False)}
    agrees_with_ledger()


def test_recover_fetches_a_take_beside_the_picture(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong"])
    batch([RIGHT], "--check-text")
    sandbox.script(None, ["403-downloadx2"])
    batch([RIGHT], "--retake", "1")
    assert cogview("recover").code == 0
    assert list(on_disk()) == ["1.png", "takes/1-take2.png"]
    assert batch([RIGHT], "--retake", "1").code == 0
    assert posts(sandbox) == 2
    assert takes() == {"1.png": (2, True), "takes/1-take1.png": (1, False)}


KEPT = "the picture is kept with wrong text; its retakes ended: "


def kept_for(ended: Ended, why: str) -> bool:
    """Whether a line says that the picture is there, and why no other take of it is."""
    assert ": saved: " not in ended.err and "error: saved" not in ended.err
    return any(KEPT + why in line for line in ended.err.splitlines() if "error: " in line)


# What ends the retakes of one picture, and what is said of it.
ENDS = [
    ("ok", "--max-cost", "0.06", 7, "--max-cost 0.06 CNY leaves no room for another image"),
    ("lost-answer", "--retake", "3", 5, "outcome unknown, it may have been paid: "),
    ("403-downloadx9", "--retake", "3", 6, "paid, not saved: "),
    ("1113", "--retake", "3", 4, "code 1113"),
]


@pytest.mark.parametrize("command", ["batch", "gen"])
@pytest.mark.parametrize(("fault", "option", "value", "code", "why"), ENDS)
def test_what_ends_the_retakes_is_told_behind_what_is_kept(
    fault: str, option: str, value: str, code: int, why: str, command: str,
    batch: Batch, gen: Batch, sandbox: SandboxThread,
) -> None:  # fmt: skip
    sandbox.script(None, ["text-wrong", fault, fault])
    if command == "batch":
        ended = batch([RIGHT], "--retake", "3", option, value)
    else:
        ended = gen(RIGHT, "-o", "out/1.png", "--retake", "3", option, value)
    assert ended.code == code, ended.err
    assert kept_for(ended, why), ended.err
    assert takes() == {"1.png": (1, False)}


def test_the_days_limit_is_told_behind_what_is_kept(
    batch: Batch, gen: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.06")
    ended = batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "2")
    assert ended.code == 7 and kept_for(ended, "daily-limit 0."), ended.err
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.12")
    ended = gen(f"{RIGHT} sandbox:text-wrong", "--retake", "2")
    assert ended.code == 7 and kept_for(ended, "daily-limit 0."), ended.err


def test_too_little_time_is_told_behind_what_is_kept(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxThread(latency=(1.0, 1.0)) as slow:
        monkeypatch.setenv("COGVIEW_BASE_URL", slow.base_url)
        ended = batch([f"{RIGHT} sandbox:text-wrong"], "--retake", "2", "--deadline", "3")
    assert ended.code == 75
    assert kept_for(ended, "not sent: too little time is left before --deadline 3"), ended.err


@pytest.mark.parametrize("command", ["batch", "gen"])
def test_a_take_that_has_no_place_is_not_paid(
    command: str, batch: Batch, gen: Batch, sandbox: SandboxThread
) -> None:
    Path("out").mkdir()
    Path("out/takes").write_text("mine")
    prompt = f"{RIGHT} sandbox:text-wrong"
    if command == "batch":
        ended = batch([prompt], "--retake", "2")
    else:
        ended = gen(prompt, "-o", "out/1.png", "--retake", "2")
    assert (ended.code, posts(sandbox)) == (9, 1)
    assert kept_for(ended, "'") and "takes' is not a folder" in ended.err


def test_the_reason_is_told_in_the_end_with_its_hint_where_many_are_kept(batch: Batch) -> None:
    prompts = [f"{RIGHT[:-1]}{number}” sandbox:text-wrong" for number in range(3)]
    ended = batch(prompts, "--retake", "2", "--max-cost", "0.18")
    assert f"  saved 3: {KEPT}--max-cost 0.18 CNY" in ended.err
    assert "hint: raise --max-cost to go on" in ended.err


# --- names -----------------------------------------------------------------------------


def test_a_better_take_of_another_kind_has_its_own_suffix(
    batch: Batch, table: Path, sandbox: SandboxThread
) -> None:
    standin.write_table(table, [RIGHT], jpeg=True)
    sandbox.script(None, ["text-wrong"])
    batch([RIGHT], "--check-text")
    sandbox.script(None, ["jpeg"])
    assert batch([RIGHT], "--retake", "1").code == 0
    assert takes() == {"1.jpg": (2, True), "takes/1-take1.png": (1, False)}
    agrees_with_ledger()


@pytest.mark.parametrize("lost", [False, True], ids=["ledger", "sidecars"])
@pytest.mark.parametrize("checked", [(), ("--retake", "1")], ids=["plain", "checked"])
@pytest.mark.parametrize(
    ("folder", "name"), [("takes", "x-take{index}"), ("out", "takes/x-take{index}-{n}")]
)
def test_names_of_the_users_that_look_like_takes(
    folder: str, name: str, checked: tuple[str, ...], lost: bool,
    cogview: Run, table: Path, sandbox: SandboxThread,
) -> None:  # fmt: skip
    """Shots of a film are takes, too: what is there is not paid again."""
    standin.write_table(table, [f"{RIGHT} sandbox:text-wrongx1"])
    Path("p.txt").write_text(f"{RIGHT} sandbox:text-wrongx1\n", "utf-8")
    run = ("batch", "p.txt", "-s", "512x512", "-o", folder, "--name", name, *checked, "--json")
    first = cogview(*run)
    assert (first.code, posts(sandbox)) == (0, 2 if checked else 1), first
    if lost:
        Path("../state/ledger.db").unlink()
    again = cogview(*run)
    assert (again.code, posts(sandbox)) == (0, 2 if checked else 1), again
    (then,), (now,) = image_lines(first), image_lines(again)
    assert (now["status"], now["file"]) == ("skipped", then["file"])


def test_a_picture_that_somebody_has_changed_keeps_its_name(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.script(None, ["text-wrong"])
    batch([RIGHT], "--check-text")
    path = Path("out/1.png")
    changed = path.read_bytes()[:-1] + b"!"
    path.write_bytes(changed)
    batch([RIGHT], "--retake", "1")
    assert path.read_bytes() == changed
    assert Path("out/takes/1-take2.png").exists()


def test_takes_without_sidecars_change_places_too(batch: Batch, sandbox: SandboxThread) -> None:
    prompts = [f"{RIGHT} sandbox:text-wrongx2"]
    ended = batch(prompts, "--retake", "2", "--no-sidecar", "--json")
    assert ended.code == 0 and "sidecar" not in image_lines(ended)[0]
    found = sorted(path.as_posix() for path in Path("out").rglob("*.*"))
    assert found == ["out/1.png", "out/takes/1-take1.png", "out/takes/1-take2.png"]
    assert (batch(prompts, "--retake", "2", "--no-sidecar").code, posts(sandbox)) == (0, 3)


def test_images_of_one_prompt_have_takes_of_their_own(batch: Batch) -> None:
    batch([f"{RIGHT} sandbox:text-wrongx2"], "-n", "2", "--retake", "2", "--jobs", "1")
    names = takes()
    assert {"1-1.png", "1-2.png"} < set(names)
    assert all(ok for name, (_take, ok) in names.items() if not name.startswith("takes/"))


# --- what the reader says --------------------------------------------------------------


def test_doubtful_characters_are_wrong_only_where_that_is_asked(
    plain_batch: Batch, table: Path
) -> None:
    prompt = f"{RIGHT}。"
    standin.write_table(table, [prompt], sure=False)
    assert plain_batch([prompt], "--check-text").code == 0
    assert plain_batch([prompt], "--check-text", "--strict-text").code == 3
    assert plain_batch([prompt], "--retake", "1", "--strict-text").code == 3
    assert ledger_column("take") == [1, 2]


def test_a_reader_that_dies_costs_no_picture(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.textcheck.reader._START", "import sys; sys.exit(1)")
    ended = batch([RIGHT, f"{RIGHT}!"], "--retake", "2", "--json")
    assert (ended.code, posts(sandbox)) == (9, 2)
    assert [line["status"] for line in image_lines(ended)] == ["saved", "saved"]
    assert "cannot read the text" in ended.err
    assert all("text" not in content for content in on_disk().values())
    said = ended.err.splitlines()
    assert "  saved 2: cannot read the text: the reader ended: p.txt:1, p.txt:2" in said
    assert [line for line in said if line.startswith("hint: check it later")] == [
        f"hint: check it later: cogview check-text '{Path('out').absolute()}'"
    ]
    monkeypatch.setattr("cogview_cli.textcheck.reader._START", standin._START)
    assert (batch([RIGHT, f"{RIGHT}!"], "--retake", "2").code, posts(sandbox)) == (0, 2)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_text_that_the_model_cannot_know_is_told_before_it_is_paid_for(
    lang: str, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column `text` is compared with the picture; it does not go into the prompt by itself."""
    monkeypatch.setenv("COGVIEW_LANG", lang)
    Path("p.csv").write_text(
        "prompt,text\na tea poster,春茶\na sea poster,海\n"
        "茶的海报“春 茶！”,春茶\na bare poster,\n", "utf-8"
    )  # fmt: skip
    plain = ("p.csv", "-o", "out", "--dry-run")
    said = {
        "en": "warning: 2 prompts do not hold the text wanted, so the model cannot know it:"
        " the first is p.csv:2, '春茶'",
        "zh": "warning: 有 2 条提示词里没有应有的文字，模型无从得知：第一条是 p.csv:2，“春茶”",
    }
    assert said[lang] in cogview("batch", *plain, "--check-text").err.splitlines()
    assert "warning" not in cogview("batch", *plain).err  # nobody looks
    one = "warning: the prompt does not hold '春茶', so the model cannot know it"
    other = "warning: 提示词里没有“春茶”，模型无从得知"
    told = cogview("gen", "a tea poster", "--text", "春茶", "--dry-run").err.splitlines()
    assert {"en": one, "zh": other}[lang] in told
    assert "warning" not in cogview("gen", "春茶", "--text", "春茶", "--dry-run").err
