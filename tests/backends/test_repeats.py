"""The exact cache: what counts as the same request, what it knew when, and that it holds nothing that anybody wrote."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.artefact import Artefact
from modicum.backends.repeats import Repeats, key_of, text_of
from modicum.backends.specialist import SPECIALIST_FILE, load, predict_at
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.train.export import in_memory
from modicum.train.repeats import build, secret_of
from modicum.types import Sample

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = secret_of(b"k" * 32, "default", "w1")


def asked(text: str, value: str | None, day: float, number: int = 0) -> Sample:
    return Sample(
        call_id=f"c{day}-{number}",
        response_id=None,
        at=START + day * DAY,
        slots=(("message", text),),
        value=value,
        version_id="v1",
        incumbent="gpt",
    )


def cache(
    samples: list[Sample], *, labels: tuple[str, ...] = ("no", "yes"), horizon: timedelta = DAY, now: datetime | None = None
) -> Repeats:
    files, _ = build(samples, labels=labels, horizon_s=int(horizon.total_seconds()), secret=SECRET, max_size_bytes=1_000_000)
    return Repeats(in_memory(files), clock=(lambda: (now or max(s.at for s in samples)).timestamp()))


def slots(text: str) -> tuple[tuple[str, str], ...]:
    return (("message", text),)


def test_it_repeats_and_is_surer_the_more_often_it_was_told_the_same() -> None:
    one = cache([asked("is it open?", "yes", 0)])
    many = cache([asked("is it open?", "yes", day, 1) for day in range(6)])
    torn = cache([asked("is it open?", "no" if day == 2 else "yes", day) for day in range(6)])
    told = [c.predict(slots("is it open?")) for c in (one, torn, many)]
    assert [t.value for t in told] == ["yes"] * 3
    assert (
        told[0].confidence == pytest.approx(2 / 3)
        and told[1].confidence == pytest.approx(6 / 8)
        and told[2].confidence == pytest.approx(7 / 8)
    )
    assert (told[1].runner_up, told[1].runner_up_probability) == ("no", 1 / 8)


@pytest.mark.parametrize("other", ["is it open", "is it Open?", "is it  open?", "is it not open?", "is it open? 2"])
def test_only_the_very_same_request_is_the_same(other: str) -> None:
    assert cache([asked("is it open?", "yes", 0)]).predict(slots(other)).confidence == 0.0


def test_white_space_around_and_unicode_forms_do_not_matter_and_other_slots_do() -> None:
    one = cache([asked("caf\u00e9\r\nopen?", "yes", 0)])
    assert one.predict(slots(" cafe\u0301\nopen? ")).value == "yes"
    assert one.predict((*slots("caf\u00e9\nopen?"), ("day", "Monday"))).confidence == 0.0


def test_the_newest_answer_counts_and_an_unreadable_one_is_none() -> None:
    assert cache([asked("a", "yes", 0), asked("a", "no", 1)]).predict(slots("a")).value == "no"
    assert cache([asked("a", "yes", 0), asked("a", None, 1)]).predict(slots("a")).confidence == 0.0
    assert cache([asked("a", "yes", 0), asked("a", "unlisted", 1)]).predict(slots("a")).confidence == 0.0


def test_of_a_recorded_call_it_says_what_it_knew_a_horizon_before() -> None:
    samples = [asked("a", "yes", 0), asked("a", "no", 2), asked("a", "no", 4)]
    one = cache(samples, horizon=1.5 * DAY)
    assert one.predict_at(slots("a"), START + 1.4 * DAY).confidence == 0.0, "nothing was old enough"
    assert one.predict_at(slots("a"), START + 3 * DAY).value == "yes"
    assert one.predict_at(slots("a"), START + 4 * DAY).value == "no"
    assert one.predict_at(slots("a"), START + 4 * DAY).confidence == pytest.approx(2 / 4)
    assert predict_at(one, slots("a"), START + 3 * DAY).value == "yes"


def test_no_call_is_told_from_itself_or_from_anything_newer() -> None:
    samples = [asked("a", "yes" if day % 2 else "no", day) for day in range(20)]
    one = cache(samples)
    for sample in samples:
        known = [s.value for s in samples if s.at <= sample.at - DAY]
        assert one.predict_at(sample.slots, sample.at).value == (known[-1] if known else "no")


def test_past_its_horizon_it_answers_nothing() -> None:
    samples = [asked("a", "yes", 0), asked("b", "no", 3)]
    assert cache(samples, now=START + 3.9 * DAY).predict(slots("a")).value == "yes"
    assert cache(samples, now=START + 4.1 * DAY).predict(slots("a")).confidence == 0.0


def test_nothing_that_was_written_stands_in_it() -> None:
    written, answer = "my card 4111 was eaten by a dog in Ipoh", '{"name":"Ipoh","pet":"dog"}'
    files, about = build([asked(written, answer, 0)], labels=(), horizon_s=3600, secret=SECRET, max_size_bytes=100_000)
    whole = b"".join(files.values()) + msgspec.json.encode(about)
    assert not any(word.encode() in whole for word in ("card", "4111", "Ipoh", "dog"))
    one = Repeats(in_memory(files), clock=lambda: START.timestamp())
    assert one.predict(slots(written)).value == answer and one.labels == ()
    assert one.predict(slots("something else")).confidence == 0.0


def test_another_scope_hashes_otherwise() -> None:
    text = text_of(slots("hello"))
    keys = {key_of(secret_of(b"k" * 32, scope, workload), text) for scope in ("a", "b", "ab") for workload in ("w", "bw")}
    assert len(keys) == 6


def test_the_requests_asked_last_are_kept_where_room_is_short() -> None:
    samples = [asked(f"request {i}", "yes", i) for i in range(1000)]
    files, about = build(samples, labels=("yes",), horizon_s=86_400, secret=SECRET, max_size_bytes=20_000)
    assert sum(map(len, files.values())) <= 20_000 and 0 < about["requests"] < 1000
    one = Repeats(in_memory(files), clock=lambda: samples[-1].at.timestamp())
    assert one.predict(slots("request 999")).confidence > 0 and one.predict(slots("request 0")).confidence == 0.0


def test_the_same_samples_give_the_same_files() -> None:
    samples = [asked(f"request {i % 7}", "yes" if i % 2 else "no", i) for i in range(30)]
    options = {"labels": ("no", "yes"), "horizon_s": 60, "secret": SECRET, "max_size_bytes": 100_000}
    assert build(samples, **options) == build(samples[::-1], **options)  # type: ignore[arg-type]


def test_no_readable_answer_makes_no_cache() -> None:
    with pytest.raises(NotEnoughDataError):
        build([asked("a", None, 0)], labels=("yes",), horizon_s=60, secret=SECRET, max_size_bytes=100_000)


def test_it_loads_as_a_specialist_and_refuses_what_is_damaged() -> None:
    files, _ = build([asked("a", "yes", 0)], labels=("yes",), horizon_s=60, secret=SECRET, max_size_bytes=100_000)
    assert isinstance(load(in_memory(files)), Repeats)
    body = msgspec.json.decode(files[SPECIALIST_FILE])
    changes: tuple[dict[str, object], ...] = (
        {"secret": "zz"},
        {"secret": "00"},
        {"horizon_s": 0},
        {"newest_at": -1},
        {"labels": []},
        {"labels": ["a", "a"]},
        {"more": 1},
    )
    for change in changes:
        with pytest.raises(ArtefactError):
            load(in_memory(files | {SPECIALIST_FILE: msgspec.json.encode(body | change)}))


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=4))
def test_any_text_can_be_asked(request: list[tuple[str, str]]) -> None:
    told = FILLED.predict(request)
    assert 0.0 <= told.confidence < 1.0


@given(st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_sealed_answers_open_again(text: str, answer: str) -> None:
    sample = dataclasses.replace(asked(text, answer, 0))
    assert cache([sample], labels=()).predict(sample.slots).value == answer


@given(st.binary(max_size=300))
def test_noise_for_tables_is_refused(noise: bytes) -> None:
    files, _ = build([asked("a", "yes", 0)], labels=("yes",), horizon_s=60, secret=SECRET, max_size_bytes=100_000)
    with pytest.raises(ArtefactError):
        Repeats(Artefact(digest="d", about={}, files=files | {"entries.safetensors": noise}))


FILLED = cache([asked("a", "yes", 0), asked("b", "no", 1)])
