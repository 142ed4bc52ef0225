"""What the queue may do instead of making pictures: every request ends, each is paid once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cogview_cli.sandbox.thread import SandboxThread
from tests.batch.support import (
    Batch,
    ledger_column,
    lines,
    pictures,
    posts,
    prompts,
    statuses,
)
from tests.conftest import Run

LONG = 3600.0
WAIT = ("--queue", "--wait", "--poll", "0.1", "--json")


def charges(sandbox: SandboxThread) -> Counter[str]:
    return sandbox.books.charges


def once_each(sandbox: SandboxThread) -> bool:
    return all(times == 1 for times in charges(sandbox).values())


def test_missing_from_both_files_is_sent_again(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog sandbox:queue-missingx1")
    first = batch(*WAIT)
    assert first.code == 75, first
    assert statuses(first) == ["saved", "not_sent"]
    assert not Path("out/.cogview").exists()
    second = batch(*WAIT)
    assert second.code == 0, second
    assert statuses(second) == ["skipped", "saved"]
    assert once_each(sandbox)
    assert len(charges(sandbox)) == 2


@pytest.mark.parametrize("fault", ["queue-doubled", "queue-odd", "queue-early", "queue-slow"])
def test_odd_results_are_pictures_all_the_same(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", f"dog sandbox:{fault}")
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert statuses(ended) == ["saved", "saved"]
    assert lines(ended)[-1]["cost"] == "0.06"
    assert once_each(sandbox)


def test_refused_in_the_error_file(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog sandbox:queue-error-file", "cow sandbox:1301")
    ended = batch(*WAIT)
    assert ended.code == 3, ended
    assert statuses(ended) == ["saved", "refused", "refused"]
    assert not Path("out/.cogview").exists()
    assert lines(ended)[-1]["cost"] == "0.03"
    again = batch(*WAIT)
    assert statuses(again) == ["skipped", "refused", "refused"]
    assert sandbox.books.queue.creates == 1


def test_a_refusal_that_this_run_has_read_is_no_earlier_one(
    batch: Batch, sandbox: SandboxThread
) -> None:
    prompts("cat", "dog sandbox:queue-error-file", "cow sandbox:1210")
    batch("--queue")
    sandbox.skip(LONG)
    first = batch("--queue", "--json")
    assert first.code == 3, first
    assert statuses(first) == ["saved", "refused", "failed"]
    assert "earlier" not in first.out + first.err
    second = batch("--queue", "--json")
    assert second.code == 3, second
    assert statuses(second) == ["skipped", "refused", "failed"]
    assert second.out.count("refused in an earlier run") == 2


def test_a_cut_line_may_have_been_a_picture(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog sandbox:queue-cut")
    ended = batch(*WAIT)
    assert ended.code == 5, ended
    assert statuses(ended) == ["saved", "unknown"]
    assert batch(*WAIT).code == 5
    assert once_each(sandbox)


def test_expired(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog sandbox:queue-expiredx1")
    ended = batch(*WAIT)
    assert ended.code == 75, ended
    assert statuses(ended) == ["saved", "not_sent"]
    assert "expired" in ended.err
    assert statuses(batch(*WAIT)) == ["skipped", "saved"]
    assert once_each(sandbox)


def test_all_in_the_error_file(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("errors-only")
    prompts("cat", "dog sandbox:1301")
    assert statuses(batch(*WAIT)) == ["saved", "refused"]


@pytest.mark.parametrize(
    "faults",
    [("lost-createx1",), ("create-502x1",), ("lost-createx1", "no-metadata"), ("lost-uploadx1",)],
    ids="+".join,
)
def test_a_lost_answer_is_found_again(
    faults: tuple[str, ...], batch: Batch, sandbox: SandboxThread
) -> None:
    for fault in faults:
        sandbox.queue_fault(fault)
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert sandbox.books.queue.creates == 1
    assert once_each(sandbox)


def test_a_file_whose_upload_was_lost_does_not_stay_at_the_vendor(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault("lost-uploadx1")
    prompts("cat")
    assert batch(*WAIT).code == 0
    sandbox.skip(3600)
    assert batch("--queue").code == 0
    assert sandbox.books.queue.uploads == 2 and not sandbox._box._queue.files


def test_found_on_a_later_page(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("page-20")
    prompts(*(f"cat {n}" for n in range(25)))
    assert batch("--queue", "--queue-size", "1").code == 75
    assert sandbox.books.queue.creates == 25
    sandbox.queue_fault("lost-createx1")
    Path("p.txt").write_text("".join(f"dog {n}\n" for n in range(1)))
    assert batch("--queue").code == 75
    assert sandbox.books.queue.creates == 26


@pytest.mark.parametrize("fault", ["endpoint-refused", "chat-refused", "top-counts"])
def test_both_endpoints(fault: str, batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault(fault)
    prompts("cat")
    assert batch(*WAIT).code == 0


def test_a_model_not_on_the_list_today(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("not-listed")
    prompts("cat")
    ended = batch("--queue")
    assert ended.code == 2, ended
    assert "leave --queue out" in ended.err
    assert not Path("out/.cogview").exists()
    assert ledger_column("state") == ["not_sent"]
    assert batch().code == 0
    assert posts(sandbox) == 1


def test_no_real_name(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("no-real-name")
    prompts("cat")
    ended = batch("--queue")
    assert ended.code == 4, ended
    assert ledger_column("state") == ["not_sent"]


def test_the_queue_is_full(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("queue-fullx1")
    prompts("cat")
    first = batch("--queue", "--json")
    assert first.code == 75, first
    assert batch("--queue", "--json").code == 75
    sandbox.skip(LONG)
    assert batch("--queue").code == 0
    assert sandbox.books.queue.uploads == 1
    assert sandbox.books.queue.creates == 1


def test_uploads_too_often(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault("slow-upload-429x1")
    prompts("cat")
    assert batch(*WAIT).code == 0


def test_results_that_are_always_cut(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.queue.service.RETRY_BASE", 0.0)
    sandbox.queue_fault("cut-resultsx4")
    prompts("cat", "dog")
    batch("--queue")
    sandbox.skip(LONG)
    ended = batch("--queue", "--json")
    assert ended.code == 75, ended
    assert statuses(ended) == ["queued", "queued"]
    assert statuses(batch("--queue", "--json")) == ["saved", "saved"]
    assert once_each(sandbox)


def test_direct_while_it_waits(batch: Batch, patient_sandbox: SandboxThread) -> None:
    prompts("cat", "dog")
    batch("--queue", "--limit", "1")
    direct = batch("--json")
    assert direct.code == 75, direct
    assert statuses(direct) == ["queued", "saved"]
    assert posts(patient_sandbox) == 1
    patient_sandbox.skip(LONG)
    assert statuses(batch("--json")) == ["saved", "skipped"]
    assert once_each(patient_sandbox)
    assert len(pictures()) == 2


def test_max_cost_counts_half(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat", "dog", "cow")
    ended = batch("--queue", "--max-cost", "0.06", "--json")
    assert ended.code == 7, ended
    assert statuses(ended) == ["queued", "queued", "not_sent"]
    assert lines(ended)[-1]["cost_max"] == "0.06"


def test_daily_limit_counts_half(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGVIEW_DAILY_LIMIT", "0.06")
    prompts("cat", "dog", "cow")
    ended = batch("--queue", "--json")
    assert ended.code == 7, ended
    assert statuses(ended) == ["queued", "queued", "not_sent"]


def test_dry_run_says_both_prices(batch: Batch) -> None:
    prompts(*(f"cat {n}" for n in range(10)))
    assert "direct 0.60 CNY, queue 0.30 CNY" in batch("--dry-run").err


def test_models_without_a_queue(batch: Batch, sandbox: SandboxThread) -> None:
    prompts("cat")
    ended = batch("--queue", "-m", "cogview-3-flash")
    assert ended.code == 2, ended
    assert "--queue" in ended.err
    assert not ledger_column("id") if Path("../state/ledger.db").exists() else True


def test_in_the_sandbox_of_the_process(batch: Batch) -> None:
    prompts("cat", "dog")
    ended = batch("--queue", "--sandbox", "--json")
    assert ended.code == 0, ended
    assert statuses(ended) == ["saved", "saved"]


def test_small_queue(batch: Batch, sandbox: SandboxThread) -> None:
    sandbox._box._queue._limit = 3
    prompts(*(f"cat {n}" for n in range(10)))
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert once_each(sandbox)
    assert len(pictures()) == 10


def test_a_bad_line_is_named(batch: Batch, sandbox: SandboxThread, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from cogview_cli.api import batches

    whole = batches.request_line

    def line(key: str, body: dict[str, object]) -> bytes:
        made = whole(key, body)
        return made.replace(b'"POST"', b'"PUT"') if body["prompt"] == "dog" else made

    monkeypatch.setattr("cogview_cli.queue.sender.request_line", line)
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert statuses(ended) == ["not_sent", "failed"], ended
    assert ended.code == 75
    assert "p.txt:2" in ended.err
    assert not charges(sandbox)
    monkeypatch.setattr("cogview_cli.queue.sender.request_line", whole)
    assert batch(*WAIT).code == 0


@pytest.mark.parametrize(
    "fault", ["cut-createx1", "cut-uploadx1", "lost-lookx1", "look-503x1", "results-503x1"]
)
def test_what_passes(fault: str, batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.queue_fault(fault)
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert ended.code == 0, ended
    assert sandbox.books.queue.creates == 1
    assert once_each(sandbox)


def test_a_list_that_cannot_be_had_repeats_nothing(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost create, and nobody says whether there is a batch: nothing is created again."""
    monkeypatch.setattr("cogview_cli.queue.service.RETRY_BASE", 0.0)
    sandbox.queue_fault("lost-createx1")
    sandbox.queue_fault("lost-lookx12")
    prompts("cat")
    for _round in range(2):
        ended = batch("--queue", "--json")
        assert ended.code == 75, ended
        assert statuses(ended) == ["queued"]
        assert sandbox.books.queue.creates == 1
    for _round in range(3):
        ended = batch("--queue", "--wait", "--poll", "0.1")
        if ended.code == 0:
            break
    assert ended.code == 0, ended
    assert sandbox.books.queue.creates == 1
    assert once_each(sandbox)


def test_a_picture_host_that_fails_is_left_to_the_next_run(
    batch: Batch, sandbox: SandboxThread
) -> None:
    """Paid and not on disk: 6, and the vendor's files stay until it is."""
    prompts("cat", "dog sandbox:500-download")
    ended = batch(*WAIT)
    assert ended.code == 6, ended
    assert statuses(ended) == ["saved", "unsaved"]
    assert sandbox._box._queue.files


@pytest.mark.parametrize("fault", ["short-results", "late-output"])
def test_what_the_counts_tell_of_is_not_sent_again(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    """Results that are whole by all appearances: the batch's own counts know better."""
    sandbox.queue_fault(f"{fault}x9")
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert ended.code == 5, ended
    assert "unknown" in statuses(ended)
    again = batch(*WAIT)
    assert again.code == 5, again
    assert sandbox.books.queue.creates == 1
    sandbox.queue_fault(f"{fault}x0")
    assert batch(*WAIT).code == 0
    assert len(pictures()) == 2
    assert sandbox.books.queue.creates == 1
    assert once_each(sandbox)


ENDS_ODDLY = pytest.mark.parametrize("fault", ["ends-failed", "ends-cancelled"])


def let_go(sandbox: SandboxThread, *faults: str) -> None:
    for fault in faults:
        sandbox.queue_fault(f"{fault}x0")


@ENDS_ODDLY
def test_results_are_believed_before_an_end_that_counts_nothing(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    """One of two results is missing, and the end says that nothing was made."""
    sandbox.queue_fault(fault)
    sandbox.queue_fault("short-results")
    prompts("cat", "dog")
    ended = batch(*WAIT)
    assert ended.code == 5, ended
    assert sorted(statuses(ended)) == ["saved", "unknown"]
    assert batch(*WAIT).code == 5
    let_go(sandbox, "short-results")
    assert batch(*WAIT).code == 0
    assert sandbox.books.queue.creates == 1 and once_each(sandbox)


@ENDS_ODDLY
def test_what_an_earlier_look_collected_is_not_denied_by_the_end(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    """A picture came early; then the end has no more and counts nothing."""
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat sandbox:queue-early", "dog")
    batch("--queue")
    sandbox.skip(600)
    assert sorted(statuses(batch("--queue", "--json"))) == ["queued", "saved"]
    _ends_without_results(fault, "short-results", batch, sandbox)


@ENDS_ODDLY
def test_what_an_earlier_look_counted_is_not_denied_by_the_end(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat", "dog")
    batch("--queue")
    sandbox.skip(600)
    assert statuses(batch("--queue", "--json")) == ["queued", "queued"]
    _ends_without_results(fault, "late-output", batch, sandbox)


def _ends_without_results(fault: str, hidden: str, batch: Batch, sandbox: SandboxThread) -> None:
    sandbox.skip(LONG)
    sandbox.queue_fault(hidden)
    sandbox.queue_fault(fault)
    assert batch("--queue", "--json").code == 75  # it may be late
    for _round in range(2):
        ended = batch("--queue", "--json")
        assert ended.code == 5, ended
        assert set(statuses(ended)) <= {"skipped", "unknown", "saved"}
    let_go(sandbox, hidden, fault)
    assert batch("--queue").code == 0
    assert len(pictures()) == 2
    assert sandbox.books.queue.creates == 1 and once_each(sandbox)


def test_a_cancelled_batch_that_made_nothing_is_sent_again(
    batch: Batch, cogview: Run, sandbox: SandboxThread
) -> None:
    """Counts of 0 that nothing denies are believed."""
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat", "dog")
    batch("--queue")
    (record,) = lines(cogview("queue", "--json"))
    assert cogview("queue", "cancel", record["id"]).code == 0
    sandbox.skip(LONG)
    assert statuses(batch("--queue", "--json")) == ["queued", "queued"]
    sandbox.skip(LONG)
    assert batch("--queue").code == 0
    assert sandbox.books.queue.creates == 2 and once_each(sandbox)


@pytest.mark.parametrize("fault", ["short-resultsx1", "late-outputx1"])
def test_results_that_are_late_are_waited_for(
    fault: str, batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault(fault)
    prompts("cat", "dog")
    assert batch("--queue").code == 75
    sandbox.skip(LONG)
    first = batch("--queue", "--json")
    assert first.code == 75, first
    assert "queued" in statuses(first)
    assert batch("--queue").code == 0
    assert once_each(sandbox)


def test_results_that_the_vendor_has_thrown_away_are_unknown(
    batch: Batch, sandbox: SandboxThread, cogview: Run
) -> None:
    """Files are kept for 30 days: nobody can say any more which pictures were made."""
    prompts("cat", "dog")
    assert batch("--queue").code == 75
    sandbox.skip(LONG)
    sandbox.queue_fault("no-such-results")
    assert statuses(batch("--queue", "--json")) == ["queued", "queued"]  # it may be late
    for _round in range(2):
        ended = batch("--queue", "--json")
        assert ended.code == 5, ended
        assert statuses(ended) == ["unknown", "unknown"]
        assert "results of its batch" in ended.out
    assert cogview("queue", "list", "--json").out == ""
    assert sandbox.books.queue.creates == 1
    let_go(sandbox, "no-such-results")
    assert batch("--queue").code == 0
    assert len(pictures()) == 2 and once_each(sandbox)


def test_results_that_came_before_their_file_was_thrown_away_stay(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox._box._queue._latency = (1000.0, 1000.0)
    prompts("cat sandbox:queue-early", "dog")
    batch("--queue")
    sandbox.skip(600)
    assert sorted(statuses(batch("--queue", "--json"))) == ["queued", "saved"]
    sandbox.skip(LONG)
    sandbox.queue_fault("no-such-results")
    assert batch(*WAIT).code == 5
    assert statuses(batch("--queue", "--json")) == ["skipped", "unknown"]
    assert sandbox.books.queue.creates == 1


def test_unknown_until_the_vendor_knows_it_again(
    batch: Batch, sandbox: SandboxThread, cogview: Run
) -> None:
    sandbox.queue_fault("no-such-batchx1")
    prompts("cat", "dog")
    assert batch("--queue").code == 75
    sandbox.skip(LONG)
    assert batch("--queue").code == 5
    found = cogview("recover")
    assert found.code == 0, found
    assert len(pictures()) == 2
    assert batch("--queue").code == 0
    assert sandbox.books.queue.creates == 1
    assert not sandbox._box._queue.files


def test_a_page_that_is_not_the_vendors_says_nothing_of_a_batch(
    batch: Batch, sandbox: SandboxThread
) -> None:
    sandbox.queue_fault("html-404-batchx1")
    prompts("cat")
    assert batch("--queue").code == 75
    sandbox.skip(LONG)
    ended = batch("--queue", "--json")
    assert ended.code == 9, ended
    assert statuses(ended) == ["queued"]
    assert batch("--queue").code == 0
    assert once_each(sandbox)


def test_what_waits_counts_for_max_cost(batch: Batch, patient_sandbox: SandboxThread) -> None:
    """Whether it was put there by this run or by an earlier one, this one pays for it."""
    prompts("cat", "dog", "cow")
    limit = ("--queue", "--max-cost", "0.06", "--json")
    assert statuses(batch(*limit)) == ["queued", "queued", "not_sent"]
    again = batch(*limit)
    assert again.code == 7, again
    assert statuses(again) == ["queued", "queued", "not_sent"]
    patient_sandbox.skip(LONG)
    third = batch(*limit)
    assert third.code == 7, third
    assert statuses(third) == ["saved", "saved", "not_sent"]
    assert lines(third)[-1]["cost"] == "0.06"
    assert statuses(batch(*limit)) == ["skipped", "skipped", "queued"]


def test_what_waits_counts_for_max_cost_of_a_direct_run(
    batch: Batch, patient_sandbox: SandboxThread
) -> None:
    prompts("cat", "dog")
    batch("--queue")
    prompts("cat", "dog", "cow")
    ended = batch("--max-cost", "0.11", "--json")
    assert ended.code == 7, ended
    assert statuses(ended) == ["queued", "queued", "not_sent"]
    assert not patient_sandbox.books.posts


def test_what_never_came_to_the_vendor_does_not_wait_there(
    batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch, cogview: Run
) -> None:
    prompts("cat", "dog")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("COGVIEW_BASE_URL", "http://127.0.0.1:9/api/paas/v4")
        ended = batch("--queue", "--json")
    assert ended.code == 75, ended
    assert statuses(ended) == ["not_sent", "not_sent"]
    assert lines(ended)[-1]["cost_max"] == "0"
    assert ledger_column("state") == ["not_sent", "not_sent"]
    assert "nothing waits" in cogview("queue").err
    assert batch().code == 0
    assert once_each(sandbox)


@pytest.mark.parametrize(("fault", "words"), [("cut-results", "closed"), ("queue-full", "1302")])
def test_a_wait_that_goes_on_is_told_off_a_terminal(
    fault: str, words: str, batch: Batch, sandbox: SandboxThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far it is, what is in the way, and when it looks again; nothing with --quiet."""
    monkeypatch.setattr("cogview_cli.queue.service.RETRY_BASE", 0.0)
    monkeypatch.setattr("cogview_cli.batch.display.PLAIN_EVERY_SECONDS", 0.0)
    sandbox.queue_fault(f"{fault}x8")
    prompts("cat")
    ended = batch("--queue", "--wait", "--poll", "2")
    assert ended.code == 0, ended
    told = [line for line in ended.err.splitlines() if line.startswith("queue: ")]
    assert any(words in line and "next look in 0:02" in line for line in told), ended
    sandbox.queue_fault(f"{fault}x4")
    prompts("dog")
    assert "queue: " not in batch("--queue", "--wait", "--poll", "0.1", "--quiet").err


def test_results_that_are_always_cut_are_in_no_others_way(
    batch: Batch, sandbox: SandboxThread, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.queue.service.RETRY_BASE", 0.0)
    prompts("cat", "dog", "cow", "hen")
    batch("--queue", "--queue-size", "1")
    sandbox.skip(LONG)
    sandbox.queue_fault("cut-resultsx4")  # as often as a file is asked for in one look
    ended = batch("--queue", "--json")
    assert ended.code == 75, ended
    assert statuses(ended) == ["queued", "saved", "saved", "saved"]
    sandbox.queue_fault("cut-resultsx4")
    assert cogview("recover").code == 75
    assert cogview("recover").code == 0
    assert len(pictures()) == 4 and once_each(sandbox)


def test_recover_passes_over_results_that_are_always_cut(
    batch: Batch, sandbox: SandboxThread, cogview: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogview_cli.queue.service.RETRY_BASE", 0.0)
    prompts("cat", "dog", "cow")
    batch("--queue", "--queue-size", "1")
    sandbox.skip(LONG)
    sandbox.queue_fault("cut-resultsx4")
    assert cogview("recover").code == 75
    assert len(pictures()) == 2
