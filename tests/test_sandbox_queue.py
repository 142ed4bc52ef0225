"""The sandbox's batch queue: its rules, its states, its faults, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from cogview_cli.sandbox import deferred_faults, queue_rules
from cogview_cli.sandbox.multipart import read_form
from cogview_cli.sandbox.thread import SandboxThread

KEY = {"Authorization": "Bearer id.secret"}
MODEL = "cogview-4-250304"
LENGTH = 100.0
Box = Callable[..., SandboxThread]


@pytest.fixture
def new_box() -> Iterator[Box]:
    """Sandboxes whose batches take 100 s of a clock that the test moves."""
    running: list[SandboxThread] = []

    def start(*faults: str, **options: Any) -> SandboxThread:
        options = {"queue_latency": (LENGTH, LENGTH), "queue_faults": faults, **options}
        running.append(SandboxThread(**options))
        return running[-1].__enter__()

    yield start
    while OPEN:
        OPEN.pop().close()
    for box in running:
        box.__exit__(None, None, None)


OPEN: list[httpx.Client] = []  # closed when the test ends


class Client:
    """The calls of the queue, each with its answer."""

    def __init__(self, box: SandboxThread, key: dict[str, str] = KEY) -> None:
        self.box = box
        self._http = httpx.Client(base_url=box.base_url, headers=key, trust_env=False, timeout=20)
        OPEN.append(self._http)

    def get(self, path: str, **query: object) -> httpx.Response:
        return self._http.get(path, params={k: str(v) for k, v in query.items()})

    def post(self, path: str, body: object = None) -> httpx.Response:
        return self._http.post(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self._http.delete(path)

    def upload(self, content: bytes, name: str = "a.jsonl", purpose: str = "batch") -> Any:
        return self._http.post("/files", files={"file": (name, content)}, data={"purpose": purpose})

    def create(self, file_id: str, **more: object) -> httpx.Response:
        asked = {"input_file_id": file_id, "endpoint": queue_rules.IMAGES, **more}
        return self.post("/batches", asked)

    def begin(self, *prompts: str, **more: object) -> str:
        """Upload and create; the batch's id."""
        file_id = self.upload(jsonl(*prompts)).json()["id"]
        return str(self.create(file_id, **more).json()["id"])

    def batch(self, batch_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.get(f"/batches/{batch_id}").json()
        return told

    def finish(self, batch_id: str) -> dict[str, Any]:
        self.box.skip(LENGTH * 10)
        return self.batch(batch_id)

    def lines(self, file_id: str) -> list[dict[str, Any]]:
        content = self.get(f"/files/{file_id}/content").content
        return [json.loads(line) for line in content.splitlines()]


def line(number: int, prompt: str = "cat", **more: object) -> dict[str, object]:
    body = {"model": MODEL, "prompt": prompt, "size": "512x512"}
    url = queue_rules.IMAGES
    return {"custom_id": f"item-{number}", "method": "POST", "url": url, "body": body, **more}


def encoded(*lines: object) -> bytes:
    return b"\n".join(json.dumps(each, ensure_ascii=False).encode() for each in lines)


def jsonl(*prompts: str) -> bytes:
    return encoded(*(line(number, prompt) for number, prompt in enumerate(prompts)))


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# Upload


def test_a_file_is_kept_listed_read_and_deleted(new_box: Box) -> None:
    client = Client(new_box())
    content = jsonl("a", "b")
    file = client.upload(content).json()
    assert (file["object"], file["purpose"], file["filename"]) == ("file", "batch", "a.jsonl")
    assert file["bytes"] == len(content)
    path = f"/files/{file['id']}"
    assert client.get(path).json() == file
    assert client.get(f"{path}/content").content == content
    assert client.get("/files", purpose="batch").json()["data"] == [file]
    assert client.delete(path).json() == {"id": file["id"], "object": "file", "deleted": True}
    assert client.get(path).status_code == 404
    assert client.get("/files", purpose="batch").json()["data"] == []


REFUSED: dict[str, bytes] = {
    "short id": encoded(line(1, custom_id="five5")),
    "no id": encoded({"method": "POST", "url": queue_rules.IMAGES, "body": {"model": MODEL}}),
    "id twice": encoded(line(1), line(1)),
    "two models": encoded(line(1), line(2, body={"model": "cogview-4", "prompt": "a"})),
    "not on the list": encoded(line(1, body={"model": "glm-image", "prompt": "a"})),
    "empty": b"\n\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_breaks_a_rule_is_1210(new_box: Box, name: str) -> None:
    client = Client(new_box())
    assert error_of(client.upload(REFUSED[name])) == (400, "1210")
    assert client.get("/files").json()["data"] == []


def test_six_characters_are_enough_for_an_id(new_box: Box) -> None:
    assert Client(new_box()).upload(encoded(line(1, custom_id="sixsix"))).status_code == 200


def test_50000_lines_fit_and_one_more_does_not() -> None:
    lines = [b'{"custom_id":"item-%d"}' % number for number in range(50_001)]
    queue_rules.check_upload(b"\n".join(lines[:-1]))
    with pytest.raises(queue_rules.Refusal) as caught:
        queue_rules.check_upload(b"\n".join(lines))
    assert caught.value.code == "1210"


def test_a_file_over_100_mb_is_435(new_box: Box) -> None:
    answer = Client(new_box()).upload(b" " * (queue_rules.MAX_BYTES + 1))
    assert error_of(answer) == (435, "435")


def test_what_is_no_form_or_no_batch_file_is_refused(new_box: Box) -> None:
    client = Client(new_box())
    assert error_of(client.post("/files", {})) == (400, "1210")
    assert error_of(client.upload(jsonl("a"), purpose="agent")) == (400, "1214")
    assert error_of(client.upload(jsonl("a"), name="a.csv")) == (400, "1210")


@pytest.mark.parametrize("path", ["/files", "/batches"])
def test_the_key_is_checked(new_box: Box, path: str) -> None:
    answer = Client(new_box(), {"Authorization": "Bearer invalid.key"}).get(path)
    assert error_of(answer) == (401, "1000")


def test_another_key_sees_nothing(new_box: Box) -> None:
    box = new_box()
    batch_id = Client(box).begin("a")
    other = Client(box, {"Authorization": "Bearer other.key"})
    assert other.get("/batches").json()["data"] == other.get("/files").json()["data"] == []
    assert other.get(f"/batches/{batch_id}").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n--x--", b"--x\r\nContent-Disposition: x\r\n\r\na\r\n--x--"]
)
def test_a_form_without_an_end_or_a_name_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"form|part"):
        read_form("multipart/form-data; boundary=x", body)


# States


def test_a_batch_goes_through_its_states_and_costs_half(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    file_id = client.upload(jsonl("a", "b")).json()["id"]
    created = client.create(file_id, metadata={"run": "r1", "part": "1"}).json()
    assert (created["status"], created["object"]) == ("validating", "batch")
    assert created["metadata"] == {"run": "r1", "part": "1"}
    assert "output_file_id" not in created and not box.books.charges
    seen = []
    for passes in (0, 15, 77, 20):
        box.skip(passes)
        seen.append(client.batch(created["id"]))
    states = ["validating", "in_progress", "finalizing", "completed"]
    assert [told["status"] for told in seen] == states
    assert [f"{state}_at" in told for state, told in zip(states[1:], seen[1:], strict=True)] == [
        True, True, True,
    ]  # fmt: skip
    assert seen[-1]["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert seen[-1]["error_file_id"] == ""
    assert box.books.charges == {"a": 1, "b": 1} and box.books.cost == Decimal("0.06")
    assert box.books.queue.charges == {"item-0": 1, "item-1": 1}
    assert client.get(f"/files/{file_id}").status_code == 404  # auto_delete_input_file


def test_the_output_file_holds_synchronous_answers_and_pictures_to_fetch(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    done = client.finish(client.begin("a", "b"))
    lines = client.lines(done["output_file_id"])
    assert {each["custom_id"] for each in lines} == {"item-0", "item-1"}
    for each in lines:
        assert each["id"] == done["id"] and each["response"]["status_code"] == 200
        body = each["response"]["body"]
        assert {"created", "data", "content_filter", "request_id"} == set(body)
        picture = httpx.get(body["data"][0]["url"], trust_env=False)
        assert picture.content.startswith(b"\x89PNG")


def test_links_live_from_when_the_picture_was_made(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    done = client.finish(client.begin("a"))
    (only,) = client.lines(done["output_file_id"])
    body = only["response"]["body"]
    expires = int(body["data"][0]["url"].rpartition("Expires=")[2])
    assert expires == body["created"] + 7 * 24 * 3600
    assert done["in_progress_at"] <= body["created"] <= done["finalizing_at"]
    box.skip(8 * 24 * 3600)
    assert httpx.get(body["data"][0]["url"], trust_env=False).status_code == 403


def test_a_batch_is_charged_although_nobody_looks(new_box: Box) -> None:
    box = new_box(queue_latency=(0.0, 0.0))
    Client(box).begin("a")
    httpx.get(f"{box.origin}/sandbox/books", trust_env=False)
    assert box.books.charges == {"a": 1}


def test_the_books_page_shows_the_queue(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    client.finish(client.begin("a"))
    told = httpx.get(f"{box.origin}/sandbox/books", trust_env=False).json()["queue"]
    assert told == {"uploads": 1, "creates": 1, "charges": {"item-0": 1}, "cost": "0.03"}


def test_bad_lines_fail_the_batch_by_their_number(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    content = b"\n".join(
        [
            encoded(line(1)),
            b"{cut",
            b"",
            encoded(line(4, method="GET"), line(5, url="/v4/embeddings"), line(6, body="no")),
        ]
    )
    batch_id = client.create(client.upload(content).json()["id"]).json()["id"]
    assert client.batch(batch_id)["status"] == "validating"
    told = client.finish(batch_id)
    assert told["status"] == "failed" and "failed_at" in told
    assert [(each["line"], each["param"]) for each in told["errors"]["data"]] == [
        (2, ""), (4, "method"), (5, "url"), (6, "body"),
    ]  # fmt: skip
    assert not box.books.charges


def test_a_request_the_api_refuses_is_in_the_error_file_and_free(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    content = encoded(line(1), line(2, body={"model": MODEL, "prompt": "b", "size": "1x1"}))
    done = client.finish(client.create(client.upload(content).json()["id"]).json()["id"])
    (refused,) = client.lines(done["error_file_id"])
    assert refused["custom_id"] == "item-2" and refused["response"]["status_code"] == 400
    assert refused["response"]["body"]["error"]["code"] == "1214"
    assert done["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert box.books.charges == {"cat": 1}


def test_cancelled_keeps_what_is_done(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    batch_id = client.begin("a", "b", "c", "d")
    box.skip(LENGTH / 2 + 5)
    told = client.post(f"/batches/{batch_id}/cancel").json()
    assert (told["status"], client.batch(batch_id)["status"]) == ("cancelling", "cancelling")
    done = client.finish(batch_id)
    assert done["status"] == "cancelled" and "cancelled_at" in done
    assert len(client.lines(done["output_file_id"])) == 2
    assert box.books.charges.total() == done["request_counts"]["completed"] == 2
    assert error_of(client.post(f"/batches/{batch_id}/cancel")) == (400, "1214")


# Create and list


def test_creates_that_cannot_be_are_refused(new_box: Box) -> None:
    client = Client(new_box())
    file_id = client.upload(jsonl("a")).json()["id"]
    assert error_of(client.post("/batches", {})) == (400, "1213")
    assert error_of(client.create("file-none")) == (400, "1214")
    assert error_of(client.create(file_id, endpoint="/v4/embeddings")) == (400, "1214")
    assert error_of(client.create(file_id, metadata={"k": "v" * 513})) == (400, "1214")
    assert error_of(client.create(file_id, metadata={str(n): "" for n in range(17)})) == (
        400,
        "1214",
    )
    assert client.get("/batches").json()["data"] == []
    assert client.create(file_id, endpoint=queue_rules.CHAT).status_code == 200


def test_the_queue_has_a_limit_until_a_batch_is_done(new_box: Box) -> None:
    box = new_box(queue_limit=3)
    client = Client(box)
    first, second = client.begin("a", "b"), client.upload(jsonl("c", "d")).json()["id"]
    answer = client.create(second)
    assert error_of(answer) == (429, "1302") and "队列上限" in answer.text
    client.finish(first)
    assert client.create(second).status_code == 200
    assert box.books.queue.creates == 2


def test_batches_are_listed_newest_first_page_by_page(new_box: Box) -> None:
    client = Client(new_box())
    made = [client.begin("a") for _ in range(25)]
    first = client.get("/batches").json()
    assert [each["id"] for each in first["data"]] == made[:4:-1]
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, made[-1], made[5])
    rest = client.get("/batches", after=made[5], limit=100).json()
    assert [each["id"] for each in rest["data"]] == made[4::-1] and not rest["has_more"]
    assert error_of(client.get("/batches", limit=101)) == (400, "1214")
    assert error_of(client.get("/batches", after="batch_none")) == (400, "1214")


# Faults by prompt


def results(new_box: Box, *prompts: str) -> tuple[SandboxThread, Client, dict[str, Any]]:
    box = new_box()
    client = Client(box)
    return box, client, client.finish(client.begin(*prompts))


def test_missing_is_in_neither_file_and_free(new_box: Box) -> None:
    box, client, done = results(new_box, "a", "sandbox:queue-missing")
    assert (done["status"], done["error_file_id"]) == ("completed", "")
    assert [each["custom_id"] for each in client.lines(done["output_file_id"])] == ["item-0"]
    assert box.books.charges == {"a": 1}


def test_missing_once_is_there_the_next_time(new_box: Box) -> None:
    prompt = "sandbox:queue-missingx1"
    box, client, done = results(new_box, prompt)
    assert "output_file_id" not in done
    assert client.finish(client.begin(prompt))["output_file_id"]
    assert box.books.charges == {prompt: 1}


def test_doubled_is_there_twice_and_charged_once(new_box: Box) -> None:
    box, client, done = results(new_box, "sandbox:queue-doubled")
    first, second = client.lines(done["output_file_id"])
    assert first == second and box.books.charges.total() == 1


@pytest.mark.parametrize("fault", ["queue-error-file", "1301"])
def test_a_refusal_is_in_the_error_file_with_its_filter(new_box: Box, fault: str) -> None:
    box, client, done = results(new_box, f"sandbox:{fault}")
    (only,) = client.lines(done["error_file_id"])
    assert only["response"]["status_code"] == 400
    assert only["response"]["body"]["contentFilter"] == [{"level": 1, "role": "user"}]
    assert "output_file_id" not in done and not box.books.charges


def test_cut_is_the_last_line_and_charged(new_box: Box) -> None:
    box, client, done = results(new_box, "sandbox:queue-cut", "a", "b")
    content = client.get(f"/files/{done['output_file_id']}/content").content
    *whole, last = content.split(b"\n")
    assert {json.loads(each)["custom_id"] for each in whole} == {"item-1", "item-2"}
    with pytest.raises(ValueError):
        json.loads(last)
    assert box.books.charges.total() == 3


def test_odd_has_text_for_a_number_and_an_error_beside(new_box: Box) -> None:
    _, client, done = results(new_box, "sandbox:queue-odd")
    (only,) = client.lines(done["output_file_id"])
    assert only["response"]["status_code"] == "200" and only["error"]["code"] == "1234"
    assert only["response"]["body"]["data"]


def test_expired_ends_with_the_others_done(new_box: Box) -> None:
    box, client, done = results(new_box, "a", "sandbox:queue-expired")
    assert done["status"] == "expired" and "expired_at" in done
    assert [each["custom_id"] for each in client.lines(done["output_file_id"])] == ["item-0"]
    assert box.books.charges == {"a": 1}


def test_slow_keeps_the_batch_waiting(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    batch_id = client.begin("a", "sandbox:queue-slow")
    box.skip(LENGTH * 4)
    told = client.batch(batch_id)
    assert told["status"] == "in_progress" and told["request_counts"]["completed"] == 1
    assert client.finish(batch_id)["status"] == "completed"
    assert box.books.charges.total() == 2


def test_early_shows_the_output_file_while_it_grows(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    batch_id = client.begin("a", "sandbox:queue-early", "c", "d")
    assert "output_file_id" not in client.batch(batch_id)
    box.skip(LENGTH / 2 + 5)
    told = client.batch(batch_id)
    assert told["status"] == "in_progress"
    assert len(client.lines(told["output_file_id"])) == 2
    done = client.finish(batch_id)
    assert done["output_file_id"] == told["output_file_id"]
    assert len(client.lines(done["output_file_id"])) == 4


def test_faults_of_answers_and_pictures_reach_the_queue_too(new_box: Box) -> None:
    prompts = ["sandbox:filtered", "sandbox:html-500", "sandbox:no-such", "sandbox:jpeg"]
    box, client, done = results(new_box, *prompts)
    made = {each["custom_id"]: each["response"] for each in client.lines(done["output_file_id"])}
    failed = {each["custom_id"]: each["response"] for each in client.lines(done["error_file_id"])}
    assert set(made) == {"item-0", "item-3"} and made["item-0"]["body"]["data"] == []
    assert failed["item-1"]["status_code"] == 500 and "html" in failed["item-1"]["body"]
    assert failed["item-2"]["body"]["error"]["code"] == "1214"
    url = made["item-3"]["body"]["data"][0]["url"]
    assert httpx.get(url, trust_env=False).content.startswith(b"\xff\xd8")
    assert box.books.charges.total() == 2


@pytest.mark.parametrize("fault", deferred_faults.QUEUE_FAULTS)
def test_a_fault_of_the_queue_is_none_of_a_direct_call(new_box: Box, fault: str) -> None:
    answer = Client(new_box()).post(
        "/images/generations", {"model": MODEL, "prompt": f"sandbox:{fault}", "size": "512x512"}
    )
    assert answer.status_code == 200 and answer.json()["data"]


# Faults by setting


def test_a_lost_upload_is_kept(new_box: Box) -> None:
    client = Client(new_box("lost-uploadx1"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.upload(jsonl("a"))
    assert len(client.get("/files").json()["data"]) == 1
    assert client.upload(jsonl("a")).status_code == 200


def test_a_lost_create_is_found_by_its_metadata_and_made_once(new_box: Box) -> None:
    box = new_box("lost-createx1")
    client = Client(box)
    with pytest.raises(httpx.RemoteProtocolError):
        client.begin("a", metadata={"run": "r1"})
    (found,) = client.get("/batches").json()["data"]
    assert found["metadata"] == {"run": "r1"}
    assert client.finish(found["id"])["status"] == "completed"
    assert (box.books.queue.creates, box.books.charges) == (1, {"a": 1})


def test_a_create_behind_a_502_is_done(new_box: Box) -> None:
    client = Client(new_box("create-502x1"))
    answer = client.create(client.upload(jsonl("a")).json()["id"])
    assert answer.status_code == 502 and answer.text.startswith("<html>")
    assert len(client.get("/batches").json()["data"]) == 1


def test_without_metadata_there_is_the_files_id(new_box: Box) -> None:
    client = Client(new_box("no-metadata"))
    file_id = client.upload(jsonl("a")).json()["id"]
    created = client.create(file_id, metadata={"run": "r1"}).json()
    (listed,) = client.get("/batches").json()["data"]
    assert "metadata" not in created and "metadata" not in listed
    assert listed["input_file_id"] == file_id


@pytest.mark.parametrize(
    ("fault", "refused", "taken"),
    [
        ("endpoint-refused", queue_rules.IMAGES, queue_rules.CHAT),
        ("chat-refused", queue_rules.CHAT, queue_rules.IMAGES),
    ],
)
def test_one_endpoint_is_refused(new_box: Box, fault: str, refused: str, taken: str) -> None:
    client = Client(new_box(fault))
    file_id = client.upload(jsonl("a")).json()["id"]
    assert error_of(client.create(file_id, endpoint=refused)) == (400, "1214")
    assert client.create(file_id, endpoint=taken).status_code == 200


def test_pages_of_20_whatever_is_asked_for(new_box: Box) -> None:
    client = Client(new_box("page-20"))
    made = [client.begin("a") for _ in range(21)]
    told = client.get("/batches", limit=100).json()
    assert len(told["data"]) == 20 and told["has_more"]
    after = client.get("/batches", limit=100, after=told["last_id"]).json()["data"]
    assert [each["id"] for each in after] == made[:1]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("not-listed", 400, "1210"),
        ("no-real-name", 403, "1220"),
        ("slow-upload-429", 429, "1303"),
    ],
)
def test_uploads_are_refused_by_setting(new_box: Box, fault: str, status: int, code: str) -> None:
    box = new_box(f"{fault}x1")
    client = Client(box)
    assert error_of(client.upload(jsonl("a"))) == (status, code)
    assert box.books.queue.uploads == 0
    assert client.upload(jsonl("a")).status_code == 200


def test_the_queue_is_full_by_setting(new_box: Box) -> None:
    box = new_box("queue-fullx1")
    client = Client(box)
    file_id = client.upload(jsonl("a")).json()["id"]
    assert error_of(client.create(file_id)) == (429, "1302")
    assert client.create(file_id).status_code == 200 and box.books.queue.creates == 1


def test_errors_only_puts_everything_into_the_error_file(new_box: Box) -> None:
    client = Client(new_box("errors-only"))
    done = client.finish(client.begin("a", "sandbox:1301", "sandbox:queue-early"))
    assert done["status"] == "completed" and "output_file_id" not in done
    lines = client.lines(done["error_file_id"])
    assert sorted(each["response"]["status_code"] for each in lines) == [200, 200, 400]


def test_cut_results_are_whole_the_next_time(new_box: Box) -> None:
    client = Client(new_box("cut-resultsx1"))
    done = client.finish(client.begin("a", "b"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.lines(done["output_file_id"])
    assert len(client.lines(done["output_file_id"])) == 2


@pytest.mark.parametrize("fault", ["cut-upload", "cut-create"])
def test_what_is_cut_never_happened(new_box: Box, fault: str) -> None:
    box = new_box(f"{fault}x1")
    client = Client(box)
    with pytest.raises(httpx.RemoteProtocolError):
        client.begin("a")
    happened = (box.books.queue.uploads, box.books.queue.creates)
    assert happened == ((0, 0) if fault == "cut-upload" else (1, 0))
    assert client.finish(client.begin("a"))["status"] == "completed"


def test_looks_get_lost_or_a_503(new_box: Box) -> None:
    client = Client(new_box("lost-lookx1", "look-503x2"))
    batch_id = client.begin("a")
    with pytest.raises(httpx.RemoteProtocolError):
        client.batch(batch_id)
    for path in (f"/batches/{batch_id}", "/batches"):
        busy = client.get(path)
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
    assert client.batch(batch_id)["status"] == "validating"


def test_result_files_get_a_503(new_box: Box) -> None:
    client = Client(new_box("results-503x1"))
    path = f"/files/{client.finish(client.begin('a'))['output_file_id']}/content"
    assert [client.get(path).status_code for _ in range(2)] == [503, 200]


def test_files_are_gone_after_30_days(new_box: Box) -> None:
    box = new_box()
    client = Client(box)
    done = client.finish(client.begin("a"))
    box.skip(29 * 24 * 3600)
    assert client.lines(done["output_file_id"])
    box.skip(2 * 24 * 3600)
    assert client.get(f"/files/{done['output_file_id']}/content").status_code == 404
    assert client.batch(done["id"])["output_file_id"] == done["output_file_id"]


def test_a_script_gives_faults_to_successive_requests(new_box: Box) -> None:
    box = new_box()
    box.script("cat", ["queue-missing", "ok"])
    client = Client(box)
    done = client.finish(client.begin("cat", "cat"))
    assert len(client.lines(done["output_file_id"])) == 1 and done["error_file_id"] == ""


def test_counts_stand_at_the_top_by_setting(new_box: Box) -> None:
    client = Client(new_box("top-counts"))
    done = client.finish(client.begin("a", "sandbox:1301"))
    counts = ("request_counts", "total", "completed", "failed")
    assert [done[name] for name in counts] == [2, 2, 1, 1]


@pytest.mark.parametrize("name", ["no-such", "lost-createx", "Lost-create", ""])
def test_an_unknown_setting_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        deferred_faults.QueueSettings([name])


def test_settings_can_be_switched_on_while_it_runs(new_box: Box) -> None:
    box = new_box()
    box.queue_fault("not-listedx1")
    client = Client(box)
    assert error_of(client.upload(jsonl("a"))) == (400, "1210")
    assert client.upload(jsonl("a")).status_code == 200
