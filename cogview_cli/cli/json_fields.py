"""Every field that `--json` prints, declared once: the tables and the JSON Schema come from it.

A new field, and a new kind of object, is declared here first: the tests check each line that
they see against the schema, which allows nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cogview_cli.errors import ExitCode
from cogview_cli.i18n import N_
from cogview_cli.outcome import LOSSES, STATUSES, Status

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WORDS: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "integer", "minimum": 1}
AMOUNT: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
MAYBE_AMOUNT: Schema = {"anyOf": [AMOUNT, {"type": "null"}]}
CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
CODE: Schema = {"enum": sorted(int(code) for code in ExitCode)}
TEXTS: Schema = {"type": "array", "items": TEXT}


class Field(NamedTuple):
    """One field. `required`: it is never absent. `meaning`: English, translated where shown."""

    name: str
    schema: Schema
    meaning: str
    required: bool = False


class Line(NamedTuple):
    """One kind of object: the value of its `type`, which commands print it, what it holds.

    `name` tells apart those of one type. `open`: the body of a request may hold other fields.
    """

    name: str
    type: str
    meaning: str
    fields: tuple[Field, ...]
    open: bool = False


def nested(*fields: Field) -> Schema:
    """The schema of an object within a line."""
    return {
        "type": "object",
        "properties": {field.name: field.schema for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


ERROR = (
    Field("code", WORDS, N_("the code of the server, or one of ours; stable English"), True),
    Field("message", WORDS, N_("what went wrong, in the language of the user"), True),
    Field("hint", WORDS, N_("what to do next, in the language of the user")),
    Field("http_status", COUNT, N_("the HTTP status of the answer")),
    Field("retryable", FLAG, N_("whether the same request may work later"), True),
)
FILTER = (
    Field("role", {"type": ["string", "null"]}, N_("whose text or picture it is about")),
    Field(
        "level", {"type": ["integer", "string", "null"]}, N_("0 is the most severe, 3 the least")
    ),
)
LETTERING = (
    Field("wanted", TEXTS, N_("the texts that should be on the picture"), True),
    Field("found", TEXTS, N_("the texts that were read off it"), True),
    Field("missing", TEXTS, N_("the wanted characters that are not there"), True),
    Field("doubtful", TEXTS, N_("the characters that were read with low confidence"), True),
    Field("score", {"type": "number", "minimum": 0, "maximum": 1}, N_("1: all is there"), True),
    Field("ok", FLAG, N_("whether the lettering is right"), True),
)
MAYBE_LETTERING: Schema = {"anyOf": [nested(*LETTERING), {"type": "null"}]}
_PROMPT = Field("prompt", TEXT, N_("the prompt as it is sent"), True)
_MODEL = Field("model", WORDS, N_("the model"), True)
_SIZE = Field("size", WORDS, N_("the size asked for; absent: the default of the model"))
_INDEX = Field("index", NUMBER, N_("the number of the row in the input, 1 for gen"), True)
_N = Field("n", NUMBER, N_("which picture of its row it is, from 1"), True)
_ROW_ID = Field("row_id", TEXT, N_("what the row calls itself"))
_CURRENCY = Field("currency", CURRENCY, N_("the currency of the amounts; absent: CNY"))

_EXIT_CODE = Field(
    "exit_code", CODE, N_("what the process ends with: cogview help exit-codes"), True
)

IMAGE = Line(
    "image",
    "image",
    N_("How a request of gen, batch or recover ended: a line a picture, one if there is none."),
    (
        Field("status", {"enum": [*map(str, Status)]}, N_("how it ended"), True),
        Field("file", WORDS, N_("the picture; with unsaved, what arrived and is no picture")),
        Field("sidecar", WORDS, N_("the JSON file beside the picture")),
        Field("id", WORDS, N_("the request in the ledger: history, recover")),
        _INDEX,
        _N,
        _PROMPT,
        _MODEL,
        _SIZE,
        Field("cost", AMOUNT, N_("what was surely paid now; absent: nothing, or unknown")),
        _CURRENCY,
        Field(
            "content_filter",
            {"type": "array", "items": nested(*FILTER)},
            N_("what the content filter of the server said"),
        ),
        Field("width", NUMBER, N_("the width of the picture in pixels, if known")),
        Field("height", NUMBER, N_("the height of the picture in pixels, if known")),
        Field("bytes", NUMBER, N_("the size of the file in bytes")),
        Field("sha256", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, N_("its hash, if known")),
        Field("request_id", TEXT, N_("what the server calls the request, for its support")),
        _ROW_ID,
        Field(
            "text", MAYBE_LETTERING, N_("the lettering, where it was checked; null: none is wanted")
        ),
        Field("warnings", {**TEXTS, "minItems": 1}, N_("what is odd about the picture")),
        Field("error", nested(*ERROR), N_("why there is no picture")),
    ),
)
REQUEST = Line(
    "request",
    "request",
    N_("A request that --dry-run shows: the fields of its body, those of --extra too, and where."),
    (
        _MODEL,
        _PROMPT,
        _SIZE,
        Field("quality", WORDS, N_("the quality asked for")),
        Field("user_id", WORDS, N_("the user's id")),
        Field("watermark_enabled", FLAG, N_("whether a watermark is asked for")),
        Field("endpoint", WORDS, N_("where it is posted, below the base URL"), True),
        Field("response_format", {"enum": ["url", "b64_json"]}, N_("the form of the answer")),
        _INDEX,
        _N,
        _ROW_ID,
        Field("file", WORDS, N_("where the picture will be; absent: the answer makes the name")),
        Field("cost", AMOUNT, N_("the price, if it is known")),
        _CURRENCY,
    ),
    open=True,
)
SUMMARY = Line(
    "summary",
    "summary",
    N_("The last line of gen, batch and recover."),
    (
        Field("requests", COUNT, N_("--dry-run: how many requests a run would send")),
        Field(
            "requests_max", COUNT, N_("--dry-run: the same with all takes, if there may be more")
        ),
        Field("rows", COUNT, N_("--dry-run of batch: how many rows were read")),
        *(Field(status, COUNT, N_("how many ended so"), True) for status in STATUSES),
        Field(Status.QUEUED, COUNT, N_("how many wait in the queue of the vendor")),
        Field("cost", MAYBE_AMOUNT, N_("what was surely paid; null: unknown"), True),
        Field("cost_max", MAYBE_AMOUNT, N_("the same with what may have been paid"), True),
        Field("queue_cost_max", AMOUNT, N_("--dry-run: the same through the queue")),
        _CURRENCY,
        Field("text_right", COUNT, N_("on how many pictures the text is right, if it is checked")),
        Field("text_wrong", COUNT, N_("on how many it is wrong")),
        _EXIT_CODE,
    ),
)
RUN_ERROR = Line(
    "error",
    "error",
    N_("An error outside any picture, of any command; wrong usage too."),
    (
        Field(
            "code", {"enum": sorted(code.name.lower() for code in ExitCode if code)},
            N_("the kind of error, stable English"), True,
        ),
        Field("message", WORDS, N_("what went wrong, in the language of the user"), True),
        Field("hint", TEXT, N_("what to do next, in the language of the user"), True),
        Field("exit_code", CODE, N_("what it leads to; with a summary, that one counts"), True),
    ),
)  # fmt: skip
HISTORY = Line(
    "history",
    "request",
    N_("A past request, of history."),
    (
        Field("id", WORDS, N_("the request in the ledger"), True),
        Field("time", {"type": "string", "format": "date-time"}, N_("when it was asked"), True),
        Field("status", WORDS, N_("where it stands: saved, answer, unknown, rejected …"), True),
        Field("cost", AMOUNT, N_("what was surely paid; absent: unknown")),
        Field("cost_max", AMOUNT, N_("the same with what may have been paid")),
        _CURRENCY,
        Field("model", WORDS, N_("the model")),
        _SIZE,
        Field("prompt", TEXT, N_("the prompt")),
        Field("file", WORDS, N_("its first picture")),
        Field("files", TEXTS, N_("all its pictures"), True),
        Field("task", WORDS, N_("what a server calls it that answers later")),
        Field("unsent", {"const": True}, N_("for the queue, and not sent yet")),
        Field("code", WORDS, N_("the code of the error")),
        Field("message", WORDS, N_("what went wrong")),
        Field("sandbox", {"const": True}, N_("a sandbox made it: it cost nothing")),
        Field("take", NUMBER, N_("which take of its picture it is, from the second on")),
        Field("text", nested(*LETTERING), N_("the lettering, where it was checked")),
    ),
)
_BY_CURRENCY: Schema = {"type": "object", "additionalProperties": MAYBE_AMOUNT}
TOTAL = Line(
    "total",
    "total",
    N_("A sum of past requests, of history --by."),
    (
        Field("by", {"enum": ["day", "month", "model", "folder"]}, N_("what is added up"), True),
        Field("name", TEXT, N_("the day, month, model or folder"), True),
        Field("requests", COUNT, N_("how many requests there are"), True),
        Field(Status.SAVED, COUNT, N_("how many of them have their pictures on disk"), True),
        Field("cost", _BY_CURRENCY, N_("what was surely paid, by currency; null: unknown"), True),
        Field("cost_max", _BY_CURRENCY, N_("the same with what may have been paid"), True),
        Field("sandbox", {"const": True}, N_("a sandbox made them: they cost nothing")),
    ),
)
SIZE = Line(
    "size",
    "size",
    N_("A size, of sizes."),
    (
        Field("model", WORDS, N_("the model"), True),
        Field("size", WORDS, N_("the size as --size takes it"), True),
        Field("width", NUMBER, N_("in pixels"), True),
        Field("height", NUMBER, N_("in pixels"), True),
        Field("ratio", WORDS, N_("width to height, such as 16:9"), True),
        Field("megapixels", {"type": "number"}, N_("how large it is"), True),
        Field("preset", FLAG, N_("whether it is one of the model's presets"), True),
        Field("legal", FLAG, N_("for a size that was asked about: whether the model takes it")),
        Field("rule", WORDS, N_("which rule it breaks")),
        Field("nearest", WORDS, N_("the nearest size that the model takes")),
    ),
)
SETTING = Line(
    "setting",
    "setting",
    N_("A setting in force, of config show."),
    (
        Field("name", WORDS, N_("its name"), True),
        Field(
            "value", {"type": ["string", "number", "boolean", "object", "null"]},
            N_("its value, secrets masked; null: not set"), True,
        ),
        Field(
            "origin", WORDS, N_("`default`, `environment NAME`, `profile NAME`, or its file"), True,
        ),
    ),
)  # fmt: skip
CHECK = Line(
    "check",
    "check",
    N_("What config check has found."),
    (
        Field("check", WORDS, N_("what was looked at, English"), True),
        Field("status", {"enum": ["ok", "warn", "fail"]}, N_("how it is"), True),
        Field("text", WORDS, N_("what was found, in the language of the user"), True),
        Field("hint", TEXT, N_("what to do about it")),
    ),
)
GALLERY = Line(
    "gallery",
    "gallery",
    N_("The page that gallery has written."),
    (
        Field("images", COUNT, N_("how many pictures it shows"), True),
        *(
            Field(status, COUNT, N_("how many requests without a picture ended so"))
            for status in (*LOSSES, "expired")
        ),
        Field(
            "cost", {"type": "object", "additionalProperties": AMOUNT},
            N_("what its pictures cost, by currency"), True,
        ),
        Field("file", WORDS, N_("the page"), True),
    ),
)  # fmt: skip
SHEET = Line(
    "sheet",
    "sheet",
    N_("A contact sheet that gallery has written."),
    (
        Field("page", NUMBER, N_("its number, from 1"), True),
        Field("images", NUMBER, N_("how many pictures it shows"), True),
        Field("file", WORDS, N_("the sheet"), True),
    ),
)
LETTERED = Line(
    "text",
    "text",
    N_("A picture that check-text has looked at."),
    (
        Field("file", WORDS, N_("the picture"), True),
        Field(
            "text", {"anyOf": [nested(*LETTERING), {"type": "null"}]},
            N_("its lettering; null: nothing says what it should be"),
        ),
        Field("error", nested(*ERROR[:3], ERROR[-1]), N_("why it was not read")),
    ),
)  # fmt: skip
LETTERED_SUMMARY = Line(
    "text-summary",
    "summary",
    N_("The last line of check-text."),
    (
        Field("right", COUNT, N_("pictures with the right text"), True),
        Field("wrong", COUNT, N_("pictures with wrong text"), True),
        Field("unjudged", COUNT, N_("pictures with no text to compare"), True),
        Field("unread", COUNT, N_("pictures that could not be read"), True),
        _EXIT_CODE,
    ),
)
BATCH = Line(
    "batch",
    "batch",
    N_("A batch in the queue of the vendor, of queue list and queue cancel."),
    (
        Field("id", WORDS, N_("what the vendor calls it, else the part"), True),
        Field("part", WORDS, N_("the part of a run that it is, in the ledger"), True),
        Field("number", COUNT, N_("the number of the part in its run"), True),
        Field("state", WORDS, N_("how far it is, in the words of the vendor"), True),
        Field("unsent", {"const": True}, N_("for the queue, and not sent yet")),
        Field("model", WORDS, N_("the model"), True),
        Field("done", COUNT, N_("how many requests are answered"), True),
        Field("failed", COUNT, N_("how many requests have failed"), True),
        Field("total", COUNT, N_("how many requests it holds"), True),
        Field(Status.UNSAVED, COUNT, N_("how many pictures are not on disk yet")),
        Field("cost_max", AMOUNT, N_("what it costs at most")),
        _CURRENCY,
        Field("folder", WORDS, N_("where its pictures go"), True),
        Field("created_at", {"type": "string", "format": "date-time"}, N_("when it began"), True),
        Field("age_s", COUNT, N_("seconds since then"), True),
        Field("base_url", WORDS, N_("the API that has it"), True),
    ),
)
LINES = (
    IMAGE, SUMMARY, RUN_ERROR, REQUEST, BATCH, LETTERED, LETTERED_SUMMARY, HISTORY, TOTAL, SIZE,
    SETTING, CHECK, GALLERY, SHEET,
)  # fmt: skip
NESTED = {"content_filter": FILTER, "text": LETTERING, "error": ERROR}
