"""What an adapter learns from, what stands on record of it, and that nothing it learnt from ever certifies it."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.artefact import About, Artefacts, Training
from modicum.backends.adapter import Probed, Round, Way, commands
from modicum.errors import ArtefactError, ConfigError, NotEnoughDataError, NotFoundError
from modicum.pipeline.adapters import find_adapter, learnt_pairs, learnt_until, make, training_pairs
from modicum.store.control import Control
from modicum.train.adapter import Recipe
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer
from tests.pipeline.test_trying import filled, only, planned, settings, tried


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("parcels"), [row for row, _ in traffic.sorted_messages(240)])


def kept(home: Path, name: str, until: datetime, workload: str = "shop") -> str:
    """An adapter's artefact as `make` writes it, without its weights."""
    about = About(workload=workload, trainer="lora", training=Training(calls=1, digest="", last_at=until), settings={"adapter": name})
    body = msgspec.json.encode({"kind": "adapter", "name": name, "base": "b"})
    return Artefacts(home / "artefacts").write({"specialist.json": body}, about.said())


def test_it_learns_from_old_calls_as_they_are_seen(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
    learnt, pairs = training_pairs(config, only(config))
    assert len(learnt) == len(pairs) > 100 and [s.call_id for s in learnt] == [p.call_id for p in pairs]
    assert [one["role"] for one in pairs[0].messages] == ["system", "user"] and pairs[0].messages[0]["content"] == traffic.SYSTEM
    assert {pair.answer for pair in pairs} <= set(only(config).contract.labels)
    errand = planned(config)
    assert errand.opening is not None and errand.opening.ends > max(s.at for s in learnt), "the newest calls are not among them"
    assert len(training_pairs(config, only(config), most=10)[1]) == 10


def test_what_was_opened_is_learnt_before_newer_calls_come(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
        before, _ = training_pairs(config, only(config))
        tried(config)
    (attempt,) = Control(config.home).attempts(only(config).workload_id, (s.call_id for s in before))
    learnt, _ = training_pairs(config, only(config))
    assert len(learnt) > len(before) and max(s.at for s in learnt) <= attempt.window_to


def test_a_probe_asks_what_was_learnt(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
    old, pairs = training_pairs(config, only(config))
    about = About(workload="shop", trainer="lora", settings={"adapter": "shop-1"})
    body = msgspec.json.encode({"kind": "adapter", "name": "shop-1", "base": "b"})
    artefacts = Artefacts(config.home / "artefacts")
    digest = artefacts.write({"specialist.json": body}, about.said(), learnt_from=[s.call_id for s in old[:20]])
    assert learnt_pairs(config, only(config), digest, most=5)[1] == pairs[15:20]
    elsewhere = kept(config.home, "shop-2", max(s.at for s in old))
    assert learnt_pairs(config, only(config), elsewhere, most=5)[1] == pairs[-5:]
    gone = artefacts.write(
        {"specialist.json": body}, about.said() | {"workload": "gone"}, learnt_from=["0198c0de-0000-7000-8000-000000000000"]
    )
    with pytest.raises(NotEnoughDataError, match="none of the 1 calls"):
        learnt_pairs(config, only(config), gone, most=5)


def test_what_it_learnt_from_never_certifies_it(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
    learnt, _ = training_pairs(config, only(config))
    until = max(s.at for s in learnt)
    before = planned(config, "own/shop-0123456789ab").opening
    assert before is not None and before.starts < until, "another model learns nothing, so more calls certify it"
    kept(config.home, "other-0123456789ab", until, workload="other")
    unknown = planned(config, "own/mine").opening
    assert unknown is not None and unknown.starts == before.starts, "what was learnt for another workload is nothing to it"
    digest = kept(config.home, "shop-0123456789ab", until, workload=only(config).name)
    for served in ("own/shop-0123456789ab", "own/qwen:shop-0123456789ab"):
        opening = planned(config, served).opening
        assert opening is not None and opening.starts > until
        assert not {s.call_id for s in learnt} & {s.call_id for s in opening.window.samples}
    alias = planned(config, "own/mine").opening
    assert alias is not None and alias.starts > until, "it may be the adapter under another name"
    assert find_adapter(config.home, "shop-0123456789ab") == (digest, only(config).name)
    artefacts = Artefacts(config.home / "artefacts")
    assert learnt_until(artefacts, "shop") is None
    kept(config.home, "shop-fedcba987654", until + timedelta(hours=1), workload=only(config).name)
    assert learnt_until(artefacts, "shop-0123456789ab") == until + timedelta(hours=1), "a server may still hold the other one"
    assert learnt_until(artefacts, "other-0123456789ab") == until
    with pytest.raises(NotFoundError, match="no adapter 'other'") as missing:
        find_adapter(config.home, "other")
    assert missing.value.hint == "here: other-0123456789ab, shop-0123456789ab, shop-fedcba987654"


def test_nobody_trains_one_whose_terms_nobody_reviewed(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
    base = tmp_path / "base"
    base.mkdir()
    with pytest.raises(ConfigError, match="safetensors"):
        make(config, only(config), base, Recipe(), terms_reviewed="legal", actor="ann")
    (base / "model.safetensors").write_bytes(b"")
    with pytest.raises(ArtefactError, match="terms may not allow"):
        make(config, only(config), base, Recipe(), terms_reviewed=" ", actor="ann")


def test_tools_are_not_learnt_as_text(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
    workload = only(config)
    contract = dataclasses.replace(workload.contract, kind="tool", labels=())
    with pytest.raises(ConfigError, match="calling tools"):
        training_pairs(config, dataclasses.replace(workload, contract=contract))
    assert Control(config.home).routes() == []


def test_each_server_is_asked_in_its_own_way() -> None:
    vllm, sglang, llama = (Way(engine=engine, base="b", name="n-1") for engine in ("vllm", "sglang", "llamacpp"))
    assert (vllm.model(adapted=True), vllm.model(adapted=False), vllm.fields(adapted=True)) == ("n-1", "b", {})
    assert (sglang.model(adapted=True), sglang.fields(adapted=True), sglang.fields(adapted=False)) == ("b", {"lora_path": "n-1"}, {})
    assert llama.fields(adapted=False) == {"lora": [{"id": 0, "scale": 0.0}], "cache_prompt": False}
    lines = commands("n-1", Path("/models/b c"), Path("/home/a"), None)
    assert lines["vllm"] == "vllm serve '/models/b c' --enable-lora --lora-modules n-1=/home/a" and "llamacpp" not in lines


def test_the_probe_says_what_is_wrong() -> None:
    good = Round(first="x", adapted="yes", last="x", wanted="yes")
    assert Probed(rounds=(good, good)).fault == ""
    assert "otherwise after" in Probed(rounds=(good, dataclasses.replace(good, last="yes"))).fault
    assert "never answered" in Probed(rounds=(dataclasses.replace(good, adapted="no"),)).fault
    assert "may not be applied" in Probed(rounds=(dataclasses.replace(good, first="yes", last="yes"),)).fault
