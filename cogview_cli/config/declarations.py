"""Every setting, declared once: its name, default, kind, meaning and variables."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from cogview_cli.api import endpoints, models, tariffs
from cogview_cli.api.open_weights import NO_RULES, SIZE_RULES
from cogview_cli.api.tariffs import Tariff
from cogview_cli.config import tables
from cogview_cli.config import value_types as vt
from cogview_cli.config.secret import Secret
from cogview_cli.config.value_types import ValueType

PROFILES: dict[str, dict[str, Any]] = {
    "bigmodel": {"base_url": "https://open.bigmodel.cn/api/paas/v4"},
    "zai": {"base_url": "https://api.z.ai/api/paas/v4"},
}
FLAG = "flag"
# Fifty times the highest tier; each takes tasks, lock files and connections.
MOST_JOBS = 1000
# More takes of one picture are a mistake.
MOST_RETAKES = 20
# The default of `timeout` where a picture costs nothing: one's own machine may be slow.
FREE_TIMEOUT = 900.0
NO_AUTH = "none"
# How a server reads a size; here it is always WIDTHxHEIGHT.
WIDTH_HEIGHT, HEIGHT_WIDTH = "width-height", "height-width"
_MORE_KEY_VARIABLES = ("ZAI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY")


class Settings(NamedTuple):
    """The value of every setting, and in `origins` where each one came from."""

    model: str = models.DEFAULT_MODEL
    size: str | None = None
    quality: str | None = None
    user_id: str | None = None
    watermark: bool | None = None
    format: str = "original"
    sidecar: bool = True
    on_exists: str = "rename"
    on_unknown: str = "skip"
    max_cost: Decimal | None = None
    daily_limit: Decimal | None = None
    confirm_above: Decimal = Decimal(10)
    tier: str = "V0"
    jobs: int | None = None
    base_url: str = PROFILES["bigmodel"]["base_url"]
    timeout: float = 300.0
    max_wait: float | None = None
    download_patience: float = 60.0
    retries: int = 3
    output: str | None = None
    api_key: Secret | None = None
    api_key_command: str | None = None
    profile: str | None = None
    state_dir: str | None = None
    sandbox: bool = False
    response_format: str | None = None
    extra: Mapping[str, Any] | None = None
    headers: Mapping[str, Secret] | None = None
    auth: str = "key"
    price: Decimal | None = None
    queue_price: Decimal | None = None
    currency: str | None = None
    size_rules: str | None = None
    size_order: str = WIDTH_HEIGHT
    allow_http: bool = False
    content_auth: bool = False
    async_: bool | None = None
    check_text: bool = False
    retake: int = 0
    strict_text: bool = False
    origins: Mapping[str, str] = MappingProxyType({})

    def is_flag(self, name: str) -> bool:
        """Whether the value was typed on the command line."""
        return self.origins[name].startswith(f"{FLAG} ")

    def endpoint(self, model: str) -> str:
        """The path below the base URL that requests of a model are sent to."""
        chosen = True if self.sandbox and self.async_ is None else self.async_
        known = endpoints.takes_tasks(model)
        return endpoints.endpoint(model, self.base_url, chosen if known else self.async_)

    @property
    def checks_text(self) -> bool:
        """Whether pictures are read; a number of retakes says so too, unless that is typed."""
        typed = self.origins.get("check_text", "").startswith(f"{FLAG} ")
        return self.check_text or (self.retake > 0 and not typed)

    @property
    def tariff(self) -> Tariff:
        """What pictures cost where these settings lead."""
        return tariffs.tariff_of(self.base_url, price=self.price, currency=self.currency)

    @property
    def queue_tariff(self) -> Tariff:
        """What they cost through the vendor's queue."""
        return self.tariff.queued(self.queue_price)


class Setting(NamedTuple):
    """One declaration: its kind, meaning and variables (first one wins)."""

    name: str
    kind: ValueType
    doc: str
    more_env: tuple[str, ...] = ()
    # A rule of the API rather than ours: --no-validate may waive it for a flag.
    vendor_rule: bool = False
    # A table, whose entries come from all places: each from the first that has it.
    merged: bool = False

    @property
    def default(self) -> object:
        return Settings._field_defaults[self.name]

    @property
    def word(self) -> str:
        """The name as users know it; `async` is no name in Python."""
        return self.name.rstrip("_")

    @property
    def env(self) -> tuple[str, ...]:
        return (f"COGVIEW_{self.word.upper()}", *self.more_env)

    @property
    def option(self) -> str:
        """The name as typed in `config set` and, with --, as a flag."""
        return self.word.replace("_", "-")


_DECLARED = (
    Setting("model", vt.TEXT, "the model that makes the image"),
    Setting("size", vt.SIZE, "WIDTHxHEIGHT, a ratio or a preset name", vendor_rule=True),
    Setting("quality", vt.choice("hd", "standard"), "hd or standard", vendor_rule=True),
    Setting("user_id", vt.USER_ID, "your end user's id, 6 to 128 characters", vendor_rule=True),
    Setting("watermark", vt.BOOL, "ask for the vendor's visible watermark"),
    Setting(
        "format",
        vt.choice("original", "png", "jpeg", "webp", jpg="jpeg"),
        "the image file's format",
    ),
    Setting("sidecar", vt.BOOL, "write a JSON file beside each image"),
    Setting("on_exists", vt.choice("rename", "skip", "fail", "overwrite"), "if the file exists"),
    Setting(
        "on_unknown",
        vt.choice("skip", "retry"),
        "if a request's outcome is unknown (may be paid)",
    ),
    Setting("max_cost", vt.MONEY, "never spend more in one run (CNY, or the profile's currency)"),
    Setting("daily_limit", vt.MONEY, "never spend more in a day, all runs together"),
    Setting("confirm_above", vt.MONEY, "ask before a run spends more than this"),
    Setting("tier", vt.choice(*models.TIER_SLOTS), "the account's tier: requests in flight"),
    Setting("jobs", vt.whole(1, MOST_JOBS), "requests in flight, instead of the tier's"),
    Setting("base_url", vt.URL, "where the API is"),
    Setting("timeout", vt.TIMEOUT, "seconds to wait for one image"),
    Setting("max_wait", vt.WAIT, "seconds to wait while throttled"),
    Setting("download_patience", vt.WAIT, "seconds to try again for a paid image"),
    Setting("retries", vt.whole(0), "repeats of a request that cost nothing"),
    Setting("output", vt.TEXT, "file, folder or name template"),
    Setting("api_key", vt.SECRET, "the key; kept by `config set api-key`", _MORE_KEY_VARIABLES),
    Setting("api_key_command", vt.TEXT, "a command that prints the key"),
    Setting("profile", vt.TEXT, "bigmodel, zai or a table of your own"),
    Setting("state_dir", vt.TEXT, "the ledger's folder; auto: the workspace if home is closed"),
    Setting("sandbox", vt.BOOL, "use the stand-in: no key, no network, no cost"),
    Setting(
        "response_format", vt.choice("b64_json", "url"), "b64_json or url, for servers that ask"
    ),
    Setting("extra", tables.EXTRA, "more fields of the request body: a table", merged=True),
    Setting("headers", tables.HEADERS, "more headers of each request: a table", merged=True),
    Setting("auth", vt.choice("key", NO_AUTH), "none for a server without keys"),
    Setting("price", vt.MONEY, "what a picture costs; 0 for your own machine"),
    Setting("queue_price", vt.MONEY, "what a picture of the queue costs; else half the price"),
    Setting("currency", vt.CURRENCY, "the currency of price, max-cost and confirm-above"),
    Setting(
        "size_rules",
        vt.choice(NO_RULES, *SIZE_RULES),
        "whose sizes to check: a model's name, or none",
    ),
    Setting(
        "size_order",
        vt.choice(WIDTH_HEIGHT, HEIGHT_WIDTH),
        "how the server reads a size; you always write WIDTHxHEIGHT",
    ),
    Setting("allow_http", vt.BOOL, "plain http to the base URL's host, in a private network"),
    Setting("content_auth", vt.BOOL, "the key also for picture links on the base URL's own origin"),
    Setting("async_", vt.BOOL, "hand glm-image in and ask for it later, so no answer is lost"),
    Setting("check_text", vt.BOOL, "read the text on each picture and compare it"),
    Setting("retake", vt.whole(0, MOST_RETAKES), "ask again so often while its text is wrong"),
    Setting("strict_text", vt.BOOL, "characters read with low confidence count as wrong"),
)
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in _DECLARED}
