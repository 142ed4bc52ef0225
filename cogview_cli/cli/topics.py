"""The texts of `cogview help TOPIC`: what fits no single command."""

from __future__ import annotations

from cogview_cli.disk.names import TEMPLATE_FIELDS
from cogview_cli.errors import EXIT_MEANINGS
from cogview_cli.i18n import _


def _exit_codes() -> str:
    return "\n".join(f"{int(code):>4}  {_(text)}" for code, text in EXIT_MEANINGS.items())


def _names() -> str:
    lines = (
        _("Name templates (-o, --name): fields in braces, zero-padded with {index:04}."),
        "  " + " ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS),
        _("In a batch also any column of the row; {id} is the row's own id."),
        _("Example: cogview gen '猫' -n 3 -o 'cats/{date}-{slug}-{n:02}.{ext}'"),
    )
    return "\n".join(lines)


def _prompts() -> str:
    return _(
        """Prompt files (cogview batch): found by content, then by suffix; --input-format forces.
  txt     a prompt a line; # and // comments; longer prompts between lines of ---
          --prompt "…" --width … (A1111), "…" -H512 -W640 (InvokeAI), … --ar 3:2 (Midjourney)
  jsonl   an object or a bare prompt a line; Batch-API bodies
  json    an array of strings or objects, also under jobs, items, prompts or data
  csv tsv with a header; UTF-8, GB18030 or UTF-16; , ; or TAB
  yaml    prompts: [...]; needs pip install pyyaml
  folder  one prompt a file: *.txt *.prompt *.md
Columns, in any letter case (others go to the sidecar):
  prompt  prompt, 提示词, 描述, text_prompt, caption, description, text…; or --prompt-field
  name    out, output, filename, name, 文件名        id  id, prompt_id, item_id, custom_id, 编号
  size    size; width and height; aspect_ratio, ratio, 比例        count  n, count, num_images
  quality, model, user_id, watermark
Example: cogview batch products.csv --template '{name}海报，标题“{slogan}”' --name '{sku}'"""
    )


TOPICS = {"exit-codes": _exit_codes, "names": _names, "prompts": _prompts}
