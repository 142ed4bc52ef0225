"""Faults of answers that come later: of the batch queue and of asynchronous tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable

QUEUE_FAULTS = {
    "queue-missing": "queued: in neither result file, not charged",
    "queue-doubled": "queued: twice in the output file, charged once",
    "queue-error-file": "queued: refused with 1301 in the error file",
    "queue-cut": "queued: charged, the last line of the output file and cut in half",
    "queue-odd": "queued: status_code as text, and an error beside the response",
    "queue-expired": "queued: never made; the batch expires when the others are done",
    "queue-slow": "queued: takes five times as long as the batch, which waits for it",
    "queue-early": "queued: the output file is there with the batch's first picture, and grows",
}
TASK_FAULTS = {
    "task-stuck": "asynchronous: PROCESSING at each look",
    "task-lost-poll": "asynchronous: looks are not answered",
    "task-object": "asynchronous: image_result is an object, not a list",
    "task-refused": "asynchronous: FAIL with error 1301, nothing charged",
    "task-failed": "asynchronous: FAIL without a reason, nothing charged",
}
# Of the whole queue, whatever the prompts say.
QUEUE_SETTINGS = {
    "lost-upload": "the file is kept, the connection closes without an answer",
    "lost-create": "the batch is made, the connection closes without an answer",
    "cut-upload": "no file is kept, the connection closes without an answer",
    "cut-create": "no batch is made, the connection closes without an answer",
    "create-502": "the batch is made, the answer is 502 with an HTML page",
    "no-metadata": "metadata does not come back",
    "endpoint-refused": "/v4/images/generations is refused, /v4/chat/completions is taken",
    "chat-refused": "/v4/chat/completions is refused, /v4/images/generations is taken",
    "page-20": "20 batches a page at most, whatever `limit` says",
    "queue-full": "creates are refused: the queue is full",
    "not-listed": "uploads are refused with 1210: the model is not on the list",
    "no-real-name": "uploads and creates are refused: the account has no real name",
    "slow-upload-429": "429: files are uploaded too often",
    "errors-only": "completed without output_file_id: all results are in the error file",
    "lost-look": "looks at batches and lists of them are not answered",
    "look-503": "looks at batches and lists of them get 503 with Retry-After: 1",
    "results-503": "result files get 503 with Retry-After: 1",
    "no-such-results": "result files get 404 in the API's envelope",
    "cut-results": "the connection closes in the middle of a result file",
    "short-results": "a result file comes without its last line, and does not look cut",
    "late-output": "a look at an ended batch does not name its output file yet",
    "ends-failed": "looks at an ended batch say failed, and counts of 0",
    "ends-cancelled": "looks at an ended batch say cancelled, and counts of 0",
    "no-such-batch": "looks at a batch get 404 in the API's envelope",
    "html-404-batch": "looks at a batch get 404 with an HTML page",
    "top-counts": "request_counts is a number, total, completed and failed stand beside it",
}
_SETTING = re.compile(r"([a-z0-9-]+?)(?:x([0-9]{1,6}))?")


class QueueSettings:
    """The faults of `QUEUE_SETTINGS` that are on: `NAME`, or `NAMExK` for the first K times."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._left: dict[str, int | None] = {}
        for name in names:
            self.add(name)

    def add(self, text: str) -> None:
        """Switch one on. ValueError if there is none of that name."""
        match = _SETTING.fullmatch(text)
        if not match or match[1] not in QUEUE_SETTINGS:
            raise ValueError(f"no such fault of the queue: {text}")
        self._left[match[1]] = int(match[2]) if match[2] else None

    def meets(self, name: str) -> bool:
        """Whether the next request that `name` concerns meets it; counts that request."""
        left = self._left.get(name, 0)
        if left:
            self._left[name] = left - 1
        return left is None or left > 0
