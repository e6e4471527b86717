"""An extractor learns records from records: heads by field, values looked for in the request, given whole or deferred whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.extractor import Extractor
from modicum.backends.specialist import load
from modicum.errors import NotEnoughDataError
from modicum.train import design, extract
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.train.marks import Place, cut_all, places_of_number, places_of_text
from modicum.types import Contract, Field, Sample
from modicum.workload import parts
from tests.train.orders import CONTRACT, as_samples, orders


@cache
def trained() -> Trained:
    samples = as_samples(orders(250))
    plan = design.design(samples, CONTRACT)
    return extract.fit(samples, plan, groups=range(len(samples)), max_size_bytes=1_000_000, seed=1)


@cache
def extractor() -> Extractor:
    found = load(in_memory(trained().files))
    assert isinstance(found, Extractor)
    return found


def test_each_field_gets_the_head_that_its_values_ask_for() -> None:
    plan = design.design(as_samples(orders(200)), CONTRACT)
    heads = {".".join(field.path): field.head for field in plan.fields}
    assert heads == {
        "kind": "closed",
        "customer.name": "span",
        "customer.city": "span",
        "quantity": "number",
        "express": "closed",
        "things.[]": "span",
    }
    assert plan.used_slots == ("user.0",)
    assert [(holder.path, holder.empty) for holder in plan.holders] == [(["customer"], "null")]
    assert len(plan.layers) == 1


def test_it_says_new_records_right_and_knows_where_it_may_be_wrong() -> None:
    rows = orders(200, seed=2)
    told = [(extractor().predict(sample.slots), sample.value) for sample in as_samples(rows)]
    right = [said.value == value for said, value in told]
    assert sum(right) >= 0.95 * len(right)
    assert all(parts.fits(CONTRACT, said.value) and 0 <= said.confidence <= 1 for said, _ in told)
    out_of_fold = trained().out_of_fold
    mean = sum(one.confidence for one in out_of_fold) / len(out_of_fold)
    assert mean == pytest.approx(trained().about["out_of_fold_agreement"], abs=0.03)


def test_the_same_samples_give_the_same_files_within_the_size() -> None:
    samples = as_samples(orders(60))
    plan = design.design(samples, CONTRACT)
    first, second = (extract.fit(samples, plan, groups=range(60), max_size_bytes=150_000, seed=3) for _ in range(2))
    assert first.files == second.files and sum(map(len, first.files.values())) <= 150_000
    assert first.labels == () and first.scores.shape == (60, 0) and len(first.out_of_fold) == 60


@given(st.lists(st.tuples(st.sampled_from(("user.0", "system.0", "other")), st.text(max_size=80)), max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_is_asked_the_record_is_valid(slots: list[tuple[str, str]]) -> None:
    said = extractor().predict(slots)
    assert parts.fits(CONTRACT, said.value) and 0 <= said.confidence <= 1
    assert said.value == parts.build({("all",): said.value}, {}).removeprefix('{"all":').removesuffix("}")
    assert extractor().predict_many([slots]) == [said]


def test_long_and_strange_texts_are_read_in_bounded_time() -> None:
    for text in ("7" * 50_000, "lamps and " * 20_000, "\ud800 send 3 lamps", "請送 5 盞燈", "\x00\n" * 5_000):
        assert parts.fits(CONTRACT, extractor().predict((("user.0", text),)).value)


def test_values_are_found_whatever_their_case_width_and_spacing() -> None:
    texts = cut_all((("user.0", "Dear  ANN\nMILLER, you owe ＄１,200.50 (or 1,200.5) and -3 for INV-07"),), ("user.0",))
    text = texts[0].text

    def said(place: object) -> str:
        assert isinstance(place, Place)
        pieces = texts[0].pieces
        return text[pieces[place.first].start : pieces[place.last].end]

    assert [said(one) for one in places_of_text(texts, "Ann Miller")] == ["ANN\nMILLER"]
    assert [said(one) for one in places_of_text(texts, "inv-07")] == ["INV-07"]
    assert [said(one) for one in places_of_number(texts, 1200.5)] == ["１,200.50", "1,200.5"]
    assert [said(one) for one in places_of_number(texts, -3)] == ["-3"]
    assert places_of_text(texts, "Mill") == places_of_text(texts, "") == places_of_number(texts, 200) == []


def test_overlapping_fields_get_a_tagger_each() -> None:
    contract = Contract(kind="object", fields=(Field(path=("all",), kind="span"), Field(path=("name",), kind="span")))
    rows = [(text, {"all": text, "name": told["customer"]["name"]}) for text, told in orders(300) if told["customer"]]
    plan = design.design(as_samples(rows), contract)
    assert sorted(plan.layers) == [(0,), (1,)]
    learnt = extract.fit(as_samples(rows), plan, groups=range(len(rows)), max_size_bytes=500_000, seed=1)
    assert learnt.about["out_of_fold_agreement"] >= 0.9


def test_what_stands_nowhere_cannot_be_copied() -> None:
    contract = Contract(kind="object", fields=(Field(path=("id",), kind="span"),))
    rows = [(text, {"id": f"made-up-{number}"}) for number, (text, _) in enumerate(orders(50))]
    with pytest.raises(NotEnoughDataError, match="'id'"):
        design.design(as_samples(rows), contract)


def test_a_value_that_is_missing_now_and_then_is_counted_and_teaches_nothing() -> None:
    rows = orders(200)
    for number in range(0, 200, 20):
        rows[number][1]["quantity"] = 7_000_000 + number
    plan = design.design(as_samples(rows), CONTRACT)
    assert plan.lost["quantity"] == pytest.approx(0.05)
    quantity = next(n for n, field in enumerate(plan.fields) if field.path == ["quantity"])
    assert sum(one is None for one in plan.marks[quantity]) == 10


def test_answers_that_were_not_read_teach_nothing() -> None:
    samples = as_samples(orders(80))
    unread = [Sample(**{name: getattr(one, name) for name in Sample.__slots__} | {"value": None}) for one in samples[:20]]
    plan = design.design([*unread, *samples[20:]], CONTRACT)
    learnt = extract.fit([*unread, *samples[20:]], plan, groups=range(80), max_size_bytes=300_000, seed=1)
    assert learnt.about["unreadable"] == 20 and len(learnt.out_of_fold) == 80
    with pytest.raises(NotEnoughDataError):
        extract.fit(samples[:10], design.design(samples[:10], CONTRACT), groups=range(10), max_size_bytes=300_000, seed=1)


def test_how_the_incumbent_spells_is_learnt() -> None:
    rows = [(text, {"city": told["customer"]["city"].upper()}) for text, told in orders(150) if told["customer"]]
    plan = design.design(as_samples(rows), Contract(kind="object", fields=(Field(path=("city",), kind="span"),)))
    assert plan.fields[0].spelling == "upper" and plan.fields[0].required
    learnt = extract.fit(as_samples(rows), plan, groups=range(len(rows)), max_size_bytes=300_000, seed=1)
    said = load(in_memory(learnt.files)).predict((("user.0", "Please send me 5 lamps, this is Ann Berg from Lisbon"),))
    assert json.loads(said.value) == {"city": "LISBON"}


def test_nested_records_and_lists_of_plain_values_are_taken_apart() -> None:
    fields = (
        Field(path=("a", "b", "things", "[]"), kind="span"),
        Field(path=("a", "b", "counts", "[]"), kind="number"),
        Field(path=("a", "tags", "[]"), kind="label", labels=("order", "return", "express")),
    )
    contract = Contract(kind="object", reader="json", fields=fields)

    def rows(seed: int) -> list[Sample]:
        found = []
        for text, told in orders(150, seed):
            inner = {"things": told["things"], "counts": [told["quantity"]]}
            found.append((text, {"a": {"b": inner, "tags": [told["kind"]] + (["express"] if told["express"] else [])}}))
        return as_samples(found)

    learnt = extract.fit(rows(1), design.design(rows(1), contract), groups=range(150), max_size_bytes=400_000, seed=1)
    specialist = load(in_memory(learnt.files))
    said = [(specialist.predict(one.slots).value, one.value) for one in rows(2)]
    assert all(parts.fits(contract, one) for one, _ in said)
    assert sum(one == value for one, value in said) >= 0.95 * len(said)


@pytest.mark.parametrize(
    ("paths", "make", "why"),
    [
        ((("items", "[]", "name"),), lambda told: {"items": [{"name": name} for name in told["things"]]}, "lists of records"),
        ((("rows", "[]", "[]"),), lambda told: {"rows": [[name] for name in told["things"]]}, "or of lists"),
        ((("[]",),), lambda told: told["things"], "lists, not records"),
        (
            (("c",), ("c", "name")),
            lambda told: {"c": told["things"][0] if told["express"] else {"name": told["things"][0]}},
            "'c' holds a plain",
        ),
        ((("c",), ("c", "[]")), lambda told: {"c": told["things"][0] if told["express"] else told["things"]}, "'c' holds a plain"),
    ],
)
def test_answers_that_cannot_be_taken_apart_are_refused_by_what_they_are(
    paths: tuple[tuple[str, ...], ...], make: Callable[[dict[str, Any]], Any], why: str
) -> None:
    contract = Contract(kind="object", reader="json", fields=tuple(Field(path=path, kind="span") for path in paths))
    samples = as_samples([(text, make(told)) for text, told in orders(100)])
    with pytest.raises(NotEnoughDataError, match=why):
        design.design(samples, contract)
