"""The night walk over records and tool calls: what is certified, under which names, and what a certificate does not hold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modicum.admin import fitting
from modicum.admin.operation import Desk
from modicum.config import Config, FitConfig, StoreConfig
from modicum.errors import InputError
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.verify import verify
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.deep import replay_evidence
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.outlines import OTHERWISE, outlined
from modicum.pipeline.switching import switch
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Contract, Field, Prediction, Verdict, Workload
from tests.pipeline import traffic
from tests.train.orders import CITIES, CONTRACT, FIRST, as_samples, orders

WISH = Wish(fit=FitConfig(margin=0.04, max_selective=0.08), actor="tester")
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}}
    for name in ("order", "return")
]


def records(count: int) -> Iterator[dict[str, Any]]:
    for number, (text, told) in enumerate(orders(count)):
        yield traffic.record(
            number, text, json.dumps(told), system="You read the letters of a furniture shop. Answer with one JSON record."
        )


def calls(count: int) -> Iterator[dict[str, Any]]:
    """A tool by the kind of an order, with its text and the city for arguments; every thirtieth gets an answer in words."""
    for number, (text, told) in enumerate(orders(count)):
        row = traffic.record(number, text, "Which order do you mean?", system="You read the letters of a furniture shop. Use the tools.")
        row["request"]["tools"] = TOOLS
        if number % 30:
            arguments = {"text": text} if told["kind"] == "order" else {"things": told["things"][0], "express": told["express"]}
            call = {"id": f"call_{number}", "type": "function", "function": {"name": told["kind"], "arguments": json.dumps(arguments)}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            row["response"]["choices"][0] |= {"message": message, "finish_reason": "tool_calls"}
        yield row


def fitted(folder: Path, rows: Iterator[dict[str, Any]], wish: Wish = WISH) -> tuple[Config, Workload, Verdict]:
    config = Config(store=StoreConfig(home=folder / "home"))
    bring_in(config, [traffic.write(folder / "log.jsonl", rows)], Options())
    find(config)
    (workload,) = Control(config.home).workloads()
    return config, workload, Night(config, wish).fit(workload)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Workload, Verdict]:
    return fitted(tmp_path_factory.mktemp("records"), records(800))


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Workload, Verdict]:
    return fitted(tmp_path_factory.mktemp("calls"), calls(800))


def test_records_are_certified_as_wholes(read: tuple[Config, Workload, Verdict]) -> None:
    _, workload, verdict = read
    certificate = verdict.certificate
    assert workload.contract.kind == "object" and not workload.contract.labels
    assert verdict.verdict == "certified" and certificate is not None and certificate.kind == "A"
    assert certificate.coverage > 0.5 and certificate.rate <= 0.04
    assert [tier.name for tier in verdict.tiers] == ["extractor"]


def test_its_certificate_holds_outlines_and_nothing_that_a_person_wrote(read: tuple[Config, Workload, Verdict]) -> None:
    config, _, verdict = read
    assert verdict.certificate is not None
    rows = {json.loads(row.label.removesuffix(OTHERWISE)).get("kind") for row in verdict.certificate.label_table if row.label[0] == "{"}
    assert rows == {"order", "return"}
    data = certificate_file(verdict.certificate, Control(config.home).evidence(verdict.certificate.certificate_id))
    assert not any(word.encode() in data for word in (*FIRST, *CITIES))
    assert verify(data).holds
    again = replay_evidence(config, data, verdict.certificate)
    assert again.holds and again.found == verdict.certificate.groups


def test_it_can_be_switched_on(read: tuple[Config, Workload, Verdict]) -> None:
    config, workload, _ = read
    assert switch(config, workload.name, "on", actor="ann").state == "on"


def test_tool_calls_are_certified_by_tool(called: tuple[Config, Workload, Verdict]) -> None:
    _, workload, verdict = called
    assert workload.contract.kind == "tool"
    assert {field.path for field in workload.contract.fields} == {("order", "text"), ("return", "things"), ("return", "express")}
    certificate = verdict.certificate
    assert verdict.verdict == "certified" and certificate is not None
    assert {row.label.removesuffix(OTHERWISE) for row in certificate.label_table} >= {"order", "return"}
    assert [tier.name for tier in verdict.tiers] == ["caller"]


def test_a_protected_value_of_a_record_always_goes_to_the_incumbent(tmp_path: Path) -> None:
    _, _, verdict = fitted(tmp_path, records(700), dataclasses.replace(WISH, protect=("return",)))
    certificate = verdict.certificate
    assert certificate is not None and certificate.rule.protected_labels
    assert all('"return"' in label for label in certificate.rule.protected_labels)
    assert all(row.answered == 0 for row in certificate.label_table if '"return"' in row.label)


def test_what_can_be_protected_is_what_an_outline_shows(
    read: tuple[Config, Workload, Verdict], called: tuple[Config, Workload, Verdict]
) -> None:
    def protects(contract: Contract, value: str) -> bool:
        return dataclasses.replace(WISH, protect=(value,)).protects(contract)

    record, tool = read[1].contract, called[1].contract
    for value in ("return", "kind=return", "express=true", '{"kind":"return"}', '{ "express": true, "kind": "order" }'):
        assert protects(record, value), value
    for value in ("refund", "return=kind", "kind", CITIES[0], '{"kind":"refund"}', '{"city":"Rome"}', "{}", "[1]", ""):
        assert not protects(record, value), value
    assert protects(tool, "order") and not protects(tool, "cancel")
    nested = Contract(kind="object", fields=(Field(path=("order", "kind"), kind="label", labels=("sale", "return")),))
    assert protects(nested, "return") and protects(nested, "order.kind=return") and protects(nested, '{"order.kind":"return"}')
    seen = ('{"order.kind":"return"}', '{"order.kind":"sale"}')
    for value in ("return", "order.kind=return", seen[0]):
        assert dataclasses.replace(WISH, protect=(value,)).protected_among(seen) == seen[:1], value


def test_fit_takes_a_value_of_a_record(read: tuple[Config, Workload, Verdict]) -> None:
    config, workload, _ = read
    desk = Desk(config=config, actor="tester")
    (planned,) = fitting.plan.does(desk, fitting.Fit(workloads=(workload.name,), protect=("kind=return",)))
    assert planned.calls == 800
    with pytest.raises(InputError, match="no workload has the label 'refund'"):
        fitting.plan.does(desk, fitting.Fit(workloads=(workload.name,), protect=("refund",)))


def test_answers_that_differ_in_what_is_copied_keep_differing() -> None:
    (sample,) = as_samples(orders(1))
    assert sample.value is not None
    other = json.loads(sample.value) | {"quantity": 1}
    told = Prediction(value=json.dumps(other, separators=(",", ":"), sort_keys=True), confidence=0.9)
    (known,), (said,) = outlined(CONTRACT, [sample], [told])
    assert known.value == said.value + OTHERWISE and said.confidence == 0.9
    (known,), (said,) = outlined(CONTRACT, [sample], [Prediction(value=sample.value, confidence=0.9)])
    assert known.value == said.value
    labels = Contract(kind="label", labels=("a",))
    assert outlined(labels, [sample], [told]) == ([sample], [told])
