"""Prometheus's text: read as its own client reads it, and refused where it is none."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from modicum.errors import InputError
from modicum.wire.prometheus import samples

VALUES = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(st.tuples(VALUES, VALUES), st.floats(allow_nan=False), max_size=8))
def test_what_prometheus_client_writes_is_read_back(rows: dict[tuple[str, str], float]) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("a_gauge", "An about\nof two lines.", ("one", "two"), registry=registry)
    spread = Histogram("a_histogram", "x", registry=registry)
    for (one, two), value in rows.items():
        gauge.labels(one, two).set(value)
        spread.observe(abs(value))
    body = generate_latest(registry)
    wanted: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            wanted.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    found = samples(body)
    assert {name: len(found[name]) for name in found} == {name: len(wanted[name]) for name in wanted}
    assert found.get("a_gauge", {}) == {tuple(sorted({"one": one, "two": two}.items())): value for (one, two), value in rows.items()}


@pytest.mark.parametrize(
    ("line", "value"), [("a 1", 1), ("a{} +Inf", math.inf), ('a{b="c",} 1e3 1700000000000', 1000), ("a -0.5", -0.5), ("a\t.5 ", 0.5)]
)
def test_the_forms_of_a_value(line: str, value: float) -> None:
    assert list(samples(line.encode())["a"].values()) == [value]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", b"a", b"a{b=c} 1", b'a{b="c} 1', b'a{b="c"', b"a 1 2 3", b"a x", b"\xff", b'a{b="c" d="e"} 1', b'{"error":{}}',
        b'a{b="' + b"x" * 30_000 + b'"} 1', b"a 1" * 6_000_000,
    ],
)  # fmt: skip
def test_what_is_no_scrape_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        samples(body)


@given(st.one_of(st.binary(max_size=200), st.text(string.printable, max_size=200).map(str.encode)))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        found = samples(body)
    except InputError:
        return
    assert all(isinstance(value, float) for by_labels in found.values() for value in by_labels.values())
