"""Nothing newer is overwritten: only what was there when a picture was asked for is replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cogview_cli.disk.destination import Destination, Target
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import Batch, posts, prompts
from tests.conftest import Ended, Run

SMALL = ("-s", "512x512")
OVERWRITE = ("-o", "cat.png", "--on-exists", "overwrite")
# As long as one run is patient; the next GET works.
LATER = "sandbox:403-downloadx2"


@pytest.fixture
def gen(cogview: Run) -> Callable[..., Ended]:
    """`gen -o cat.png --on-exists overwrite`."""
    return lambda *arguments: cogview("gen", *arguments, *SMALL, *OVERWRITE)


@pytest.fixture
def batch(cogview: Run) -> Batch:
    return lambda *arguments, source="p.txt": cogview(
        "batch", source, *SMALL, "-o", "out", *arguments
    )


def prompt_of(image: Path) -> str:
    return str(json.loads(Path(f"{image}.json").read_text("utf-8"))["prompt"])


def pictures() -> dict[str, str]:
    """The prompt of each picture by its name."""
    return {path.name: prompt_of(path) for path in sorted(Path().glob("*.png"))}


def test_what_was_there_when_asked_is_replaced(gen: Callable[..., Ended]) -> None:
    assert gen("old").code == 0
    assert gen("new").code == 0
    assert pictures() == {"cat.png": "new"}


def test_recover_does_not_replace_what_a_later_command_made(
    gen: Callable[..., Ended], cogview: Run
) -> None:
    assert gen(f"old {LATER}").code == 6
    assert gen("new").code == 0
    kept = Path("cat.png").read_bytes()
    ended = cogview("recover")
    assert (ended.code, Path("cat.png").read_bytes()) == (0, kept)
    assert pictures() == {"cat.png": "new", "cat-2.png": f"old {LATER}"}
    assert "'cat.png' is newer" in ended.err and "cat-2.png" in ended.err


def test_it_does_not_replace_what_the_user_put_there(
    gen: Callable[..., Ended], cogview: Run
) -> None:
    gen(f"old {LATER}")
    Path("cat.png").write_bytes(b"mine")
    assert cogview("recover").code == 0
    assert Path("cat.png").read_bytes() == b"mine"
    assert Path("cat-2.png").is_file()


def test_it_does_replace_what_was_there_before(gen: Callable[..., Ended], cogview: Run) -> None:
    gen("first")
    assert gen(f"second {LATER}").code == 6
    assert pictures() == {"cat.png": "first"}
    assert cogview("recover").code == 0
    assert pictures() == {"cat.png": f"second {LATER}"}


def test_three_failed_runs_and_a_recover_are_three_files(
    gen: Callable[..., Ended], cogview: Run
) -> None:
    for number in range(3):
        assert gen(f"{number} {LATER}").code == 6
    assert cogview("recover").code == 0
    assert sorted(pictures()) == ["cat-2.png", "cat-3.png", "cat.png"]
    assert len(set(pictures().values())) == 3


def test_a_request_of_an_older_version_replaces_nothing(
    gen: Callable[..., Ended], cogview: Run
) -> None:
    """It does not say what was there."""
    from tests.batch.support import edit_ledger

    gen("first")
    gen(f"second {LATER}")
    edit_ledger("update requests set target = json_remove(target, '$.there')")
    assert cogview("recover").code == 0
    assert sorted(pictures()) == ["cat-2.png", "cat.png"]


def test_a_sidecar_alone_does_not_keep_a_name(gen: Callable[..., Ended]) -> None:
    gen("first")
    Path("cat.png").unlink()
    assert gen("second").code == 0
    assert pictures() == {"cat.png": "second"}


def test_a_batch_of_before_does_not_replace_a_later_gen(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    prompts(f"cat {LATER}")
    assert batch("--name", "cat", "--on-exists", "overwrite").code == 6
    cogview("gen", "new", *SMALL, "-o", "out/cat.png")
    ended = batch("--name", "cat", "--on-exists", "overwrite")
    assert ended.code == 0, ended
    assert prompt_of(Path("out/cat.png")) == "new"
    assert prompt_of(Path("out/cat-2.png")) == f"cat {LATER}"
    assert "newer than the request" in ended.err
    assert posts(sandbox) == 2


def test_only_the_very_file_may_be_replaced(tmp_path: Path) -> None:
    place = Destination(root=str(tmp_path), template="cat", on_exists="overwrite")
    cat = tmp_path / "cat.png"
    cat.write_bytes(b"one")
    target = Target.from_record(json.loads(json.dumps(Target(place, {}).asked_now().record())))
    assert target.may_replace(cat) and target.may_replace(tmp_path / "cat.webp")
    os.utime(cat, ns=(1, 1))
    assert not target.may_replace(cat)
    cat.unlink()
    assert target.may_replace(cat)
    cat.symlink_to("elsewhere")
    assert not target.may_replace(cat)


def test_a_name_that_the_answer_makes_replaces_nothing(tmp_path: Path) -> None:
    place = Destination(root=str(tmp_path), template="{created}", on_exists="overwrite")
    (tmp_path / "1.png").write_bytes(b"one")
    assert not Target(place, {}).asked_now().may_replace(tmp_path / "1.png")


# --- further pictures, and what is kept unverified -----------------------------------


@pytest.mark.parametrize("name", ["cat-2.png", "cat-2.png.json"])
def test_a_second_picture_replaces_nothing(gen: Callable[..., Ended], name: str) -> None:
    """Its name was not asked for."""
    Path(name).write_bytes(b"mine")
    assert gen("cat sandbox:two-images").code == 0
    assert Path(name).read_bytes() == b"mine"
    assert {path.name for path in Path().glob("*.png")} >= {"cat.png", "cat-2-2.png"}


def test_a_second_picture_and_a_row_of_its_name_are_both_there(batch: Batch) -> None:
    Path("p.jsonl").write_text(
        '{"prompt": "cat sandbox:two-images", "name": "x"}\n{"prompt": "dog", "name": "x-2"}\n'
    )
    for _ in range(2):
        assert batch("--on-exists", "overwrite", source="p.jsonl").code == 0
        found = sorted(prompt_of(path) for path in Path("out").glob("*.png"))
        assert found == ["cat sandbox:two-images", "cat sandbox:two-images", "dog"]


def test_what_came_after_the_name_was_found_free_stays(
    gen: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between the look and the move."""
    from cogview_cli.pictures import placing

    publish = placing.publish

    def meanwhile(*arguments: Any, **options: Any) -> Path:
        Path("cat.png").write_bytes(b"another row's")
        return publish(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(placing, "publish", meanwhile)
        assert gen("cat").code == 0
    assert Path("cat.png").read_bytes() == b"another row's"
    assert prompt_of(Path("cat-2.png")) == "cat"


@pytest.mark.parametrize("when", ["before", "after"])
def test_only_a_sidecar_that_was_there_is_replaced(
    gen: Callable[..., Ended], cogview: Run, when: str
) -> None:
    if when == "before":
        Path("cat.png.json").write_text("{}")
    assert gen(f"cat {LATER}").code == 6
    if when == "after":
        Path("cat.png.json").write_text("{}")
    assert cogview("recover").code == 0
    name = {"before": "cat.png", "after": "cat-2.png"}[when]
    assert pictures() == {name: f"cat {LATER}"}


@pytest.mark.parametrize("name", ["cat.unverified", "cat.unverified.json"])
@pytest.mark.parametrize("fault", ["binary-download", "html-download"])
def test_what_is_kept_replaces_nothing_of_the_users(
    gen: Callable[..., Ended], name: str, fault: str
) -> None:
    Path(name).write_bytes(b"mine")
    assert gen(f"cat sandbox:{fault}").code == 6
    assert Path(name).read_bytes() == b"mine"
    assert Path("cat-2.unverified").is_file() and Path("cat-2.unverified.json").is_file()


def test_what_an_earlier_request_has_kept_stays(gen: Callable[..., Ended]) -> None:
    assert gen("cat sandbox:binary-download").code == 6
    assert gen("dog sandbox:bomb-download").code == 6
    assert prompt_of(Path("cat.unverified")) == "cat sandbox:binary-download"
    assert prompt_of(Path("cat-2.unverified")) == "dog sandbox:bomb-download"


# --- reports ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["r.json", "r.csv"])
def test_a_report_replaces_a_report(batch: Batch, name: str) -> None:
    prompts("cat")
    assert batch("--report", name).code == 0
    before = Path(name).read_bytes()
    prompts("cat", "dog")
    assert batch("--report", name).code == 0
    assert Path(name).read_bytes() != before


@pytest.mark.parametrize("name", ["r.json", "r.csv"])
def test_a_report_does_not_replace_a_file_of_the_user(
    batch: Batch, sandbox: SandboxThread, name: str
) -> None:
    prompts("cat")
    Path(name).write_text("mine")
    ended = batch("--report", name)
    assert (ended.code, Path(name).read_text(), posts(sandbox)) == (2, "mine", 0)
    assert "--on-exists overwrite" in ended.err
    assert batch("--report", name, "--on-exists", "overwrite").code == 0
    assert Path(name).read_text() != "mine"


@pytest.mark.parametrize("more", [(), ("--on-exists", "overwrite")])
@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_a_report_never_replaces_a_source(
    batch: Batch,
    sandbox: SandboxThread,
    more: tuple[str, ...],
    link: Callable[[str, str], None] | None,
) -> None:
    Path("p.csv").write_text("prompt\ncat\n")
    if link:
        link("p.csv", "r.csv")
    ended = batch("--report", "r.csv" if link else "./p.csv", *more, source="p.csv")
    assert (ended.code, posts(sandbox)) == (2, 0)
    assert "is a source of this batch" in ended.err
    assert Path("p.csv").read_text() == "prompt\ncat\n"


def test_a_report_of_ours_that_is_read_as_a_source_stays(batch: Batch) -> None:
    prompts("cat")
    batch("--report", "r.json")
    assert batch("--report", "r.json", source="r.json").code == 2


def test_a_report_does_not_replace_what_came_meanwhile(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cogview_cli.batch import closing

    keep_failed = closing.keep_failed

    def meanwhile(*arguments: Any, **more: Any) -> Path | None:
        Path("r.csv").write_text("mine")
        return keep_failed(*arguments, **more)

    monkeypatch.setattr(closing, "keep_failed", meanwhile)
    prompts("cat")
    ended = batch("--report", "r.csv")
    assert (ended.code, Path("r.csv").read_text()) == (0, "mine")
    assert "cat" in Path("r-2.csv").read_text("utf-8-sig") and "r-2.csv" in ended.err


# --- grids --------------------------------------------------------------------------


def other_picture() -> bytes:
    path = Path("out/grid/0001-cat.png")
    path.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(path)
    return path.read_bytes()


def test_a_grid_does_not_replace_a_file_of_the_user(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    mine = other_picture()
    ended = batch("--grid", "2x1")
    assert (ended.code, posts(sandbox)) == (2, 0)
    assert Path("out/grid/0001-cat.png").read_bytes() == mine
    assert "--on-exists overwrite" in ended.err
    assert batch("--grid", "2x1", "--on-exists", "overwrite").code == 0
    assert Path("out/grid/0001-cat.png").read_bytes() != mine


def test_a_grid_replaces_a_grid(batch: Batch) -> None:
    prompts("cat")
    assert batch("--grid", "2x1").code == 0
    before = Path("out/grid/0001-cat.png").stat()
    Path("out/0001-cat-1.png").unlink()
    Path("out/0001-cat-1.png.json").unlink()
    Path("../state/ledger.db").unlink()
    assert batch("--grid", "2x1").code == 0
    assert Path("out/grid/0001-cat.png").stat().st_mtime_ns != before.st_mtime_ns
