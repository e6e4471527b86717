"""Artefacts out of a home and into another: with a note on the terms, running alone, and traced when calls are erased."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.artefact import Artefacts, about_of, digest_of
from modicum.artefact.pack import BOM, CARD, MANIFEST
from modicum.backends.features import extract
from modicum.backends.specialist import Specialist, load
from modicum.config import Config, StoreConfig
from modicum.errors import ArtefactError, NotFoundError
from modicum.pipeline import bundles, standalone
from modicum.pipeline.provenance import describe, to_refit
from modicum.pipeline.standalone import run_linear
from modicum.pipeline.switching import switch
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.erase import erase
from modicum.store.erased import erased_among
from modicum.train import linear
from modicum.train.drift import Tolerance
from modicum.types import Verdict
from tests.pipeline import traffic
from tests.pipeline.test_night import fit, home, only
from tests.train.test_chain import BOTH, FIRST, GROUPS, SECOND, SOME
from tests.train.test_encoder import samples

WIDE = linear.fit(SOME, groups=GROUPS, max_size_bytes=1_000_000, seed=3, tolerance=Tolerance(agreement=1.01))
"""In 16 bits, for no eight would do."""
NOTE = "legal, 2026-11-20: allowed inside the company"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Verdict]:
    config = home(tmp_path_factory.mktemp("fitted"), [row for row, _ in traffic.sorted_messages(700)])
    return config, fit(config)


def digest_in(config: Config) -> str:
    (route,) = Control(config.home).routes()
    return route.artefact_digest


def export(config: Config, out: Path, note: str = NOTE) -> tuple[str, ...]:
    return bundles.export(config.home, digest_in(config), out, terms_reviewed=note, private_key=None, actor="tester")


def test_fitting_writes_down_where_it_comes_from(fitted: tuple[Config, Verdict]) -> None:
    config, _ = fitted
    shown = bundles.show(config.home, digest_in(config))
    about, calls = shown.about, list(Calls(config.home).scan())
    assert (about.workload, about.trainer, shown.kind, shown.erased) == (only(config).name, "linear", "linear", 0)
    (teacher,) = about.teachers
    assert (teacher.model, teacher.scope) == ("gpt-4o", "default")
    assert about.training is not None and about.training.calls == teacher.calls
    learnt = Artefacts(config.home / "artefacts").learnt_from(shown.digest)
    assert digest_of(learnt) == about.training.digest and learnt < {call.call_id for call in calls}
    assert about.training.last_at == max(call.started_at for call in calls if call.call_id in learnt)
    assert 0.9 < about.metrics["out_of_fold_agreement"] <= 1 and about.settings["used_slots"]
    assert [one.artefact_digest for one in shown.certificates] == [shown.digest] and shown.routes[0].state == "proposed"


def test_a_chain_names_the_bases_of_its_halves(fitted: tuple[Config, Verdict]) -> None:
    about = describe(only(fitted[0]), samples(40), BOTH.about)
    assert [base.name for base in about.bases] == ["tiny"] and about.trainer == "chain"
    assert about.teachers[0].provider == "" and about.providers == ("m",), "nobody said whose model it is"


def test_a_reference_may_be_a_digest_its_beginning_or_a_workload(fitted: tuple[Config, Verdict]) -> None:
    config, _ = fitted
    digest = digest_in(config)
    for ref in (digest, digest.removeprefix("sha256:"), digest[:20], digest[7:13], only(config).name, only(config).workload_id):
        assert bundles.find(config.home, ref) == digest
    for ref in ("nothing", digest[7:10], "sha256:", "../../etc"):
        with pytest.raises(NotFoundError):
            bundles.find(config.home, ref)


@pytest.mark.parametrize("note", ["", "  \n ", "x" * 501])
def test_nothing_leaves_without_a_note_on_the_terms(fitted: tuple[Config, Verdict], tmp_path: Path, note: str) -> None:
    config, _ = fitted
    before = len(Control(config.home).audit())
    with pytest.raises(ArtefactError, match="answers of gpt-4o"):
        export(config, tmp_path / "out", note)
    assert not (tmp_path / "out").exists() and len(Control(config.home).audit()) == before


def test_out_and_into_another_home(fitted: tuple[Config, Verdict], tmp_path: Path) -> None:
    config, _ = fitted
    names = export(config, tmp_path / "bank.zip")
    assert {CARD, BOM, MANIFEST, "run_linear.py", "specialist.json", "weights.safetensors"} == set(names)
    line = Control(config.home).audit()[-1]
    assert (line.action, line.actor, line.subject) == ("artefact.terms-reviewed", "tester", digest_in(config)) and NOTE in line.detail
    told = bundles.verify_bundle(tmp_path / "bank.zip", None)
    assert (told.fault, told.signed, told.digest) == ("", "", digest_in(config))

    other = tmp_path / "other"
    with pytest.raises(ArtefactError, match="not 0000"):
        bundles.take_in(other, tmp_path / "bank.zip", expected="0" * 64, public_key=None, actor="tester")
    taken = bundles.take_in(other, tmp_path / "bank.zip", expected=digest_in(config), public_key=None, actor="tester")
    assert Artefacts(other / "artefacts").read(taken.digest) == Artefacts(config.home / "artefacts").read(taken.digest)
    assert bundles.verify(other, taken.digest).fault == "" and bundles.show(other, taken.digest).about.workload == only(config).name
    assert Control(other).audit()[-1].action == "artefact.import"


def test_verify_finds_what_was_changed(fitted: tuple[Config, Verdict], tmp_path: Path) -> None:
    config, _ = fitted
    export(config, tmp_path / "bank")
    digest = bundles.take_in(tmp_path / "other", tmp_path / "bank", expected=None, public_key=None, actor="tester").digest
    artefacts = tmp_path / "other" / "artefacts"
    (artefacts / "learnt").mkdir()
    (artefacts / "learnt" / digest.removeprefix("sha256:")).write_text("0190f3a2_7b1c_7abc_8def_0123456789ab")
    assert "learnt from is not the one" in bundles.verify(tmp_path / "other", digest).fault
    blob = next(path for path in (artefacts / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    assert "damaged" in bundles.verify(tmp_path / "other", digest).fault
    (tmp_path / "bank" / "specialist.json").write_bytes(b"{}")
    assert "specialist.json" in bundles.verify_bundle(tmp_path / "bank", None).fault


def test_the_specialists_of_erased_calls_are_listed(fitted: tuple[Config, Verdict], tmp_path: Path) -> None:
    home = tmp_path / "copy"
    shutil.copytree(fitted[0].home, home)
    digest = digest_in(fitted[0])
    learnt = Artefacts(home / "artefacts").learnt_from(digest)
    later = next(call.call_id for call in Calls(home).scan() if call.call_id not in learnt)
    erase(home, call_id=later)
    assert to_refit(home) == (), "it did not learn from this one"
    some = sorted(learnt)[:3]
    for call_id in some:
        erase(home, call_id=call_id)
    assert erased_among(home, [later, *learnt]) == {later, *some}
    (stale,) = to_refit(home)
    assert (stale.digest, stale.workload, stale.state) == (digest, only(fitted[0]).name, "proposed")
    assert (stale.erased, stale.learnt_from) == (3, len(learnt)) and bundles.show(home, digest).erased == 3
    switch(Config(store=StoreConfig(home=home)), stale.route_id, "retired", actor="tester")
    assert to_refit(home) == (), "nobody is asked to refit what no route uses"


# ------------------------------------------------------------------------------------------- running without this program


@pytest.mark.parametrize("kind", ["linear", "encoder", "chain", "extractor", "caller", "ladder"])
def test_scripts_are_short_and_know_nothing_of_us(kind: str) -> None:
    for name, body in standalone.scripts(kind).items():
        assert len(body.splitlines()) <= 100, name
        assert b"modicum" not in body and b"pickle" not in body
    assert not standalone.scripts("another")


@pytest.mark.parametrize(
    ("kind", "files"), [("linear", FIRST.files), ("linear", WIDE.files), ("encoder", SECOND.files), ("chain", BOTH.files)]
)
def test_scripts_answer_as_we_do(tmp_path: Path, kind: str, files: dict[str, bytes]) -> None:
    specialist = artefact_in(tmp_path, kind, files)
    texts = [dict(one.slots)["text"] for one in samples(30, seed=8)] + [
        "",
        "neither",
        "Card 12.50 LOST odd1 odd2 " * 600,
        "karte ünïcode 卡片\ud800",
    ]
    answers = run(tmp_path, kind, [{"text": text} for text in texts])
    for text, answer in zip(texts, answers, strict=True):
        told = specialist.predict((("text", text),))
        assert list(answer.values()) == [told.value, told.confidence, told.runner_up, told.runner_up_probability], text


def artefact_in(folder: Path, kind: str, files: dict[str, bytes]) -> Specialist:
    artefacts = Artefacts(folder / "home")
    artefact = artefacts.read(artefacts.write(files, {}))
    (folder / "out").mkdir()
    for name, data in {**artefact.files, **standalone.scripts(kind)}.items():
        (folder / "out" / name).write_bytes(data)
    assert about_of(artefact.about).workload == ""
    return load(artefact)


def run(folder: Path, kind: str, requests: Sequence[dict[str, str]]) -> list[dict[str, object]]:
    """The script's answers, in a process that cannot import this package."""
    ours = "import sys; sys.modules['modicum'] = None; import runpy; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]"
    script = str(folder / "out" / f"run_{kind}.py")
    done = subprocess.run(
        [sys.executable, "-c", f"{ours}; runpy.run_path(sys.argv[0], run_name='__main__')", str(folder / "out"), script],
        input="\n".join(map(json.dumps, requests)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=300) | st.text(alphabet="aA0 19.,\u0301\u4e00\u0e01\n\u00a0", max_size=80))
def test_scripts_read_texts_as_we_do(text: str) -> None:
    words, grams, length = extract(text)
    told = run_linear.features(text)
    assert sorted(told["words"]) == sorted(words) and sorted(told["grams"]) == sorted(grams) and told["length"] == length
