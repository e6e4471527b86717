"""Whichever log comes first, however often and in how many commands: the same calls in the end."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from modicum.admin.calls import line
from modicum.store import identity
from modicum.store.calls import Calls, Met
from modicum.store.meeting import FORMS, LIVE, Known, holds, known, known_of, lacks, together
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Usage, new_call_id

START = datetime(2026, 10, 1, 23, 59, 58, 500_000, tzinfo=UTC)
RESPONSE = "chatcmpl-0123456789abcdef"
names = st.sampled_from([None, "a", "b"])
counts = st.sampled_from([None, 0, 7, 9])


@st.composite
def partial(draw: st.DrawFn, form: str = "litellm", name: str = RESPONSE, late: timedelta = timedelta(0)) -> Call:
    """A record that tells some of a call, and perhaps otherwise than others do."""
    started_at = START + late + timedelta(milliseconds=draw(st.sampled_from([0, 1, 900, 3_000])))
    live = form == LIVE
    return Call(
        call_id=new_call_id() if live else identity.call_id(started_at, identity.of_response("default", name)),
        started_at=started_at,
        origin="live" if live else "import",
        source="http" if live else form,
        response_id=draw(st.sampled_from([None, RESPONSE])),
        request_model=draw(st.sampled_from([None, "gpt-4o", "openai/gpt-4o"])),
        response_model=draw(names),
        provider=draw(st.sampled_from([None, "openai", "azure"])),
        client_id=draw(names),
        user_id=draw(names),
        conversation_id=draw(names),
        tags=draw(st.sampled_from([(), ("b", "a"), ("c",)])),
        duration_ms=draw(st.sampled_from([None, 5.0, 6.0])),
        streamed=draw(st.booleans()),
        request=(bodies := draw(st.sampled_from([None, b'{"messages":[{"role":"user","content":"x"}]}', b'{"messages":[]}']))),
        response=None if bodies is None else draw(st.sampled_from([None, b'{"choices":[]}'])),
        status=draw(st.sampled_from([200, 200, 429])),
        usage=Usage(input_tokens=draw(counts), output_tokens=draw(counts), cache_read_tokens=draw(counts), estimated=draw(st.booleans())),
        cost_usd=draw(st.sampled_from([None, Decimal("0.001"), Decimal("0.002")])),
        service_tier=draw(st.sampled_from([None, "flex"])),
    )


records = st.lists(st.sampled_from([form for form in FORMS if form != LIVE]), min_size=2, max_size=4, unique=True).flatmap(
    lambda forms: st.tuples(*(partial(form, form) for form in forms))
)


def all_of(calls: Sequence[Call]) -> tuple[Call, Known]:
    found, told = calls[0], known_of(calls[0])
    for call in calls[1:]:
        found, told = together(found, call, told, known_of(call)), told + known_of(call)
    return found, told


@given(records)
def test_no_order_of_records_changes_the_call(calls: tuple[Call, ...]) -> None:
    expected, told = all_of(calls)
    for order in itertools.permutations(calls):
        assert all_of(order) == (expected, told)
        assert all_of((*order, order[0])) == (expected, told)
    assert not any(lacks(told, known_of(call)) for call in calls)


@given(partial(), partial(late=timedelta(seconds=1)))
def test_together_takes_no_sides(one: Call, other: Call) -> None:
    assert together(one, other) == together(other, one)
    assert together(one, one) == one


@given(partial())
def test_every_field_that_is_there_is_known(call: Call) -> None:
    assert len(known("litellm", holds(call)).fields) == 15
    empty = Call(call_id=call.call_id, started_at=call.started_at, source="litellm")
    assert lacks(known_of(empty), known_of(call)) == (
        together(empty, call) != together(empty, empty) and known_of(call).fields != known_of(empty).fields
    )


def met(call: Call, *also: str, near: Sequence[str] = ()) -> Met:
    def keys(listed: Sequence[str]) -> tuple[bytes, ...]:
        return tuple(identity.name("default", one) for one in listed)

    return Met(call=call, form=call.source, also=keys(also), near=keys(near))


@st.composite
def logs(draw: st.DrawFn) -> list[list[Met]]:
    """Three logs of two calls: each log knows each call by its own name, and two logs share one of the others."""
    found: list[list[Met]] = []
    for form, names in (
        ("litellm-spend", lambda n: (f"{RESPONSE}{n}", f"litellm-call-{n}")),
        ("langfuse", lambda n: (f"observation {n}", f"{RESPONSE}{n}", f"span {n}")),
        ("otlp", lambda n: (f"span {n}", f"litellm-call-{n}")),
    ):
        found.append([])
        for number in range(2):
            if draw(st.sampled_from([True, True, True, False])):
                own, *also = names(number)
                call = draw(partial(form, own, timedelta(minutes=5 * number)))
                found[-1].append(met(call, *also))
    return found


def brought(home: Path, commands: Sequence[Sequence[Sequence[Met]]]) -> tuple[list[bytes], list[object]]:
    """The lines of an export, and the spend, after these commands of these logs."""
    store = Calls(home)
    for command in commands:
        with store.supplements() as waiting:
            for log in command:
                store.add(log, supplements=waiting)
            waiting.join()
    return [line(call) for call in store.scan()], [(row.day, row.request_model, row.provider, row.cost_usd) for row in store.usage()]


@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(logs(), st.permutations(range(3)), st.booleans())
def test_no_order_of_imports_changes_what_is_stored(found: list[list[Met]], order: list[int], at_once: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected = brought(Path(folder) / "one", [found])
        turned = [found[number] for number in order]
        commands = [turned] if at_once else [[log] for log in turned]
        assert brought(Path(folder) / "two", [*commands, [turned[0]]]) == expected
        called = {(met.call.started_at - START) // timedelta(minutes=5) for log in found for met in log}
        assert len(expected[0]) == len(called)


def test_what_the_gateway_recorded_is_met_by_the_id_of_its_response(tmp_path: Path) -> None:
    recorded = [
        Call(
            call_id=new_call_id(),
            origin="live",
            source="http",
            response_id=f"{RESPONSE}{number}",
            started_at=START + late,
            request=b"{}",
            usage=Usage(input_tokens=5, output_tokens=1),
        )
        for number, late in enumerate([timedelta(0), timedelta(seconds=1), timedelta(days=-3)])
    ]
    told = [
        met(
            Call(
                call_id=identity.call_id(START + late, identity.of_response("default", f"{RESPONSE}{number}")),
                response_id=f"{RESPONSE}{number}",
                started_at=START + late,
                source="litellm-spend",
                client_id="support",
                usage=Usage(input_tokens=6, output_tokens=1),
                cost_usd=Decimal("0.5"),
            )
        )
        for number, late in enumerate([timedelta(seconds=3), timedelta(hours=-8), timedelta(0), timedelta(0)])
    ]
    for first_in in (True, False):
        home = tmp_path / str(first_in)
        store, writer = Calls(home), SegmentWriter(home)

        def record(writer: SegmentWriter = writer) -> None:
            for call in recorded:
                writer.append(call)

        if first_in:
            record()
            store.compact()
        with store.supplements() as waiting:
            assert store.add(told, supplements=waiting).added == 4
            if not first_in:
                record()
            waiting.join()
            assert waiting.met == 2
        calls = {call.call_id: call for call in store.scan()}
        # The third is three days off: another answer under the same id. The fourth the gateway has not seen.
        assert len(calls) == 5
        for call in recorded[:2]:
            one = calls[call.call_id]
            assert (one.origin, one.source, one.started_at) == ("live", "http+litellm-spend", call.started_at)
            assert (one.cost_usd, one.client_id) == (Decimal("0.5"), "support")
        assert calls[recorded[0].call_id].usage.input_tokens == 5  # our own count
        assert sum(row.cost_usd for row in store.usage()) == 2
        # The log again: nothing changes, and nothing is counted twice.
        with store.supplements() as waiting:
            assert store.add(told, supplements=waiting).known == 4
            assert (waiting.join(), waiting.met) == (0, 0)
        assert {call.call_id: call for call in store.scan()} == calls
        # Another log of the same calls goes to the same place; what is erased stays so under every name.
        assert store.erase(call_id=recorded[1].call_id) == 1
        assert store.add(told).erased == 1


def test_one_that_has_two_names_makes_one_of_two(tmp_path: Path) -> None:
    def one(form: str, name: str, *also: str, late: float = 0.0, **rest: object) -> Met:
        started_at = START + timedelta(seconds=late)
        who = identity.of_response("default", name)
        return met(Call(call_id=identity.call_id(started_at, who), started_at=started_at, source=form, **rest), *also)  # type: ignore[arg-type]

    def parts() -> list[Met]:
        return [
            one("langfuse", "observation", "call-1", request=b"{}", late=3),  # after midnight
            one("litellm-spend", RESPONSE, cost_usd=Decimal(1)),
            one("litellm", "own", "call-1", RESPONSE, tags=("a",), late=0.5),
        ]

    found = set()
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        listed = parts()
        commands = [[[listed[number]] for number in order], [[listed[order[0]]]]]
        lines, _ = brought(tmp_path / "".join(map(str, order)), commands)
        found.add(tuple(lines))
    assert len(found) == 1
    ((only,),) = found
    assert b'"source":"langfuse+litellm+litellm-spend"' in only and b'"started_at":"2026-10-01' in only


def test_an_id_that_a_workload_knows_stays(tmp_path: Path) -> None:
    def told(form: str, name: str, late: float) -> Met:
        started_at = START + timedelta(seconds=late)
        who = identity.of_response("default", name)
        return met(Call(call_id=identity.call_id(started_at, who), started_at=started_at, source=form), RESPONSE)

    for assigned in (True, False):
        store = Calls(tmp_path / str(assigned))
        later, earlier = told("langfuse", "o", 1), told("litellm", RESPONSE, 0)
        brought(store.home, [[[later]]])
        if assigned:
            store.assign([(later.call.call_id, "w", "v")])
        brought(store.home, [[[earlier]]])
        assert [call.call_id for call in store.scan()] == [(later if assigned else earlier).call.call_id]
        brought(store.home, [[[later, earlier]], [[earlier]]])
        assert len(list(store.scan())) == 1
