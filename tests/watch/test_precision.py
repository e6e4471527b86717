"""Fewer bits that say what full precision says are left alone; those that do not are told of, and what is not there is said once."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from modicum.artefact import Artefacts, about_of
from modicum.backends.linear import WEIGHTS_FILE
from modicum.config import Config
from modicum.pipeline import drifting
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, Route, Workload, new_call_id
from modicum.watch import precision
from modicum.watch.learn import Learning, read
from modicum.watch.looked import AGAIN, EVERY
from modicum.watch.precision import MOST, Held
from tests.backends.tiny_encoder import HOW, tiny_files
from tests.pipeline.test_drifting import WORDS
from tests.watch.test_requests import come, copied, known_of, on, usual

__all__ = ["copied", "on"]
NOW = datetime.now(UTC)


def with_artefact(config: Config, digest: str) -> tuple[Control, Workload, Route]:
    control, workload, route = known_of(config)
    control.put_route(dataclasses.replace(route, artefact_digest=digest))
    return known_of(config)


def encoded(config: Config, *, seed: int | None) -> str:
    """An encoder specialist over the home's calls, whose full precision is an encoder of this seed (1: the same; None: there is none)."""
    from modicum.train import encoder
    from modicum.watch import sampled

    control, workload, route = known_of(config)
    window = sampled.window_of(control, route)
    assert window is not None
    learnt = sampled.read(config, control, workload, route, [one.call_id for one in window.samples])
    artefacts = Artefacts(config.home / "artefacts")
    canary = artefacts.write(tiny_files(WORDS, seed=seed), {"precision": "fp32"}) if seed is not None else ""
    vectors = encoder.Vectors(files=tiny_files(WORDS), embedding=HOW, about={"base": "tiny"}, canary=canary)
    names = tuple(name for name, _ in learnt[0].slots)
    made = encoder.fit(learnt, groups=range(len(learnt)), used_slots=names, vectors=vectors, max_size_bytes=1_000_000, seed=1)
    settings = {**made.about, "precision": "int8"}
    return artefacts.write(made.files, {"settings": settings})


def look(config: Config, known: Held, later: timedelta = timedelta()) -> tuple[Held, str, str]:
    control, workload, route = known_of(config)
    return precision.look(config, control, workload, route, known, NOW + later)


def test_a_linear_specialist_in_few_bits_says_what_it_says_in_more(copied: Config) -> None:
    control, _, route = known_of(copied)
    artefacts = Artefacts(copied.home / "artefacts")
    artefact = artefacts.read(route.artefact_digest)
    settings = about_of(artefact.about).settings
    assert settings["precision"] == "int8" and drifting.canary_of(settings)
    whole = artefacts.read(drifting.canary_of(settings))
    assert len(whole.files[WEIGHTS_FILE]) > len(artefact.files[WEIGHTS_FILE])
    assert artefacts.learnt_from(whole.digest) == artefacts.learnt_from(artefact.digest), "who is erased is erased from both"
    come(copied, usual(MOST + 100, first=1_000))
    known, warning, remark = look(copied, Held())
    assert (warning, remark) == ("", "") and (known.looks, known.at) == (1, NOW)
    assert look(copied, known, EVERY) == (known.waits(NOW + EVERY), "", ""), "no call is looked at twice"
    by_hand = drifting.compare(copied, route.route_id, most=60)
    assert (by_hand.precision, by_hand.drift.beyond, by_hand.drift.whole.requests) == ("int8", "", 60)
    assert control.route(route.route_id).state == "on"


def test_few_bits_that_went_far_are_told_of_with_an_interval_and_once_a_week(copied: Config) -> None:
    with_artefact(copied, encoded(copied, seed=2))
    come(copied, usual(200, first=1_000))
    known, warning, remark = look(copied, Held())
    assert remark == "" and "in int8 it agrees with full precision on " in warning and "95 %: " in warning and "98.0% were asked" in warning
    for first, later, told in ((2_000, timedelta(days=1), False), (3_000, AGAIN, True)):
        come(copied, usual(100, first=first))
        known, warning, _ = look(copied, known, later)
        assert bool(warning) == told
    assert known.looks == 3


def test_an_encoder_that_says_the_same_is_left_alone(copied: Config) -> None:
    with_artefact(copied, encoded(copied, seed=1))
    come(copied, usual(200, first=1_000))
    known, warning, remark = look(copied, Held())
    assert (warning, remark, known.looks) == ("", "", 1)


@pytest.mark.parametrize("gone", ["never kept", "erased"])
def test_what_is_not_there_is_said_once(copied: Config, gone: str) -> None:
    digest = encoded(copied, seed=None if gone == "never kept" else 1)
    with_artefact(copied, digest)
    if gone == "erased":
        artefacts = Artefacts(copied.home / "artefacts")
        canary = drifting.canary_of(about_of(artefacts.read(digest).about).settings)
        for path in artefacts.root.rglob(f"*{canary.removeprefix('sha256:')}*"):
            path.unlink()
    come(copied, usual(200, first=1_000))
    said: list[str] = []
    for _ in range(2):
        assert Learning(copied, said.append).run(["labels came"], find=False)
    (remark,) = [one for one in said if "full precision" in one]
    assert "int8 is not compared with full precision" in remark
    assert not [one for one in Control(copied.home).notices() if one.kind == "warning"]
    (held,) = read(Control(copied.home))[0].precision.values()
    assert held.lacks and held.looks == 0


def test_answers_of_ours_are_compared_too(copied: Config) -> None:
    _, workload, route = known_of(copied)
    writer = SegmentWriter(copied.home)
    for row in usual(80, first=1_000):
        decision = Decision(
            answered_by="modicum/sorts",
            reason="answered",
            workload_id=workload.workload_id,
            version_id=workload.versions[0].version_id,
            route_id=route.route_id,
        )
        writer.append(
            Call(
                call_id=new_call_id(),
                response_id=row["response"]["id"],
                started_at=NOW,
                origin="live",
                request_model="gpt-4o",
                response_model="modicum/sorts",
                request=msgspec.json.encode(row["request"]),
                response=msgspec.json.encode(row["response"]),
                decision=decision,
            )
        )
    writer.close()
    known, warning, _ = look(copied, Held())
    assert (warning, known.looks) == ("", 1) and known.until == NOW
    assert sum(1 for call in Calls(copied.home).scan() if call.origin == "live") == 80
