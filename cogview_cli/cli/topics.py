"""The texts of `cogview help TOPIC`: what fits no single command."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cogview_cli.disk.names import TEMPLATE_FIELDS
from cogview_cli.errors import EXIT_MEANINGS
from cogview_cli.i18n import _, language

PAGES = Path(__file__).parent.parent / "help"


def _exit_codes() -> str:
    return "\n".join(f"{int(code):>4}  {_(text)}" for code, text in EXIT_MEANINGS.items())


def _names() -> str:
    lines = (
        _("Name templates (-o, --name): fields in braces, zero-padded with {index:04}."),
        "  " + " ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS),
        _("In a batch also {prompt}, {row_id}, {index0}, {n0} and any column of the row;"),
        _("{id} is the row's own id, {col[index]} its column of a name that is taken."),
        _("Example: cogview gen '猫' -n 3 -o 'cats/{date}-{slug}-{n:02}.{ext}'"),
    )
    return "\n".join(lines)


def _prompts() -> str:
    return _(
        """Prompt files (cogview batch): found by content, then by suffix; --input-format forces.
  txt     a prompt a line; # and // comments; longer prompts between lines of ---
          --prompt "…" --width … (A1111), "…" -H512 -W640 (InvokeAI), … --ar 3:2 (Midjourney)
          parameters of A1111 (Negative prompt: … Steps: …), positive: and negative: of ComfyUI
  jsonl   an object or a bare prompt a line; Batch-API bodies (Zhipu, OpenAI, Gemini)
  json    an array of strings or objects, also under jobs, items, prompts or data
  csv tsv with a header, also below a title; UTF-8, GB18030 or UTF-16, else --encoding; , ; or TAB
  xlsx xls  the first sheet with rows, or --sheet NAME; cells as they are shown
  yaml    prompts: [...]; needs pip install pyyaml
  folder  one prompt a file: *.txt *.prompt *.md
Columns, in English or Chinese, in any spelling (others go to the sidecar):
  prompt  a name that holds prompt or 提示词, else caption, description, 描述 or text;
          of several you are asked which, off a terminal: --prompt-field; or --template
  name    out, output, filename, name, 文件名        id  id, prompt_id, item_id, custom_id, 编号
  size    size, 尺寸; width and height; aspectRatio, ratio, 比例; resolution, 分辨率
  count   n, count, num_images, 数量                 quality, 质量; model, 模型; user_id; watermark
How each column was understood is said at the start of a run and by --dry-run.
Example: cogview batch products.csv --template '{name}海报，标题“{slogan}”' --name '{sku}'"""
    )


def _servers() -> str:
    return _(
        """Servers of one's own and gateways: a profile says what they need.
  cogview config init NAME --for xinference|sglang|vllm-omni|litellm|hf-serve
Its settings, in [profiles.NAME] of the config file:
  base-url, model       where it is, and the model by the name it serves it by
  auth = "none"         a server without keys
  response-format       "b64_json": the picture inside the answer, not a link
  extra                 fields of the body: { seed = "random" }; also --extra KEY=VALUE
  headers               more headers: { "x-team" = "art" }; masked where they are shown
  size-rules            whose sizes to check: a model's name, or "none"
  price, currency       what a picture costs: 0 for your own machine, in CNY or another currency
  jobs                  requests in flight; 2 for a model that is unknown here
  allow-http = true     plain http to this host, in a private network
  content-auth = true   the key also for picture links on the same origin
Then: cogview config check --profile NAME"""
    )


def _page(name: str) -> str:
    """A page of `cogview_cli/help`, in the user's language."""
    return (PAGES / language(os.environ) / f"{name}.md").read_text("utf-8").rstrip("\n")


TOPICS: dict[str, Callable[[], str]] = {
    "exit-codes": _exit_codes,
    "names": _names,
    "prompts": _prompts,
    "servers": _servers,
    "json": partial(_page, "json"),
    "python": partial(_page, "python"),
}
