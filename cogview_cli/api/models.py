"""What each model accepts and costs, as data, and the checks on that data.

Source of every number: cogview_cli/api/README.md#models (the vendor's OpenAPI of
2026-07-11, the CogView-4 and GLM-Image guides). Prices are BigModel's, in CNY an image,
as published on 2026-09-25; they are dated, not promised.
"""

import re
from decimal import Decimal
from math import gcd, log
from typing import NamedTuple

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.outcome import CURRENCY as CURRENCY

PRICES_AS_OF = "2026-09-25"
DEFAULT_MODEL = "cogview-4-250304"
TIER_SLOTS = {"V0": 5, "V1": 10, "V2": 15, "V3": 20}
USER_ID_LENGTH = range(6, 129)
# A picture of another shape is another picture; a smaller one is the same.
SHAPE_WEIGHT = 1.5


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def ratio(self) -> str:
        """The reduced ratio, such as `2:1`."""
        divisor = gcd(self.width, self.height)
        return f"{self.width // divisor}:{self.height // divisor}"


class ModelRules(NamedTuple):
    """One model's limits. `slots` is None where the account's tier decides.

    `reads_tokens`: how much of a prompt its open weights read; no rule of the API.
    """

    name: str
    presets: tuple[Size, ...]
    step: int
    side: range
    max_pixels: int
    custom_sizes: bool
    qualities: tuple[str, ...]
    price: Decimal
    expected_s: dict[str, tuple[int, int]]
    prompt_limit: int | None = None
    slots: int | None = None
    retired: bool = False
    default_quality: str = "standard"
    reads_tokens: int | None = None


def _sizes(text: str) -> tuple[Size, ...]:
    return tuple(Size(*map(int, item.split("x"))) for item in text.split())


_COGVIEW_PRESETS = _sizes("1024x1024 768x1344 864x1152 1344x768 1152x864 1440x720 720x1440")
_GLM_PRESETS = _sizes("1280x1280 1568x1056 1056x1568 1472x1088 1088x1472 1728x960 960x1728")
_SIDE = range(512, 2049)
_EXPECTED = {"standard": (5, 10), "hd": (20, 20)}


def _cogview(name: str, price: str, **more: object) -> ModelRules:
    fields: dict[str, object] = {
        "name": name,
        "presets": _COGVIEW_PRESETS,
        "step": 16,
        "side": _SIDE,
        "max_pixels": 2**21,
        "custom_sizes": True,
        "qualities": (),
        "price": Decimal(price),
        "expected_s": _EXPECTED,
        "reads_tokens": 1024,
    }
    return ModelRules(**{**fields, **more})  # type: ignore[arg-type]


MODELS: dict[str, ModelRules] = {
    rules.name: rules
    for rules in (
        _cogview("cogview-4-250304", "0.06", qualities=("hd", "standard")),
        _cogview("cogview-4", "0.06"),
        _cogview("cogview-3-flash", "0"),
        _cogview("cogview-3-plus", "0.06", custom_sizes=False, retired=True, reads_tokens=224),
        _cogview(
            "glm-image",
            "0.1",
            presets=_GLM_PRESETS,
            step=32,
            max_pixels=2**22,
            qualities=("hd",),
            prompt_limit=1000,
            reads_tokens=None,
            slots=1,
            default_quality="hd",
        ),
    )
}


def rules_for(model: str) -> ModelRules | None:
    """The rules of a known model, in any letter case; None for any other name."""
    return MODELS.get(model.lower())


def wire_name(model: str) -> str:
    """The name to send: known names in lower case, others as given."""
    return model.lower() if model.lower() in MODELS else model


def expected_seconds(model: str, quality: str | None) -> tuple[int, int] | None:
    """Seconds that one generation takes according to the vendor: least, most."""
    rules = rules_for(model)
    return rules.expected_s.get(quality or rules.default_quality) if rules else None


_SIZE_TEXT = r"\s*([0-9]{1,5})\s*[xX\u00d7*]\s*([0-9]{1,5})\s*"
_RATIO_TEXT = r"\s*([0-9]{1,4}(?:\.[0-9]{1,4})?)\s*[:\uff1a]\s*([0-9]{1,4}(?:\.[0-9]{1,4})?)\s*"

PRESET_NAMES = {
    "square": (1, 1),
    "landscape": (4, 3),
    "portrait": (3, 4),
    "wide": (16, 9),
    "tall": (9, 16),
    "banner": (2, 1),
}


def parse_size(text: str) -> Size | None:
    """`1440x720` in any of its spellings, or None. Only ASCII digits count."""
    match = re.fullmatch(_SIZE_TEXT, text)
    return Size(int(match[1]), int(match[2])) if match else None


def parse_ratio(text: str) -> tuple[float, float] | None:
    """`16:9` or a preset name such as `wide`, or None."""
    if text.strip().lower() in PRESET_NAMES:
        return PRESET_NAMES[text.strip().lower()]
    match = re.fullmatch(_RATIO_TEXT, text)
    if not match or not float(match[1]) or not float(match[2]):
        return None
    return float(match[1]), float(match[2])


def size_fault(rules: ModelRules, size: Size) -> str | None:
    """Which rule of the model `size` breaks, in words; None if it is legal."""
    if size in rules.presets:
        return None
    if not rules.custom_sizes:
        return _(
            "{model} takes only its {count} preset sizes",
            model=rules.name,
            count=len(rules.presets),
        )
    low, high = rules.side.start, rules.side.stop - 1
    if size.width not in rules.side or size.height not in rules.side:
        return _(
            "{model} takes sides of {low} to {high} pixels", model=rules.name, low=low, high=high
        )
    if size.width % rules.step or size.height % rules.step:
        return _(
            "{model} takes sides that are multiples of {step}", model=rules.name, step=rules.step
        )
    if size.pixels > rules.max_pixels:
        return _(
            "{model} takes at most {most} pixels, {size} has {pixels}",
            model=rules.name,
            most=rules.max_pixels,
            size=size,
            pixels=size.pixels,
        )
    return None


def legal_sizes(rules: ModelRules) -> list[Size]:
    """Every size the model takes, presets first."""
    sides = range(rules.side.start, rules.side.stop, rules.step) if rules.custom_sizes else ()
    custom = [Size(w, h) for w in sides for h in sides if w * h <= rules.max_pixels]
    return list(dict.fromkeys([*rules.presets, *custom]))


def nearest_size(rules: ModelRules, wanted: Size) -> Size:
    """The legal size nearest to `wanted`: its shape counts more than its sides."""
    wide, high = max(1, wanted.width), max(1, wanted.height)

    def distance(size: Size) -> float:
        across, down = log(size.width / wide), log(size.height / high)
        return abs(across) + abs(down) + SHAPE_WEIGHT * abs(across - down)

    return min(legal_sizes(rules), key=distance)


def size_for_ratio(rules: ModelRules, ratio: tuple[float, float]) -> Size:
    """The legal size closest to a ratio; a preset if one matches exactly.

    Of equally close sizes the largest wins.
    """
    wide, high = ratio
    exact = [size for size in rules.presets if size.width * high == size.height * wide]
    if exact:
        return max(exact, key=lambda size: size.pixels)

    def miss(size: Size) -> tuple[float, bool, int]:
        off = abs(size.width * high / (size.height * wide) - 1)
        return round(off, 4), size not in rules.presets, -size.pixels

    return min(legal_sizes(rules), key=miss)


def resolve_size(model: str, text: str, *, validate: bool = True) -> str:
    """As `size_by_rules`, by the rules of a model."""
    return size_by_rules(rules_for(model), text, validate=validate)


def size_by_rules(rules: ModelRules | None, text: str, *, validate: bool = True) -> str:
    """The size to send for what the user typed: a size, a ratio or a preset name.

    Raises UsageError naming the broken rule and the nearest legal size.
    """
    size = parse_size(text)
    if size:
        if rules and validate and (fault := size_fault(rules, size)):
            raise UsageError(
                _("size {size}: {fault}", size=size, fault=fault),
                hint=_("nearest legal size: --size {size}", size=nearest_size(rules, size)),
            )
        return str(size)
    ratio = parse_ratio(text)
    if ratio and rules:
        return str(size_for_ratio(rules, ratio))
    if not validate:
        return text
    raise _unreadable_size(text, is_ratio=ratio is not None)


def _unreadable_size(text: str, *, is_ratio: bool) -> UsageError:
    if is_ratio:
        return UsageError(
            _("size '{text}': a ratio needs a known model", text=text),
            hint=_("give width and height, such as --size 1440x720"),
        )
    names = ", ".join(PRESET_NAMES)
    return UsageError(
        _("size '{text}' is not a size", text=text),
        hint=_(
            "give WIDTHxHEIGHT (--size 1440x720), a ratio (--size 16:9) or one of: {names}",
            names=names,
        ),
    )


def check_quality(model: str, quality: str) -> None:
    """Raises UsageError if the model does not take this quality."""
    rules = rules_for(model)
    if quality not in ("hd", "standard"):
        raise UsageError(
            _("quality '{quality}' is unknown", quality=quality),
            hint=_("use --quality hd or standard"),
        )
    if rules is None or quality in rules.qualities:
        return
    if rules.qualities:
        only = rules.qualities[0]
        raise UsageError(
            _(
                "quality '{quality}': {model} takes only {only}",
                quality=quality,
                model=rules.name,
                only=only,
            ),
            hint=_("use --quality {only}, or leave --quality out", only=only),
        )
    raise UsageError(
        _(
            "quality '{quality}': {model} does not take a quality",
            quality=quality,
            model=rules.name,
        ),
        hint=_("leave --quality out, or use --model {model}", model=DEFAULT_MODEL),
    )


def check_user_id(user_id: str) -> None:
    """Raises UsageError unless `user_id` has 6 to 128 characters."""
    if len(user_id) not in USER_ID_LENGTH:
        raise UsageError(
            _n(
                "user id: {count} character; the API takes 6 to 128",
                "user id: {count} characters; the API takes 6 to 128",
                len(user_id),
            ),
            hint=_("give a longer or shorter --user-id, or leave it out"),
        )


def check_prompt(model: str, prompt: str) -> None:
    """Raises UsageError for an empty prompt or one over the model's limit.

    The limit counts Unicode code points (cogview_cli/api/README.md#doubts).
    """
    rules = rules_for(model)
    if all(char.isspace() or char in "\ufeff\u200b\x00" for char in prompt):
        raise UsageError(_("the prompt is empty"), hint=_('try: cogview gen "一只可爱的小猫咪"'))
    if rules and rules.prompt_limit and len(prompt) > rules.prompt_limit:
        raise UsageError(
            _(
                "prompt: {count} characters; {model} takes {limit}",
                count=len(prompt),
                model=rules.name,
                limit=rules.prompt_limit,
            ),
            hint=_(
                "shorten it to {limit} characters, or use --model {model}",
                limit=rules.prompt_limit,
                model=DEFAULT_MODEL,
            ),
        )


def price_of(model: str) -> Decimal | None:
    """CNY for one image; None where the price is not known."""
    rules = rules_for(model)
    return rules.price if rules else None
