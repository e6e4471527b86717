"""An encoder reads beside extractors and tool callers: heads over its vectors, joined with what features say, one pass a request."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from modicum.backends.caller import Caller
from modicum.backends.choice import CHOICES_FILE
from modicum.backends.embed import GRAPH_FILE
from modicum.backends.extractor import TAGS_FILE, Extractor
from modicum.backends.ladder import Ladder
from modicum.backends.pieces import cut
from modicum.backends.specialist import SPECIALIST_FILE, Specialist, load
from modicum.backends.tokens import Reader
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.pipeline import tiers
from modicum.train import call, design, extract, frozen, grades, ladder
from modicum.train.drift import Tolerance, in_full
from modicum.train.encoder import Vectors
from modicum.train.export import in_memory
from modicum.train.joining import Part
from modicum.train.linear import Trained
from modicum.train.reading import Subject, Taught, draw
from modicum.types import Contract, Field, Sample
from modicum.workload import parts
from tests.backends.tiny_encoder import HOW, tiny_files
from tests.train import test_call
from tests.train.orders import CITIES, CONTRACT, FIRST, LAST, THINGS, as_samples, orders

WORDS = [
    w.lower() for w in (*FIRST, *LAST, *CITIES, *THINGS)
] + "please send me i want to back my name is this from in as fast you can thanks and".split()


@cache
def encoder() -> dict[str, bytes]:
    return tiny_files(WORDS)


@cache
def learnt() -> extract.Learnt:
    samples = as_samples(orders(200))
    plan = design.design(samples, CONTRACT)
    return extract.learn(samples, plan, groups=range(len(samples)), max_size_bytes=600_000, seed=1)


def taught(of: extract.Learnt | call.Learnt) -> Taught:
    return frozen.teach(encoder(), HOW, {"base": "tiny"}, of.samples, of.subject(), groups=of.groups, reads=of.reads, seed=1)


@cache
def read() -> Trained:
    return extract.assemble(learnt(), Part.whole(taught(learnt()), len(learnt().samples)))


def share_right(specialist: Specialist, samples: Sequence[Sample]) -> float:
    return float(np.mean([specialist.predict(one.slots).value == one.value for one in samples]))


def test_each_piece_gets_the_mean_of_its_tokens_and_the_middle_of_a_long_text_none() -> None:
    reader = Reader(in_memory(encoder()), HOW, ("a", "b"))
    alone = {word: Reader(in_memory(encoder()), HOW, ("a",)).see((("a", word),)).pieces["a"][0] for word in ("lamps", "berg", "unheard")}
    seen = reader.see((("b", "Berg, unheard"), ("a", "lamps")))
    assert list(seen.pieces) == ["a", "b"]
    assert np.array_equal(seen.pieces["a"][0], alone["lamps"])
    assert np.array_equal(seen.pieces["b"][[0, 2]], np.stack([alone["berg"], alone["unheard"]]))
    assert np.isclose(np.linalg.norm(seen.whole), 1)
    long = " ".join(["berg"] * 30 + ["lamps"] * 3_000)
    spread = reader.see((("a", long),)).pieces["a"]
    assert len(spread) == len(cut(long))
    # "a", ":" and 30 tokens of the head, 32 of the tail; the pieces between were not read
    assert (np.abs(spread).sum(axis=1) > 0).sum() == HOW.max_tokens - 2
    assert np.array_equal(spread[-1], alone["lamps"]) and np.array_equal(spread[0], alone["berg"])
    assert reader.see((("a", ""),)).pieces == {}


def test_a_record_with_an_encoder_is_valid_honest_and_the_same_again() -> None:
    specialist = load(in_memory(read().files))
    assert isinstance(specialist, Extractor) and specialist.heavy
    fresh = as_samples(orders(120, seed=2))
    assert share_right(specialist, fresh) >= 0.9
    assert all(parts.fits(CONTRACT, specialist.predict(one.slots).value) for one in fresh)
    assert specialist.predict_many([one.slots for one in fresh[:20]]) == [specialist.predict(one.slots) for one in fresh[:20]]
    sure = np.mean([one.confidence for one in read().out_of_fold])
    right = np.mean([one.value == sample.value for one, sample in zip(read().out_of_fold, learnt().samples, strict=True)])
    assert abs(sure - right) < 0.05
    assert read().about["base"] == "tiny" and len(read().about["shares"]) == 1
    again = extract.assemble(learnt(), Part.whole(taught(learnt()), len(learnt().samples)))
    assert again.files == read().files and again.out_of_fold == read().out_of_fold
    assert learnt().samples and extract.assemble(learnt()).files.keys() < again.files.keys()


def test_it_counts_what_tells() -> None:
    """Where the words are all unknown to the encoder it says nothing of a piece, and what features say is left as it was."""
    blind = frozen.teach(
        tiny_files(["nothing"]), HOW, {}, learnt().samples, learnt().subject(), groups=learnt().groups, reads=learnt().reads, seed=1
    )
    samples = learnt().samples
    alone, both = extract.assemble(learnt()), extract.assemble(learnt(), Part.whole(blind, len(samples)))
    same = np.mean([a.value == b.value for a, b in zip(alone.out_of_fold, both.out_of_fold, strict=True)])
    assert same >= 0.97


def test_broken_files_are_refused() -> None:
    files = read().files
    body = msgspec.json.decode(files[SPECIALIST_FILE])
    for name, change in (
        (SPECIALIST_FILE, msgspec.json.encode(body | {"reads": []})),
        (SPECIALIST_FILE, msgspec.json.encode(body | {"embedding": body["embedding"] | {"width": 17}})),
        (GRAPH_FILE, b"no graph"),
        (CHOICES_FILE, save_tensors({n: t * np.float32("nan") for n, t in load_tensors(files[CHOICES_FILE]).items()})),
        (TAGS_FILE, save_tensors({n: t + np.float32("inf") if n == "dense-0" else t for n, t in load_tensors(files[TAGS_FILE]).items()})),
        (TAGS_FILE, save_tensors({n: t for n, t in load_tensors(files[TAGS_FILE]).items() if n != "dense-0"})),
    ):
        with pytest.raises(ArtefactError):
            load(in_memory(files | {name: change}))
    with pytest.raises(ArtefactError):
        load(in_memory({name: data for name, data in files.items() if name != GRAPH_FILE}))
    with pytest.raises(NotEnoughDataError, match="max_encoder_bytes"):
        extract.assemble(learnt(), Part.whole(taught(learnt()), len(learnt().samples)), max_size_bytes=50_000)


def test_a_tool_caller_reads_once_for_all_of_its_tools() -> None:
    samples = test_call.samples(300)
    called = call.learn(samples, test_call.CONTRACT, groups=range(len(samples)), max_size_bytes=1_000_000, seed=1)
    trained = call.assemble(called, taught(called))
    assert sum(name.endswith(GRAPH_FILE) for name in trained.files) == 1
    specialist = load(in_memory(trained.files))
    assert isinstance(specialist, Caller)
    fresh = [one for one in test_call.samples(150, seed=2) if one.value is not None and one.value.startswith("{")]
    assert share_right(specialist, fresh) >= 0.85
    known = {head.name for head in called.tools}
    assert known == {"order", "return", "status"}
    for one in fresh:
        said = json.loads(specialist.predict(one.slots).value)
        assert said["name"] in known | {""}
    body = msgspec.json.decode(trained.files["tool-0-" + SPECIALIST_FILE])
    for change in ({"reads": ["user.0", "another"]}, {"embedding": body["embedding"] | {"prefix": "query: "}}):
        with pytest.raises(ArtefactError, match="another encoder"):
            load(in_memory(trained.files | {"tool-0-" + SPECIALIST_FILE: msgspec.json.encode(body | change)}))
    alone = call.assemble(called)
    assert json.loads(alone.files[SPECIALIST_FILE])["embedding"] is None


def test_a_record_of_lists_alone_is_read_too() -> None:
    """Nothing is marked: the encoder's mean vector tells, of two slots under their names."""
    rows = [(text, {"kind": told["kind"], "fast": told["express"]}) for text, told in orders(150)]
    samples = [
        Sample(
            **{name: getattr(one, name) for name in Sample.__slots__}
            | {"slots": (("a", one.slots[1][1][:20]), ("b", one.slots[1][1][20:]))}
        )
        for one in as_samples(rows)
    ]
    contract = Contract(
        kind="object",
        reader="json",
        fields=(Field(path=("kind",), kind="label", labels=("order", "return")), Field(path=("fast",), kind="boolean")),
    )
    own = extract.learn(samples, design.design(samples, contract), groups=range(150), max_size_bytes=400_000, seed=1)
    assert set(own.reads) == {"a", "b"}
    trained = extract.assemble(own, Part.whole(taught(own), 150))
    specialist = load(in_memory(trained.files))
    assert share_right(specialist, samples) >= 0.95 and trained.about["shares"] == []
    assert parts.fits(contract, specialist.predict(()).value)


def test_a_ladder_asks_the_second_where_the_first_is_not_sure() -> None:
    samples = learnt().samples
    first = extract.assemble(learnt())
    trained = ladder.fit(first, read(), samples, max_size_bytes=10_000_000)
    specialist = load(in_memory(trained.files))
    assert isinstance(specialist, Ladder)
    above = trained.about["pass_above"]
    alone, both = load(in_memory(first.files)), load(in_memory(read().files))
    for one in as_samples(orders(60, seed=3)):
        told = alone.predict(one.slots)
        assert specialist.predict(one.slots) == (told if told.confidence >= above else both.predict(one.slots))
    with pytest.raises(NotEnoughDataError):
        ladder.fit(first, read(), samples, max_size_bytes=100)
    body = {"kind": "ladder", "pass_above": 2.0}
    with pytest.raises(ArtefactError, match="passing above"):
        load(in_memory(trained.files | {SPECIALIST_FILE: msgspec.json.encode(body)}))
    nested = {f"first-{name}": data for name, data in trained.files.items()} | {
        f"second-{name}": data for name, data in trained.files.items()
    }
    with pytest.raises(ArtefactError, match="neither"):
        load(in_memory(nested | {SPECIALIST_FILE: trained.files[SPECIALIST_FILE]}))


def test_where_an_encoder_is_named_both_are_candidates() -> None:
    samples = as_samples(orders(120))
    vectors = Vectors(files=encoder(), embedding=HOW, about={})
    seen: list[float] = []

    def tried(max_encoder_bytes: int) -> list[str]:
        """With what could not be made in brackets."""
        wanted = tiers.Wanted(max_size_bytes=400_000, max_encoder_bytes=max_encoder_bytes)
        found = tiers.train_open(
            samples,
            CONTRACT,
            groups=range(120),
            wanted=wanted,
            plan=lambda trained: None,
            seed=1,
            progress=seen.append,
            vectors=lambda: vectors,
        )
        assert all((one.tier.agreement or 0) > 0.7 for one in found.candidates)
        return [*(one.tier.name for one in found.candidates), *(f"({one.name})" for one in found.left_out)]

    assert tried(4_000_000) == ["extractor", "encoder extractor", "extractor chain"]
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] <= 1
    assert tried(10_000) == ["extractor", "(encoder extractor)"]


def test_no_more_is_read_than_there_is_time_for_and_groups_stay_whole() -> None:
    groups = [0, 0, 1, 1, 2, 2]
    assert draw([5] * 6, groups, 100, 1) == list(range(6))
    few = draw([5] * 6, groups, 21, 1)
    assert len(few) == 4 and all(row in few for row, group in enumerate(groups) if group in {groups[at] for at in few})
    with pytest.raises(NotEnoughDataError):
        frozen.teach(encoder(), HOW, {}, (), Subject(layers=(), tags=(), values=(), said=()), groups=(), reads=(), seed=1)


def test_an_encoder_that_drifts_keeps_more_bits_and_names_its_canary() -> None:
    """What int8 is said to be stands for int8: here another encoder's graph is, so nothing but full precision says the same."""
    own = learnt()
    full = encoder()[GRAPH_FILE]
    strange = {**encoder(), GRAPH_FILE: tiny_files(WORDS, seed=9)[GRAPH_FILE]}
    asked: list[str] = []

    def taught_in(grade: str, leave: Sequence[str], files: dict[str, bytes] = strange) -> Taught:
        asked.append(grade)
        graded = files if grade == "int8" else encoder()
        about = {"base": "tiny", "precision": grade}
        return frozen.teach(graded, HOW, about, own.samples, own.subject(), groups=own.groups, reads=own.reads, seed=1, full=full)

    def settled(taught_in: Callable[[str, Sequence[str]], Taught]) -> Trained:
        whole = len(own.samples)
        return grades.settle(
            taught_in, lambda one: extract.assemble(own, Part.whole(one, whole)), own.samples, Tolerance(), canary=lambda one: "sha256:full"
        )

    trained = settled(taught_in)
    assert asked == ["int8", "mixed"] and trained.about["precision"] == "mixed" and "left_in_float32" in trained.about
    assert trained.about["canary"] == "sha256:full" and trained.about["drift_agreement"] == 1.0 and trained.about["drift_loss"] == 0.0
    asked.clear()
    good = settled(lambda grade, leave: taught_in(grade, leave, encoder()))
    assert asked == ["int8"] and good.about["precision"] == "int8" and good.files == read().files
    assert [one["by"] for one in good.about["drift"]] == ["all"] and good.about["drift"][0]["requests"] >= len(own.samples)
    both = ladder.fit(extract.assemble(own), good, own.samples, max_size_bytes=10_000_000)
    assert both.about["canary"] == "sha256:full" and both.about["precision"] == "int8"
    for one in (good, both):
        whole = load(in_full(in_memory(one.files), in_memory({GRAPH_FILE: full})))
        few = [sample.slots for sample in own.samples[:20]]
        assert whole.predict_many(few) == load(in_memory(one.files)).predict_many(few), "the canary's graph finds its place"


def test_a_tool_callers_encoder_is_compared_call_by_call() -> None:
    samples = test_call.samples(300)
    called = call.learn(samples, test_call.CONTRACT, groups=range(len(samples)), max_size_bytes=1_000_000, seed=1)
    same = replace(taught(called), full=encoder()[GRAPH_FILE], fold_full=(encoder()[GRAPH_FILE],) * frozen.FOLDS)
    trained = call.assemble(called, same)
    assert trained.exact == dict(enumerate(trained.out_of_fold)), "the same graph says the same, of every sample"
    other = tiny_files(WORDS, seed=9)[GRAPH_FILE]
    moved = call.assemble(called, replace(same, full=other, fold_full=(other,) * frozen.FOLDS))
    assert moved.out_of_fold == trained.out_of_fold and moved.exact != trained.exact


def test_a_record_is_compared_field_by_field_and_a_call_part_by_part() -> None:
    sample = dataclasses.replace(learnt().samples[0], value='{"city":"Ulm","seats":2}')
    city, seats, pet = grades.decisions(sample, "text", '{"city":"Ulm","seats":2}', '{"city":"Bonn","seats":2,"pet":true}')
    assert (city.full, city.small, city.sample.value) == ('{"city":"Ulm"}', '{"city":"Bonn"}', '{"city":"Ulm"}')
    assert seats.full == seats.small == seats.sample.value == '{"seats":2}'
    assert (pet.full, pet.small, pet.sample.value) == ("{}", '{"pet":true}', "{}")
    called = list(grades.decisions(sample, "text", '{"name":"book","arguments":{"at":"9"}}', '{"name":"none","arguments":{}}'))
    assert [(one.full, one.small) for one in called[:2]] == [('{"name":"book"}', '{"name":"none"}'), ('{"arguments.at":"9"}', "{}")]
    (number,) = grades.decisions(dataclasses.replace(sample, value=None), "text", "3", "4")
    assert (number.full, number.small, number.sample.value) == ("3", "4", None)
