"""Where the scorers of image benchmarks look for the pictures of each prompt. Pure.

What each reads, in its own repository, read 2026-11-25:
- geneval: djghosh13/geneval, evaluation/evaluate_images.py: folders named by digits, with
  `metadata.jsonl` (one object, of evaluation_metadata.jsonl) and `samples/` with `0000.png` …
- dpg: TencentQQGYLab/ELLA, dpg_bench/compute_dpg_bench.py: `ITEM_ID.png`, the four pictures in
  a 2x2 grid, row by row; `--pic-num 1` for a single one.
- t2i-compbench: Karine-Huang/T2I-CompBench, BLIPvqa_eval, UniDet_eval, CLIPScore_eval, 3_in_1_eval:
  `samples/PROMPT_000000.png`, numbered through, ten a prompt; a category a folder.
- tiif: A113N-W3I/TIIF-Bench, eval/eval_with_vlm.py: `TYPE/MODEL/short_description/0.png` and
  `long_description`, by the line of the type's file, from 0.
- unigenbench: CodeGoat24/UniGenBench, eval/*_eval.py: `INDEX_0.png` … `INDEX_3.png`.
- oneig: OneIG-Bench/OneIG-Benchmark, scripts/: `CLASS/MODEL/000.*`, one file an id, the pictures
  in a 2x2 grid, nothing else in the folder.
- wise: PKU-YuanGroup/WISE, gpt_eval.py: `PROMPT_ID.png`.
- longtext: X-Omni-Team/X-Omni, textbench/evaluate_text_reward.py: `0000_1.png` … `0000_4.png`; the
  number before `_` is the prompt_id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cogview_cli.disk.holes import escape_braces
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.sources import Record
from cogview_cli.terminal.text import clean

# The pictures themselves, with their sidecars; what a scorer reads are links to them.
PICTURES = "pictures"
TILES = 4
_ONEIG_FOLDERS = {
    "anime_stylization": "anime",
    "portrait": "human",
    "general_object": "object",
    "text_rendering": "text",
    "knowledge_reasoning": "reasoning",
    "multilingualism": "multilingualism",
}
_TIIF_PROMPTS = ("short_description", "long_description")


class Missing(Exception):
    """What a row of this benchmark's own file would have; its text names the column."""


class Layout(NamedTuple):
    """One benchmark's: how many pictures a prompt, and the name of each below the folder.

    `name` gives a template for a row, which may use `{index0}`, `{n}`, `{n0}` and `{image0}`, the
    number of the picture among all. `grid`: four pictures of a prompt are one file. `raw`: the
    scorer reads the prompt off the file's name. `metadata`: each row's own object lies beside.
    """

    images: int
    source: str
    name: Callable[[Record], str]
    grid: bool = False
    raw: bool = False
    metadata: bool = False


def _geneval(record: Record) -> str:
    for column in ("tag", "include"):
        if column not in record.extra:
            raise Missing(column)
    return "{index0:05}/samples/{n0:04}"


def _dpg(record: Record) -> str:
    return _literal(_id(record, "item_id"))


def _t2i_compbench(record: Record) -> str:
    return "samples/{image0:06}"


def _tiif(record: Record) -> str:
    kind, column = record.extra.get("type"), record.roles.get("prompt")
    if not kind:
        raise Missing("type")
    if column not in _TIIF_PROMPTS:
        raise Missing("short_description")
    return f"{_literal(str(kind))}/{{model}}/{column}/{record.line - 1}"


def _unigenbench(record: Record) -> str:
    return f"{_number(record, 'index')}_{{n0}}"


def _oneig(record: Record) -> str:
    kind = str(record.extra.get("category", "")).strip().lower().replace(" ", "_")
    if kind not in _ONEIG_FOLDERS:
        raise Missing("category")
    return f"{_ONEIG_FOLDERS[kind]}/{{model}}/{_literal(_id(record, 'id')).zfill(3)}"


def _wise(record: Record) -> str:
    return str(_number(record, "prompt_id"))


def _longtext(record: Record) -> str:
    return f"{_number(record, 'prompt_id'):04}_{{n}}"


LAYOUTS = {
    "geneval": Layout(4, "evaluation_metadata.jsonl", _geneval, metadata=True),
    "dpg": Layout(4, "prompts/*.txt, dpg_bench.csv", _dpg, grid=True),
    "t2i-compbench": Layout(10, "examples/dataset/*_val.txt", _t2i_compbench, raw=True),
    "tiif": Layout(1, "data/testmini_prompts/*.jsonl", _tiif),
    "unigenbench": Layout(4, "data/test_prompts_en.csv", _unigenbench),
    "oneig": Layout(4, "OneIG-Bench.csv, OneIG-Bench-ZH.csv", _oneig, grid=True),
    "wise": Layout(1, "data/*.json", _wise),
    "longtext": Layout(4, "text_prompts.jsonl", _longtext),
}


def layout_of(name: str | None) -> Layout | None:
    """The layout of that name; UsageError if there is none."""
    if name is None:
        return None
    if (found := LAYOUTS.get(name.strip().lower())) is None:
        raise UsageError(
            _("--layout '{name}' is unknown", name=clean(name)),
            hint=_("one of: {names}", names=", ".join(LAYOUTS)),
        )
    return found


def row_template(layout: Layout, record: Record, count: int) -> str:
    """The name of a row's pictures; UsageError for a row that is none of the benchmark's."""
    try:
        name = layout.name(record)
    except Missing as missing:
        raise UsageError(
            _("--layout: there is no '{column}'", column=str(missing)),
            hint=_("give the benchmark's own file: {files}", files=layout.source),
        ) from None
    if layout.grid and count not in (1, TILES):
        raise UsageError(
            _n(
                "--layout: {count} picture makes no 2x2 grid",
                "--layout: {count} pictures make no 2x2 grid",
                count,
            ),
            hint="--count 4",
        )
    if layout.images == 1 and count > 1:
        raise UsageError(
            _("--layout: its scorer reads one picture a prompt, not {count}", count=count),
            hint="--count 1",
        )
    return f"{PICTURES}/{name}-{{n}}" if layout.grid and count > 1 else f"{PICTURES}/{name}"


def read_name(layout: Layout, placed: str, prompt: str) -> str:
    """Where the scorer looks for a picture that lies at `placed`, both relative and unsuffixed."""
    name = placed.removeprefix(f"{PICTURES}/")
    if not layout.raw:
        return name
    folder, _slash, stem = name.rpartition("/")
    # The prompt as it is: the scorer takes what stands before the first `_`.
    return f"{folder}/{prompt.replace('/', ' ')}_{stem}"


def _id(record: Record, column: str) -> str:
    if not record.id:
        raise Missing(column)
    return record.id


def _number(record: Record, column: str) -> int:
    found = _id(record, column)
    if not (found.isascii() and found.isdecimal()):
        raise Missing(column)
    return int(found)


def _literal(text: str) -> str:
    return escape_braces(text.replace("/", "_"))
