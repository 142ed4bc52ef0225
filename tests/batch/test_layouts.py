"""Each benchmark's scorer finds every picture under the right prompt.

The reading part of each scorer is written here from its rules (see cogview_cli/batch/layouts.py).
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest
from PIL import Image

from cogview_cli.batch.layouts import LAYOUTS, layout_of
from cogview_cli.cli import completion
from cogview_cli.errors import UsageError
from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import SMALL, posts, prompts, refused, rows
from tests.conftest import Ended, Run

MODEL = "cogview-4-250304"
# What a scorer has read: the prompt or its id, and the pictures found for it, in order.
Found = dict[str, list[str]]


def table(file: str, header: str, *lines: list[str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header.split(","))
    writer.writerows(lines)
    Path(file).write_text(out.getvalue(), "utf-8")


def opened(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        picture.load()
        return picture.size


# --- geneval ---------------------------------------------------------------------

GENEVAL = [
    {"tag": "single_object", "include": [{"class": "bench", "count": 1}],
     "prompt": "a photo of a bench"},
    {"tag": "counting", "include": [{"class": "clock", "count": 2}],
     "exclude": [{"class": "clock", "count": 3}], "prompt": "a photo of two clocks"},
]  # fmt: skip


def read_geneval(folder: str) -> Found:
    """Folders of digits; one object of metadata; everything that begins like `0000.png`."""
    found: Found = {}
    for name in os.listdir(folder):
        below = os.path.join(folder, name)
        if not os.path.isdir(below) or not name.isdigit():
            continue
        with open(os.path.join(below, "metadata.jsonl")) as file:
            metadata = json.load(file)
        assert metadata in GENEVAL
        samples = os.listdir(os.path.join(below, "samples"))
        taken = [
            os.path.join(below, "samples", one) for one in samples if re.match(r"\d+\.png", one)
        ]
        found[metadata["prompt"]] = sorted(taken)
    return found


# --- dpg -------------------------------------------------------------------------


def read_dpg(folder: str) -> Found:
    """Every file is tried; its name up to the first dot is the id; four tiles of one size."""
    found: Found = {}
    for name in os.listdir(folder):
        key = name.split(".")[0]
        if key in ("0", "partiprompts17", "COCOval2014_1"):  # those of the questions
            path = os.path.join(folder, name)
            assert opened(path) == (1024, 1024)  # 2 x 512
            assert key not in found
            found[key] = [path]
    return found


# --- t2i-compbench ---------------------------------------------------------------


def read_t2i(folder: str) -> Found:
    """All of `samples/`, by the number behind the last `_`; the prompt before the first."""
    names = os.listdir(os.path.join(folder, "samples"))
    names.sort(key=lambda name: int(name.split("_")[-1].split(".")[0]))
    assert [int(name.split(".png")[0].split("_")[1]) for name in names] == list(range(len(names)))
    found: Found = {}
    for name in names:
        path = os.path.join(folder, "samples", name)
        found.setdefault(name.split("_")[0], []).append(path)
    return found


# --- tiif ------------------------------------------------------------------------


def read_tiif(folder: str, file: str) -> Found:
    """By type, model, kind of prompt, and the line of the file of questions."""
    lines = [
        json.loads(line) for line in Path(file).read_text("utf-8").splitlines() if line.strip()
    ]
    found: Found = {}
    for kind in ("long_description", "short_description"):
        for number, line in enumerate(lines):
            pattern = os.path.join(folder, lines[0]["type"], MODEL, kind, f"{number}.*")
            files = [f for f in glob(pattern) if f.lower().endswith((".png", ".jpg", "webp"))]
            if files:
                found[line[kind]] = files
    return found


# --- unigenbench -----------------------------------------------------------------


def read_unigenbench(folder: str, file: str) -> Found:
    found: Found = {}
    with open(file, newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            names = [f"{int(row['index'])}_{j}.png" for j in range(4)]
            found[row["prompt_en"]] = [os.path.join(folder, name) for name in names]
    return found


# --- oneig -----------------------------------------------------------------------


def read_oneig(folder: str, keys: dict[str, list[str]]) -> Found:
    """One file an id and class; the folder of a model holds nothing else."""
    found: Found = {}
    for kind, ids in keys.items():
        for key in ids:
            files = glob(f"{folder}/{kind}/{MODEL}/{key}*")
            assert len(files) == 1
            assert opened(files[0]) == (1024, 1024)
            found[f"{kind} {key}"] = files
        assert {name[:3] for name in os.listdir(f"{folder}/{kind}/{MODEL}")} == set(ids)
    return found


# --- wise ------------------------------------------------------------------------


def read_wise(folder: str, file: str) -> Found:
    data = {item["prompt_id"]: item for item in json.loads(Path(file).read_text("utf-8"))}
    return {item["Prompt"]: [os.path.join(folder, f"{id}.png")] for id, item in data.items()}


# --- longtext --------------------------------------------------------------------


def read_longtext(folder: str, file: str) -> Found:
    by_id = {p["prompt_id"]: p for p in map(json.loads, Path(file).read_text("utf-8").splitlines())}
    found: Found = {}
    for path in sorted(glob(f"{folder}/*.png")):
        name = path.split("/")[-1]
        id = int(name.split("_")[0]) if "_" in name else int(name.split(".")[0])
        found.setdefault(by_id[id]["prompt"], []).append(path)
    return found


# --- a small file of each, in its own form ---------------------------------------


def make_geneval() -> None:
    rows(*GENEVAL, file="evaluation_metadata.jsonl")


def make_dpg() -> None:
    Path("prompts").mkdir()
    for id in ("0", "partiprompts17", "COCOval2014_1"):
        Path(f"prompts/{id}.txt").write_text(f"a dense prompt of {id} ", "utf-8")
    Path("prompts/.DS_Store").write_bytes(b"\0")


def make_t2i() -> None:
    Path("color_val.txt").write_text("a green bench and a red car\r\na blue bowl.\r\nIs it 3:2?")


def make_tiif() -> None:
    rows(
        *(
            {"type": "action+3d", "short_description": f"A cat {n}.", "long_description": f"L {n}"}
            for n in range(3)
        ),
        file="action+3d_prompts.jsonl",
    )


def make_unigenbench() -> None:
    details = json.dumps({"Testpoints": ["Style"], "Testpoint Description": ["ink, wash"]})
    table(
        "en.csv",
        "index,prompt_en,sub_dims_en",
        ["0", "a panda", details],
        ["7", "a fox, red", details],
    )


def make_oneig() -> None:
    table(
        "OneIG-Bench.csv", "category,id,prompt_en,type,prompt_length,class",
        ["Anime_Stylization", "000", "a girl", "T,P", "short", "None"],
        ["Anime_Stylization", "001", "a boy", "T,P", "short", "pixar"],
        ["Text_Rendering", "000", "a sign", "T,P", "short", ""],
        ["Knowledge_Reasoning", "000", "a cell", "T,P", "short", ""],
    )  # fmt: skip


def make_wise() -> None:
    items = [
        {"Prompt": f"Prompt {n}", "Explanation": "…", "Category": "c", "Subcategory": "s",
         "prompt_id": n} for n in (1, 42)
    ]  # fmt: skip
    Path("cultural.json").write_text(json.dumps(items), "utf-8")


def make_longtext() -> None:
    rows(
        *(
            {"category": "sign", "length": "short", "prompt": f"a sign {n}", "text": ["A", "B"],
             "text_length": 2, "prompt_id": n}
            for n in (0, 113)
        ),
        file="text_prompts.jsonl",
    )  # fmt: skip


ONEIG = {"anime": ["000", "001"], "text": ["000"], "reasoning": ["000"]}
CASES: dict[str, tuple[Callable[[], None], str, Callable[[], Found], dict[str, int]]] = {
    "geneval": (
        make_geneval, "evaluation_metadata.jsonl", lambda: read_geneval("out"),
        {"a photo of a bench": 4, "a photo of two clocks": 4},
    ),
    "dpg": (
        make_dpg, "prompts", lambda: read_dpg("out"),
        {"0": 1, "partiprompts17": 1, "COCOval2014_1": 1},
    ),
    "t2i-compbench": (
        make_t2i, "color_val.txt", lambda: read_t2i("out"),
        {"a green bench and a red car": 10, "a blue bowl.": 10, "Is it 3:2?": 10},
    ),
    "unigenbench": (
        make_unigenbench, "en.csv", lambda: read_unigenbench("out", "en.csv"),
        {"a panda": 4, "a fox, red": 4},
    ),
    "oneig": (
        make_oneig, "OneIG-Bench.csv", lambda: read_oneig("out", ONEIG),
        {"anime 000": 1, "anime 001": 1, "text 000": 1, "reasoning 000": 1},
    ),
    "wise": (
        make_wise, "cultural.json", lambda: read_wise("out", "cultural.json"),
        {"Prompt 1": 1, "Prompt 42": 1},
    ),
    "longtext": (
        make_longtext, "text_prompts.jsonl", lambda: read_longtext("out", "text_prompts.jsonl"),
        {"a sign 0": 4, "a sign 113": 4},
    ),
}  # fmt: skip


def run(cogview: Run, name: str, source: str, *more: str) -> Ended:
    return cogview("batch", source, *SMALL, "-o", "out", "--layout", name, *more)


def prompt_of(path: str) -> str:
    """The prompt of the picture that a scorer has found, by the sidecar of the same bytes."""
    data = Path(path).read_bytes()
    for beside in Path("out/pictures").rglob("*.png.json"):
        if Path(str(beside).removesuffix(".json")).read_bytes() == data:
            return str(json.loads(beside.read_text("utf-8"))["prompt"])
    raise AssertionError(path)


@pytest.mark.parametrize("name", CASES)
def test_the_scorer_finds_every_picture_and_again_after_another_run(
    cogview: Run, sandbox: SandboxThread, name: str
) -> None:
    make, source, read, expected = CASES[name]
    make()
    assert run(cogview, name, source).code == 0
    found = read()
    assert {key: len(files) for key, files in found.items()} == expected
    for key, files in found.items():
        assert all(Path(file).is_file() for file in files)
        if not LAYOUTS[name].grid:
            assert {opened(file) for file in files} == {(512, 512)}
            assert {prompt_of(file) for file in files} == {key}
            assert len({Path(file).read_bytes() for file in files}) == len(files)
    paid, before = (
        posts(sandbox),
        {file: os.stat(file) for files in found.values() for file in files},
    )
    assert run(cogview, name, source).code == 0
    assert read() == found and posts(sandbox) == paid
    assert {file: os.stat(file).st_mtime_ns for file in before} == {
        file: stat.st_mtime_ns for file, stat in before.items()
    }


def test_tiif_has_a_folder_for_each_kind_of_prompt(cogview: Run) -> None:
    make_tiif()
    file = "action+3d_prompts.jsonl"
    for kind in ("short_description", "long_description"):
        assert run(cogview, "tiif", file, "--prompt-field", kind).code == 0
    found = read_tiif("out", file)
    assert set(found) == {"A cat 0.", "A cat 1.", "A cat 2.", "L 0", "L 1", "L 2"}
    for key, files in found.items():
        assert [prompt_of(file) for file in files] == [key]


@pytest.mark.parametrize("name", ["geneval", "unigenbench", "longtext"])
def test_what_is_missing_is_filled_in_by_the_next_run(
    cogview: Run, sandbox: SandboxThread, name: str
) -> None:
    make, source, read, expected = CASES[name]
    make()
    sandbox.script(next(iter(expected)), ["ok", "1301", "ok", "ok"])
    assert run(cogview, name, source, "--jobs", "1").code == 3
    assert run(cogview, name, source, "--retry-failed").code == 0
    found = read()
    assert {key: len(files) for key, files in found.items()} == expected
    assert all(Path(file).is_file() for files in found.values() for file in files)


def test_a_row_of_geneval_without_a_picture_has_no_folder(cogview: Run) -> None:
    """Its scorer would stumble over a folder without samples."""
    rows({**GENEVAL[0], "prompt": "cat sandbox:1301"}, GENEVAL[1], file="m.jsonl")
    assert run(cogview, "geneval", "m.jsonl", "-n", "1").code == 3
    assert [name for name in os.listdir("out") if name.isdigit()] == ["00001"]


def test_a_grid_is_made_once_all_four_are_there(cogview: Run, sandbox: SandboxThread) -> None:
    make_oneig()
    sandbox.script("a girl", ["ok", "1301", "ok", "ok"])
    assert run(cogview, "oneig", "OneIG-Bench.csv", "--jobs", "1").code == 3
    assert not glob(f"out/anime/{MODEL}/000*")
    assert run(cogview, "oneig", "OneIG-Bench.csv", "--retry-failed").code == 0
    assert len(read_oneig("out", ONEIG)) == 4


def test_the_tiles_of_a_grid_are_its_four_pictures_in_order(cogview: Run) -> None:
    make_dpg()
    assert run(cogview, "dpg", "prompts").code == 0
    with Image.open("out/0.png") as grid:
        for number, place in enumerate([(0, 0), (512, 0), (0, 512), (512, 512)], 1):
            tile = grid.crop((*place, place[0] + 512, place[1] + 512))
            with Image.open(f"out/pictures/0-{number}.png") as picture:
                assert tile.tobytes() == picture.convert("RGB").tobytes()


@pytest.mark.parametrize("name", ["dpg", "oneig"])
def test_a_single_picture_needs_no_grid(cogview: Run, name: str) -> None:
    make, source, *_ = CASES[name]
    make()
    assert run(cogview, name, source, "-n", "1").code == 0
    path = "out/0.png" if name == "dpg" else f"out/anime/{MODEL}/000.png"
    assert opened(path) == (512, 512)


def test_a_part_of_the_rows_has_the_names_of_the_whole(cogview: Run) -> None:
    make_t2i()
    assert run(cogview, "t2i-compbench", "color_val.txt", "--start", "2", "-n", "2").code == 0
    assert sorted(os.listdir("out/samples")) == [
        "Is it 3:2?_000004.png", "Is it 3:2?_000005.png",
        "a blue bowl._000002.png", "a blue bowl._000003.png",
    ]  # fmt: skip


def test_an_edited_prompt_has_its_new_picture_there(cogview: Run) -> None:
    make_wise()
    run(cogview, "wise", "cultural.json")
    text = Path("cultural.json").read_text("utf-8").replace("Prompt 42", "Prompt B")
    Path("cultural.json").write_text(text, "utf-8")
    assert run(cogview, "wise", "cultural.json").code == 0
    assert prompt_of("out/42.png") == "Prompt B"
    assert prompt_of("out/1.png") == "Prompt 1"


def test_a_file_of_the_users_own_is_not_replaced(cogview: Run, sandbox: SandboxThread) -> None:
    make_wise()
    Path("out").mkdir()
    Path("out/1.png").write_bytes(b"mine")
    refused(run(cogview, "wise", "cultural.json"), sandbox, 2, "1.png", "--output")
    assert Path("out/1.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("geneval", '{"prompt": "cat"}', "'tag'"),
        ("wise", '{"prompt": "cat"}', "'prompt_id'"),
        ("wise", '{"prompt": "cat", "id": "x"}', "'prompt_id'"),
        ("unigenbench", '{"prompt": "cat"}', "'index'"),
        ("longtext", '{"prompt": "cat"}', "'prompt_id'"),
        ("oneig", '{"prompt": "cat", "id": "000"}', "'category'"),
        ("oneig", '{"prompt": "cat", "id": "000", "category": "Cats"}', "'category'"),
        ("tiif", '{"prompt": "cat", "type": "style"}', "'short_description'"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_right_one(
    cogview: Run, sandbox: SandboxThread, name: str, line: str, words: str
) -> None:
    prompts(line, file="x.jsonl")
    refused(run(cogview, name, "x.jsonl"), sandbox, 2, words, LAYOUTS[name].source)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--name", "{slug}"), "--name"),
        (("--grid", "2x2"), "--grid"),
        (("--format", "webp"), "--format"),
        (("-n", "3"), "2x2"),
    ],
)
def test_what_a_layout_decides_is_not_asked_otherwise(
    cogview: Run, sandbox: SandboxThread, more: tuple[str, ...], words: str
) -> None:
    make_dpg()
    refused(run(cogview, "dpg", "prompts", *more), sandbox, 2, words)


def test_one_picture_a_prompt_is_one(cogview: Run, sandbox: SandboxThread) -> None:
    make_wise()
    refused(run(cogview, "wise", "cultural.json", "-n", "2"), sandbox, 2, "--count 1")


def test_two_rows_for_one_file_are_refused(cogview: Run, sandbox: SandboxThread) -> None:
    rows({"prompt": "cat", "prompt_id": 1}, {"prompt": "dog", "prompt_id": 1})
    refused(run(cogview, "wise", "p.jsonl"), sandbox, 2, "--layout would lose one")


def test_an_unknown_layout_names_the_known_ones(cogview: Run, sandbox: SandboxThread) -> None:
    prompts("cat")
    refused(run(cogview, "genevil", "p.txt"), sandbox, 2, ", ".join(LAYOUTS))
    assert tuple(LAYOUTS) == completion.LAYOUTS
    assert layout_of("GenEval ") is LAYOUTS["geneval"]
    with pytest.raises(UsageError):
        layout_of("")


def test_a_jpeg_is_converted_for_a_scorer_that_wants_png(cogview: Run) -> None:
    rows({"prompt": "cat sandbox:jpeg", "prompt_id": 5})
    assert run(cogview, "wise", "p.jsonl").code == 0
    assert opened("out/5.png") == (512, 512)


def test_a_prompt_that_is_too_long_for_a_name_is_told_before_it_is_paid(
    cogview: Run, sandbox: SandboxThread
) -> None:
    prompts("cat", "x" * 260)
    refused(run(cogview, "t2i-compbench", "p.txt"), sandbox, 2, "p.txt:2", "too long")
