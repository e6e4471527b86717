"""Records that are made quickly are what they were: frozen, equal by value, told by name."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from modicum.types import Call, Decision, Usage, but, new_call_id, quick


def test_a_quick_record_is_a_frozen_dataclass() -> None:
    usage = Usage(input_tokens=3, output_tokens=4)
    assert type(usage) is Usage and usage.cache_read_tokens is None and not usage.estimated
    assert usage == Usage(output_tokens=4, input_tokens=3) != Usage(input_tokens=3)
    assert hash(usage) == hash(copy.copy(usage)) and pickle.loads(pickle.dumps(usage)) == usage
    assert repr(usage).startswith("Usage(input_tokens=3, output_tokens=4, cache_read_tokens=None")
    assert dataclasses.replace(usage, input_tokens=5).input_tokens == 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        usage.input_tokens = 4  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        usage.other = 4  # type: ignore[attr-defined]
    assert usage.input_tokens == 3


def test_a_copy_with_other_values_is_what_replace_makes() -> None:
    usage = Usage(input_tokens=3, output_tokens=4)
    changed = but(usage, input_tokens=5, estimated=True)
    assert changed == dataclasses.replace(usage, input_tokens=5, estimated=True) and type(changed) is Usage
    assert usage == Usage(input_tokens=3, output_tokens=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.input_tokens = 4  # type: ignore[misc]
    with pytest.raises(AttributeError):
        but(usage, nope=1)


def test_its_fields_are_asked_for_by_name() -> None:
    with pytest.raises(TypeError, match="answered_by"):
        Decision(reason="control")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nope"):
        Usage(nope=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Usage(1)  # type: ignore[call-arg]


def test_it_is_read_and_written_as_before() -> None:
    call = Call(call_id=new_call_id(), started_at=datetime.now(UTC), usage=Usage(input_tokens=1), deployments=("a/b",))
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call
    assert [field.name for field in dataclasses.fields(call)][:2] == ["call_id", "response_id"]


def test_what_is_not_simple_is_refused() -> None:
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class Listed:
        rows: list[int] = dataclasses.field(default_factory=list)

    with pytest.raises(TypeError, match="simple"):
        quick(Listed)


def test_ids_are_uuids_of_version_7_and_sort_by_time() -> None:
    ids = [new_call_id() for _ in range(1000)]
    found = [uuid.UUID(one) for one in ids]
    assert {(one.version, one.variant) for one in found} == {(7, uuid.RFC_4122)} and [str(one) for one in found] == ids
    assert len(set(ids)) == 1000 and [one[:13] for one in ids] == sorted(one[:13] for one in ids)
    assert abs((found[0].int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 60
