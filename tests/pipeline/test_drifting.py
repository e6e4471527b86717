"""An artefact beside its canary, over calls that are newer than what it learnt from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from click.testing import CliRunner

from modicum.artefact import Artefacts
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.errors import NotEnoughDataError, NotFoundError
from modicum.intake import Options
from modicum.pipeline import drifting
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.provenance import describe
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train import chain, encoder, linear
from modicum.types import Sample, Workload
from tests.backends.tiny_encoder import HOW, tiny_files
from tests.pipeline import traffic

WORDS = sorted({word for words in traffic.SUBJECTS.values() for word in words} | set(traffic.FILLER))


@dataclass(frozen=True)
class House:
    """A home with a workload, and what was learnt from its older calls."""

    config: Config
    workload: Workload
    older: list[Sample]
    newer: int

    def keep(self, *, seed: int | None, kind: str = "encoder") -> str:
        """An artefact whose canary is an encoder of this seed; None: it has none."""
        artefacts = Artefacts(self.config.home / "artefacts")
        canary = artefacts.write(tiny_files(WORDS, seed=seed), {"precision": "fp32"}) if seed is not None else ""
        vectors = encoder.Vectors(files=tiny_files(WORDS), embedding=HOW, about={"base": "tiny"}, canary=canary)
        learnt = [one for one in self.older if one.value is not None]
        groups = list(range(len(learnt)))
        first = linear.fit(learnt, groups=groups, max_size_bytes=1_000_000, seed=1)
        made = encoder.fit(learnt, groups=groups, used_slots=first.used_slots, vectors=vectors, max_size_bytes=1_000_000, seed=1)
        if kind == "chain":
            made = chain.fit(first, made, learnt, max_size_bytes=2_000_000)
        about = describe(self.workload, self.older, made.about)
        return artefacts.write(made.files, about.said())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    config = Config(store=StoreConfig(home=folder / "home"))
    bring_in(config, [traffic.write(folder / "log.jsonl", [row for row, _ in traffic.sorted_messages(240)])], Options())
    find(config)
    control = Control(config.home)
    (workload,) = control.workloads()
    samples = gather(
        Calls(config.home), workload, recogniser_of(control, workload.scope), Catalogue(*priced(config)), Views.open(config)
    ).samples
    yield House(config=config, workload=workload, older=list(samples[:160]), newer=len(samples) - 160)


@pytest.mark.parametrize("kind", ["encoder", "chain"])
def test_the_same_in_full_says_the_same(house: House, kind: str) -> None:
    found = drifting.compare(house.config, house.keep(seed=1, kind=kind), most=1_000)
    assert found.drift.whole.requests == house.newer and found.drift.whole.agree == house.newer
    assert found.shown.word == "unclear" and found.shown.needs_requests is not None and found.shown.needs_requests > house.newer
    assert found.drift.beyond == "" and found.precision == "int8" and found.workload == house.workload.name


def test_what_is_not_shown_does_not_ring_and_says_what_is_missing(house: House) -> None:
    ran = CliRunner().invoke(cli, ["artefact", "drift", house.keep(seed=1), "--home", str(house.config.home)])
    said = " ".join(ran.output.split())
    assert ran.exit_code == 0 and "Not shown to be beyond what is allowed, nor within it (at 95%)" in said, ran.output
    assert "distinct requests that go on like these would show it" in said


def test_requests_that_are_alike_count_once(house: House) -> None:
    again = [dataclasses.replace(one, call_id=f"{one.call_id}-2", at=one.at + timedelta(seconds=1)) for one in house.older[:20]]
    found = drifting.distinct([*house.older[:20], *again])
    assert len(found) == len({one.slots for one in house.older[:20]}) and all(one.call_id.endswith("-2") for one in found)


def test_what_went_far_is_told_and_fails(house: House) -> None:
    digest = house.keep(seed=2)
    found = drifting.compare(house.config, digest, most=30)
    assert found.drift.whole.requests == 30 and "agrees with full precision" in found.drift.beyond
    ran = CliRunner().invoke(cli, ["artefact", "drift", digest, "--calls", "30", "--home", str(house.config.home)])
    assert ran.exit_code == 1 and "Beyond what is allowed, shown at 95%" in ran.output


def test_without_a_canary_there_is_nothing_to_compare(house: House) -> None:
    with pytest.raises(NotFoundError, match="canary"):
        drifting.compare(house.config, house.keep(seed=None), most=10)


def test_only_newer_calls_count(house: House) -> None:
    artefacts = Artefacts(house.config.home / "artefacts")
    digest = house.keep(seed=1)
    about = dict(artefacts.read(digest).about)
    about["training"] = {**about["training"], "last_at": "2100-01-01T00:00:00Z"}
    again = artefacts.write(dict(artefacts.read(digest).files), about)
    with pytest.raises(NotEnoughDataError, match="newer"):
        drifting.compare(house.config, again, most=10)
