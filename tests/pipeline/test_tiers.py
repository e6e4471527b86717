"""Candidates in order of size: when a larger one is tried, which one is tested, and that an encoder goes the whole way."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from modicum.artefact import Artefacts
from modicum.backends.chain import Chain
from modicum.backends.encoder import Encoder
from modicum.backends.linear import Linear
from modicum.backends.specialist import load
from modicum.config import Config, FitConfig, StoreConfig
from modicum.errors import InputError, MissingExtraError
from modicum.intake import Options
from modicum.pipeline import encoders, tiers
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.tiers import Candidate, Wanted
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.train import encoder_graph
from modicum.train.linear import Trained
from modicum.types import Tier, TierName
from tests.backends.tiny_encoder import HOW, WIDTH, tiny_files
from tests.pipeline import traffic
from tests.pipeline.plans import plan
from tests.train.test_encoder import VECTORS, samples


def candidate(name: TierName, coverage: float, *, ms: float = 1.0, why: str = "") -> Candidate:
    trained = Trained(files={}, about={}, used_slots=(), out_of_fold=(), labels=(), scores=np.zeros((0, 0), np.float32))
    tier = Tier(name=name, size_bytes=1, cpu_ms=ms, agreement=coverage, coverage=coverage, why=why)
    return Candidate(trained=trained, plan=plan(coverage), tier=tier)


SMALL, MIDDLE, LARGE = candidate("linear", 0.60, ms=0.1), candidate("encoder", 0.61, ms=2.0), candidate("chain", 0.75, ms=0.9)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Wanted(usd_month=Decimal(1000)), LARGE),  # $150 more a month
        (Wanted(usd_month=Decimal(50)), SMALL),  # $7.50 more a month
        (Wanted(usd_month=Decimal(50), worth_usd=Decimal(5)), LARGE),
        (Wanted(), LARGE),  # no price: 15 points more of all requests
        (Wanted(usd_month=Decimal(50), objective="cheapest"), LARGE),
        (Wanted(usd_month=Decimal(1000), objective="fastest"), SMALL),
    ],
)
def test_which_one_is_tested(wanted: Wanted, chosen: Candidate) -> None:
    assert tiers.choose([SMALL, MIDDLE, LARGE], wanted) is chosen


def test_what_is_no_larger_needs_no_worth() -> None:
    taught = candidate("taught linear", 0.605, ms=0.11)
    assert tiers.choose([SMALL, taught, MIDDLE], Wanted(usd_month=Decimal(1))) is taught
    assert tiers.choose([taught, candidate("linear", 0.605)], Wanted(usd_month=Decimal(1))) is taught
    slow = candidate("taught linear", 0.605, ms=9.0)
    assert tiers.choose([SMALL, slow], Wanted(usd_month=Decimal(1))) is SMALL


def test_what_could_not_pass_is_not_chosen() -> None:
    barred = candidate("linear", 0.0, why="would probably not pass")
    assert tiers.choose([barred, MIDDLE], Wanted(usd_month=Decimal(1))) is MIDDLE
    assert tiers.choose([barred], Wanted()) is barred
    assert [tier.chosen for tier in tiers.told([barred, MIDDLE], MIDDLE)] == [False, True]


def test_a_larger_one_is_tried_only_where_that_may_pay() -> None:
    some = samples(120)

    def tried(coverage: float, usd: str) -> list[str]:
        found = tiers.train(
            some,
            groups=list(range(len(some))),
            choice=None,
            vectors=lambda: VECTORS,
            wanted=Wanted(usd_month=Decimal(usd)),
            plan=lambda trained: plan(coverage),
            seed=1,
            progress=lambda share: None,
        )
        return [one.tier.name for one in found.candidates]

    assert tried(0.95, "100") == ["linear"]
    assert tried(0.50, "100") == ["linear", "taught linear", "encoder", "chain", "neighbours"]


def test_limits_are_said() -> None:
    some = samples(120)
    wanted = Wanted(max_latency_ms=1e-9)
    options = {"groups": list(range(len(some))), "choice": None, "vectors": None, "seed": 1, "progress": lambda share: None}
    (slow, _) = tiers.train(some, wanted=wanted, plan=lambda trained: plan(0.9), **options).candidates  # type: ignore[arg-type]
    assert "at most 1e-09" in slow.tier.why
    strict = Wanted(min_quality=1.0)
    (poor, _) = tiers.train(some, wanted=strict, plan=lambda trained: plan(0.9), **options).candidates  # type: ignore[arg-type]
    assert poor.tier.why.startswith("agrees on") or poor.tier.agreement == 1.0


def test_what_cannot_be_made_is_said_with_its_reason() -> None:
    some = samples(120)

    def tried(wanted: Wanted) -> tiers.Tried:
        return tiers.train(
            some,
            groups=list(range(len(some))),
            choice=None,
            vectors=lambda: VECTORS,
            wanted=wanted,
            plan=lambda trained: plan(0.5),
            seed=1,
            progress=lambda share: None,
        )

    small = tried(Wanted(max_encoder_bytes=1_000))
    assert [one.tier.name for one in small.candidates] == ["linear", "taught linear"]
    assert [one.name for one in small.left_out] == ["encoder", "neighbours"]
    why = small.left_out[0].why
    assert why.startswith("not made: the encoder has") and "1,000 are allowed" in why and "raise [fit] max_encoder_bytes" in why
    (size,) = (one.tier.size_bytes or 0 for one in tried(Wanted()).candidates if one.tier.name == "encoder")
    (chained,) = [one for one in tried(Wanted(max_encoder_bytes=size)).left_out if one.name == "chain"]
    assert "the chain has" in chained.why, "the encoder alone fits"
    assert "raise [fit] max_size_bytes" in small.left_out[1].why
    table = tiers.told(small.candidates, small.candidates[0], small.left_out)
    assert [tier.name for tier in table if tier.chosen] == ["linear"]
    assert table[-2:] == small.left_out, "what was not made stands last, and is never what is tested"
    assert b'"size_bytes":null' in msgspec.json.encode(table[-1]), "unknown, not 0"


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder's folder; its export is the tiny one, so that no torch is needed."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH, "model_type": "tiny"}))
    (folder / "model.safetensors").write_bytes(save({"words": np.zeros((2, WIDTH), np.float32)}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def exported(folder: Path, home: Path) -> None:
    """What `open_encoder` keeps of an encoder once it was exported."""
    words = sorted({word for words in traffic.SUBJECTS.values() for word in words} | set(traffic.FILLER))
    base = encoder_graph.find(folder)
    digest = Artefacts(home / "artefacts").write(tiny_files(words), base.about())
    note = home / "encoders" / f"{base.weights_sha256}-int8-{encoders.EXPORT_VERSION}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_bytes(msgspec.json.encode({"digest": digest, "full": digest, "embedding": msgspec.to_builtins(HOW)}))


def test_an_encoder_goes_from_log_to_proposed_route(tmp_path: Path, encoder_folder: Path) -> None:
    fit = FitConfig(margin=0.04, max_selective=0.08, encoder=encoder_folder)
    config = Config(store=StoreConfig(home=tmp_path / "home"), fit=fit)
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(700)])], Options())
    find(config)
    exported(encoder_folder, config.home)
    (workload,) = Control(config.home).workloads()
    limited = dataclasses.replace(fit, worth_usd_month=0.0)
    verdict = Night(config, Wish(fit=limited, actor="tester")).fit(workload)
    assert {tier.name for tier in verdict.tiers} == {"linear", "taught linear", "encoder", "chain", "neighbours"} and sum(
        tier.chosen for tier in verdict.tiers
    ) == 1
    assert verdict.verdict == "certified" and verdict.route is not None
    artefact = Artefacts(config.home / "artefacts").read(verdict.route.artefact_digest)
    wanted = {"linear": Linear, "taught linear": Linear, "encoder": Encoder, "chain": Chain, "neighbours": object}[
        next(tier.name for tier in verdict.tiers if tier.chosen)
    ]
    assert isinstance(load(artefact), wanted)
    again = Night(config, Wish(fit=limited, actor="tester")).fit(workload)
    assert again == verdict
    (encoder_folder / "model.safetensors").write_bytes(save({"words": np.ones((2, WIDTH), np.float32)}))
    exported(encoder_folder, config.home)
    other = Night(config, Wish(fit=limited, actor="tester"))
    assert "end of the newest opened window" in other.foresee(workload).would, "other weights are another fit, and want newer calls"


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"), fit=FitConfig(encoder=tmp_path))
    with pytest.raises(InputError, match=r"config\.json"):
        Night(config, Wish(fit=config.fit))


@pytest.mark.skipif(find_spec("torch") is not None, reason="nothing is missed where torch is")
def test_what_exporting_takes_is_missed_before_anything_is_trained(tmp_path: Path, encoder_folder: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"), fit=FitConfig(encoder=encoder_folder))
    with pytest.raises(MissingExtraError, match="encoder-train"):
        Night(config, Wish(fit=config.fit))
    exported(encoder_folder, config.home)
    Night(config, Wish(fit=config.fit))
