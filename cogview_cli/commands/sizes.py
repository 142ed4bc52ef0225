"""`cogview sizes`: what each model takes, one size checked, a ratio answered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cogview_cli.api import models, ratios
from cogview_cli.api.models import ModelRules, Size
from cogview_cli.cli import completion
from cogview_cli.config.settings import load
from cogview_cli.errors import UsageError
from cogview_cli.i18n import _
from cogview_cli.terminal import output

EPILOG = "\b\n" + _("""\
Examples:
  cogview sizes                     every model's preset sizes
  cogview sizes 16:9 -m glm-image   the legal size for a ratio
  cogview sizes 1600x900            is it legal, and which one is next to it
""")


def sizes(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[WxH|RATIO]",
            help=_("A size to check, or a ratio such as 16:9."),
            autocompletion=completion.size,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help=_("Only this model."),
            autocompletion=completion.model,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))] = False,
) -> None:
    """List the sizes each model takes; check one; find one for a ratio."""
    if what is None:
        _list(_chosen(model), json)
    elif (size := models.parse_size(what)) is not None:
        _check(_one(model), size, json)
    elif (ratio := models.parse_ratio(what)) is not None:
        _find(_one(model), ratio, json)
    else:
        models.resolve_size(_one(model).name, what)


def _chosen(model: str | None) -> list[ModelRules]:
    return [_one(model)] if model else list(models.MODELS.values())


def _one(model: str | None) -> ModelRules:
    name = model or load({}).model
    rules = models.rules_for(name)
    if rules is None:
        raise UsageError(
            _("model '{name}' is unknown here", name=name),
            hint=_("known: {names}", names=", ".join(models.MODELS)),
        )
    return rules


def _record(rules: ModelRules, size: Size) -> dict[str, Any]:
    return {
        "type": "size",
        "model": rules.name,
        "size": str(size),
        "width": size.width,
        "height": size.height,
        "ratio": size.ratio,
        "megapixels": round(size.pixels / 1e6, 2),
        "preset": size in rules.presets,
    }


def _list(chosen: list[ModelRules], json: bool) -> None:
    for rules in chosen:
        if json:
            for size in rules.presets:
                output.write_json(_record(rules, size))
        else:
            output.write_line(_heading(rules))
            for size in rules.presets:
                output.write_line(_row(size))
            output.write_line(f"  {_custom(rules)}")


def _heading(rules: ModelRules) -> str:
    quality = ", ".join(rules.qualities) or _("not accepted")
    price = f"{rules.price} {models.CURRENCY}"
    line = _("{model}  quality {quality}  {price}", model=rules.name, quality=quality, price=price)
    return _("{line}  retired", line=line) if rules.retired else line


def _row(size: Size) -> str:
    return f"  {size!s:<10} {size.ratio:>7}  {size.pixels / 1e6:.2f} MP"


def _custom(rules: ModelRules) -> str:
    if not rules.custom_sizes:
        return _("no other sizes")
    low, high = rules.side.start, rules.side.stop - 1
    power = rules.max_pixels.bit_length() - 1
    return _(
        "others: sides {low}-{high}, multiples of {step}, at most 2^{power} pixels",
        low=low,
        high=high,
        step=rules.step,
        power=power,
    )


def _facts(size: Size) -> str:
    return f"{size}  {size.ratio}  {size.pixels / 1e6:.2f} MP"


def _check(rules: ModelRules, size: Size, json: bool) -> None:
    fault = models.size_fault(rules, size)
    nearest = models.nearest_size(rules, size) if fault else size
    if json:
        more = {"rule": fault, "nearest": str(nearest)} if fault else {}
        output.write_json({**_record(rules, size), "legal": fault is None, **more})
    elif not fault:
        output.write_line(_("{line}  legal for {model}", line=_facts(size), model=rules.name))
    if fault:
        raise UsageError(
            _("size {size}: {fault}", size=size, fault=fault),
            hint=_("nearest legal size: --size {size}", size=nearest),
        )


def _find(rules: ModelRules, ratio: tuple[float, float], json: bool) -> None:
    size = models.size_for_ratio(rules, ratio)
    if told := ratios.remark(rules.name, "{:g}:{:g}".format(*ratio), str(size)):
        output.warn(told)
    if json:
        output.write_json(_record(rules, size))
    else:
        output.write_line(str(size))
