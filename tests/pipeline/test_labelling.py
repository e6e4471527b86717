"""A person at a desk: what is asked, in which order, what is kept of it, and when a test may use it."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.config import FitConfig
from modicum.errors import InputError, NotFoundError
from modicum.evaluate.labels import Label
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.gone import left_behind
from modicum.pipeline.label_book import Book, mark_of
from modicum.pipeline.label_wants import ready
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.store import echoes
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.erase import silence
from tests.cli.labelling import Waiting, asking, waiting
from tests.pipeline import traffic

WISH = Wish(fit=FitConfig(margin=0.04, max_selective=0.08), actor="tester")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    return waiting(tmp_path_factory.mktemp("waiting"), WISH)


@pytest.fixture
def fitted(home: Waiting, tmp_path: Path) -> Waiting:
    return home.copied(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Waiting:
    return asking(tmp_path)


def found(here: Waiting, **options: bool) -> dict[str, Label]:
    return ready(here.config.home, Control(here.config.home), [here.workload], **options)


def test_calls_come_in_the_order_of_the_draw_until_all_are_labelled(here: Waiting) -> None:
    desk, asked = here.desk(), []
    wanted = [msgspec.json.decode(line)["id"] for line in here.requests.read_bytes().splitlines()]
    while (question := desk.next()) is not None:
        asked.append(question.id)
        desk.label(question.id, gold=here.gold[question.id])
    assert asked == wanted
    assert desk.standing().complete and desk.standing().left == 0


def test_a_plain_fit_goes_on_when_all_are_labelled_and_keeps_its_word(fitted: Waiting) -> None:
    desk = fitted.desk()
    for question in desk.questions:
        assert found(fitted) == {}, "a test that began in between would look with the rest as the worst case"
        desk.label(question.id, gold=fitted.gold[question.id])
    verdict = fitted.fit(dataclasses.replace(WISH, labels=found(fitted)))
    assert verdict.certificate is not None and verdict.certificate.kind == "B"
    assert found(fitted) == {}, "looked at once; they are spent"
    assert found(fitted, stands=True), "wfitted a certificate stands on them they may be shown again"
    assert fitted.fit(WISH) == verdict, "with nothing changed the last word stands"
    with pytest.raises(NotFoundError, match="tested with its labels"):
        fitted.desk()


def test_whoever_stops_early_says_so_and_the_rest_is_the_worst_case(fitted: Waiting) -> None:
    desk = fitted.desk()
    for question in desk.questions[: -(len(desk.questions) // 10)]:
        desk.label(question.id, gold=fitted.gold[question.id])
    assert desk.standing().enough and not desk.standing().complete and found(fitted) == {}
    assert len(found(fitted, partial=True)) == desk.standing().settled
    desk.close()
    assert len(found(fitted)) == desk.standing().settled
    early = fitted.fit(dataclasses.replace(WISH, labels=found(fitted)))
    assert early.certificate is not None and early.certificate.labels_used < len(desk.questions)


def test_one_more_label_opens_what_was_closed(here: Waiting) -> None:
    desk = here.desk()
    desk.close()
    assert desk.standing().closed
    desk.skip(desk.questions[0].id)
    assert not desk.standing().closed


def test_a_right_answer_of_a_file_is_one_of_the_labels_or_nothing_is_taken(here: Waiting) -> None:
    desk = here.desk()
    first, second, *_ = desk.questions
    with pytest.raises(InputError, match="none of the labels"):
        desk.take([(first.id, Label(gold="lost")), (second.id, Label(gold="lots"))])  # would make both answers equally wrong
    assert desk.standing().settled == 0
    assert desk.take([(first.id, Label(gold=" LOST "))]) == 1 and desk.said(first.id) == Label(gold="lost")


def test_undo_goes_back_call_by_call_over_sessions(here: Waiting) -> None:
    first, second, *_ = here.desk().questions
    here.desk().label(first.id, verdict="a")
    here.desk().label(second.id, verdict="b")
    here.desk().label(first.id, verdict="neither")
    assert here.desk("bob").undo() is None, "that is another person's word"
    assert [here.desk().undo(), here.desk().undo(), here.desk().undo()] == [first, second, None]
    assert here.desk().standing().settled == 0 and here.desk().next() == first


def test_what_was_skipped_comes_last_and_goes_round(here: Waiting) -> None:
    desk = here.desk()
    for question in desk.questions:
        desk.skip(question.id)
    first = desk.next()
    assert first == desk.questions[0] and desk.next(after=first.id) == desk.questions[1]
    assert desk.next(after=desk.questions[-1].id) == first
    assert desk.standing().skipped == desk.standing().left == len(desk.questions)


def test_two_people_share_the_work_or_do_it_twice(here: Waiting) -> None:
    ann, bob = here.desk("ann"), here.desk("bob")
    first, second, third, *_ = ann.questions
    ann.label(first.id, verdict="a")
    assert bob.next() == second, "not what has a label"
    twice = here.desk("bob", again=True)
    assert twice.next() == first and twice.said(first.id) is None, "blind to what the other said"
    ann.label(second.id, verdict="a")
    twice.label(first.id, verdict="a")
    twice.label(second.id, verdict="b")
    standing = ann.standing()
    assert (standing.settled, standing.conflicts, standing.people) == (1, 1, (("ann", 2), ("bob", 2)))
    (pair,) = standing.agreements
    assert (pair.first, pair.second, pair.both, pair.agree) == ("ann", "bob", 2, 1)
    eve = here.desk("eve")
    assert eve.next() == second, "who can settle it is asked"
    eve.label(second.id, verdict="b")
    assert (ann.standing().settled, ann.standing().conflicts) == (2, 0) and eve.next() == third


def test_a_label_must_be_one(here: Waiting) -> None:
    desk = here.desk()
    with pytest.raises(InputError, match="none of the labels"):
        desk.label(desk.questions[0].id, gold="refund")
    with pytest.raises(NotFoundError):
        desk.label("chatcmpl-elsewhere", verdict="a")
    with pytest.raises(InputError, match="name"):
        here.desk("\x1b[2J")
    with pytest.raises(NotFoundError):
        desk.take([(desk.questions[0].id, Label(verdict="a")), ("chatcmpl-elsewhere", Label(verdict="a"))])
    assert desk.standing().settled == 0, "all of a file, or nothing"


def test_killed_at_any_moment_it_loses_nothing_that_was_said(here: Waiting) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom modicum.evaluate.labels import Label\n"
        "from modicum.pipeline.label_book import Book, mark_of\nbook = Book(Path(sys.argv[1]), sys.argv[2])\n"
        "for n in range(10**6):\n"
        "    book.add([mark_of(Label(verdict='a'), attempt_id='att', by='ann', name=str(n))])\n    print(n, flush=True)\n"
    )
    home, workload = here.config.home, here.workload.workload_id
    process = subprocess.Popen([sys.executable, "-c", script, str(home), workload], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    assert len(Book(home, workload).marks()) >= len([line for line in said if line.strip()]) >= 25


def test_a_torn_line_spoils_no_other(here: Waiting) -> None:
    book = Book(here.config.home, here.workload.workload_id)
    one = mark_of(Label(gold="lost"), attempt_id="att", by="ann", name="1")
    book.add([one])
    with book.path.open("ab") as file:
        file.write(msgspec.json.encode(one)[:20])
    book.add([one])
    assert Book(here.config.home, here.workload.workload_id).marks() == [one, one]
    assert book.path.stat().st_mode & 0o077 == 0


def test_erasing_a_call_erases_what_was_said_of_it(fitted: Waiting) -> None:
    desk = fitted.desk()
    first, second, *_ = desk.questions
    desk.label(first.id, verdict="a")
    desk.label(second.id, gold=fitted.gold[second.id])
    Calls(fitted.config.home).erase(call_id=first.id)
    assert first.id not in desk.book.path.read_text()
    after = fitted.desk()
    assert len(after.questions) == len(desk.questions) - 1 and after.standing().settled == 1


def without_a_word(here: Waiting) -> str:
    """Erase a word that the model knows, as an erasure of the only calls that say it does; the digest of the model that went with it."""
    home, digest = here.config.home, here.desk().attempt.artefact_digest
    (manifest,) = (home / "artefacts" / "manifests").glob(f"{digest.removeprefix('sha256:')}*")
    known = {word for file in (home / "artefacts" / "blobs").iterdir() for word in echoes.words(file.read_text("utf-8", "replace"))}
    word = next(word for word in sorted(known & set(traffic.FILLER)))
    models, _ = silence(home, Control(home), {word}, "tester")
    assert digest in models and not manifest.exists()
    return digest


def test_labels_for_a_model_that_was_erased_meanwhile_certify_nothing_and_say_so(fitted: Waiting) -> None:
    desk = fitted.desk()
    for question in desk.questions:
        desk.label(question.id, gold=fitted.gold[question.id])
    digest = without_a_word(fitted)
    labels = found(fitted)
    assert len(labels) == len(desk.questions)
    wish = dataclasses.replace(WISH, labels=labels)
    verdict = fitted.fit(wish)
    control = Control(fitted.config.home)
    assert (verdict.verdict, verdict.route, control.routes(), control.certificates()) == ("refused", None, [], [])
    assert f"{len(labels)} labels are of no use any more: the model that attempt 1 declared ({digest[:19]}) is gone" in verdict.notes[0]
    assert "newer calls" in verdict.notes[0] and f"`modicum fit {fitted.workload.name}`" in verdict.notes[0]
    assert control.looked_with(desk.attempt.attempt_id) is None, "they were not consulted, and nothing is spent"
    assert "test B" not in Night(fitted.config, wish).foresee(fitted.workload).would
    assert fitted.fit(wish).notes == verdict.notes, "whoever asks again is told again"


def test_nobody_is_asked_for_labels_of_a_model_that_is_gone(fitted: Waiting) -> None:
    without_a_word(fitted)
    with pytest.raises(NotFoundError, match="labels would prove nothing any more: the model that attempt 1 declared .* is gone") as caught:
        fitted.desk()
    assert caught.value.hint is not None and f"`modicum fit {fitted.workload.name}`" in caught.value.hint
    verdict = fitted.fit(WISH)
    assert (verdict.code, verdict.needs_labels, verdict.request_file) == ("model_gone", None, None)
    assert "newer calls are needed for another" in verdict.reason


def test_newer_calls_carry_another_model_and_the_old_labels_are_no_more_spoken_of(fitted: Waiting, tmp_path: Path) -> None:
    desk = fitted.desk()
    desk.take([(question.id, Label(gold=fitted.gold[question.id])) for question in desk.questions])
    old, config = found(fitted), fitted.config
    without_a_word(fitted)
    rows = list(traffic.sorted_messages(900, seed=2, first=900))
    bring_in(config, [traffic.write(tmp_path / "more.jsonl", [row for row, _ in rows])], Options())
    find(config)
    verdict = fitted.fit(dataclasses.replace(WISH, labels=old))
    assert verdict.certificate is not None and verdict.certificate.attempt_number == 2
    assert "of no use any more" in verdict.notes[0]
    assert fitted.fit(dataclasses.replace(WISH, labels=old)).notes == ()


def test_labels_that_were_tested_do_not_keep_newer_calls_from_another_attempt(fitted: Waiting, tmp_path: Path) -> None:
    desk, config = fitted.desk(), fitted.config
    desk.take([(question.id, Label(gold=fitted.gold[question.id])) for question in desk.questions])
    wish = dataclasses.replace(WISH, labels=found(fitted))
    first = fitted.fit(wish)
    assert first.certificate is not None and first.certificate.attempt_number == 1
    assert fitted.fit(wish) == first, "nothing is newer"
    assert Night(config, wish).foresee(fitted.workload).would == "answer from the record: certified"
    few = list(traffic.sorted_messages(20, seed=2, wrong=0.2, first=900))
    bring_in(config, [traffic.write(tmp_path / "few.jsonl", [row for row, _ in few])], Options())
    find(config)
    assert fitted.fit(wish).certificate == first.certificate, "too few to open another window"
    more = list(traffic.sorted_messages(900, seed=3, wrong=0.2, first=920))
    bring_in(config, [traffic.write(tmp_path / "more.jsonl", [row for row, _ in more])], Options())
    find(config)
    second = fitted.fit(wish)
    assert second.attempt_id not in (None, first.attempt_id)
    assert [one.number for one in Control(config.home).attempts(fitted.workload.workload_id)] == [1, 2]
    assert second.needs_labels and not any(question.id in found(fitted) for question in fitted.desk().questions)


def test_of_a_model_that_was_tried_it_is_said_with_the_trial(fitted: Waiting) -> None:
    control, desk = Control(fitted.config.home), fitted.desk()
    window = control.window(desk.attempt.attempt_id)
    assert window is not None
    tried = dataclasses.replace(desk.attempt, attempt_id="try-1", fingerprint="try-1", number=2)
    control.add_attempt(tried, [])
    control.keep_window("try-1", window)
    labels = {question.id: Label(verdict="a") for question in desk.questions[:1]}
    here = fitted.config.home, control, fitted.workload, labels
    assert left_behind(*here, trials=True) == "", "the model is there"
    without_a_word(fitted)
    assert left_behind(*here, trials=True).startswith("1 label is of no use any more: the model that attempt 2 declared (sha256:")
    assert "`modicum try` tests it anew" in left_behind(*here, trials=True)
    assert "attempt 1 declared" in left_behind(*here)
    assert control.look_with("try-1", "d") and left_behind(*here, trials=True) == "", "they were tested before it went"


def test_labels_are_not_lost_in_silence_where_too_many_other_calls_were_erased(fitted: Waiting) -> None:
    desk = fitted.desk()
    erased = len(desk.questions) // 4
    for question in desk.questions[:erased]:
        Calls(fitted.config.home).erase(call_id=question.id)
    desk = fitted.desk()
    for question in desk.questions:
        assert fitted.desk().standing().complete is False
        desk.label(question.id, gold=fitted.gold[question.id])
    wish = dataclasses.replace(WISH, labels=found(fitted))
    (note,) = fitted.fit(wish).notes
    assert f"{len(desk.questions)} labels are not tested: of the calls that attempt 1 asked about {erased} have none and are erased" in note
    assert f"`modicum fit {fitted.workload.name} --partial`" in note
    tested = fitted.fit(dataclasses.replace(wish, partial=True))
    assert (tested.attempt_id, tested.notes) == (desk.attempt.attempt_id, ())
    assert Control(fitted.config.home).looked_with(desk.attempt.attempt_id) is not None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_book(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    folder = tmp_path_factory.mktemp("book")
    book = Book(folder, "w")
    book.path.parent.mkdir(parents=True)
    book.path.write_bytes(body)
    before = len(book.marks())
    book.add([mark_of(Label(verdict="both"), attempt_id="att", by="ann", name="1")])
    assert len(book.marks()) == before + 1 and book.marks()[-1].label == Label(verdict="both")
