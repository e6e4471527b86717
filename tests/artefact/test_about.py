"""What is said about an artefact, and the papers that are written from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from modicum.artefact import About, Artefact, Artefacts, Base, Teacher, Training, about_of, digest_of
from modicum.artefact.bom import bill
from modicum.artefact.card import card
from modicum.artefact.pack import BOM
from modicum.errors import ArtefactError
from tests.artefact.hostile import FILES

ABOUT = About(
    workload="bank: intents",
    trainer="chain",
    code_version="1.2.3",
    bases=(Base(name="org/minilm", revision="abc", licence="Apache-2.0", weights_sha256="0" * 64), Base(name="other")),
    teachers=(Teacher(model="gpt-4o", provider="openai", scope="team-a", calls=900), Teacher(model="llama", scope="team-a", calls=10)),
    training=Training(
        calls=910, digest=digest_of(["a", "b"]), first_at=datetime(2026, 9, 1, tzinfo=UTC), last_at=datetime(2026, 9, 30, tzinfo=UTC)
    ),
    metrics={"out_of_fold_agreement": 0.9375},
    settings={"seed": 1, "first": {"c": 4.0}},
)


def written(tmp_path: Path, about: About = ABOUT) -> Artefact:
    artefacts = Artefacts(tmp_path)
    return artefacts.read(artefacts.write(FILES, about.said()))


def test_a_manifest_gives_the_record_back(tmp_path: Path) -> None:
    assert about_of(written(tmp_path).about) == ABOUT
    assert ABOUT.providers == ("llama", "openai")
    assert about_of({"trainer": "linear", "samples": 12, "slot_trials": []}) == About(trainer="linear"), "as an older version wrote it"


@pytest.mark.parametrize("said", [{"bases": 3}, {"teachers": [{"model": "m"}]}, {"metrics": {"a": "b"}}, {"workload": None}])
def test_another_form_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ArtefactError, match="not in the form"):
        about_of(said)


def test_the_digest_of_calls_depends_on_which_they_are() -> None:
    assert digest_of(["b", "a", "a"]) == digest_of(["a", "b"]) != digest_of(["a", "bc"])
    assert digest_of(["ab"]) != digest_of(["a", "b"]) and digest_of([]).startswith("sha256:")


def test_the_calls_stay_beside_the_artefact(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    ids = ["0190f3a2-7b1c-7abc-8def-0123456789ab", "0190f3a2-7b1c-7abc-8def-0123456789ac"]
    digest = artefacts.write(FILES, ABOUT.said(), learnt_from=ids)
    assert artefacts.learnt_from(digest) == set(ids) and artefacts.digests() == [digest]
    assert digest == artefacts.write(FILES, ABOUT.said()), "they do not enter the digest but through the manifest"
    assert artefacts.learnt_from(digest) == set(ids)
    assert not artefacts.learnt_from("sha256:" + "0" * 64)


def test_the_bill_names_all_that_went_in(tmp_path: Path) -> None:
    artefact = written(tmp_path)
    body = json.loads(bill(artefact, ABOUT, kind="chain", proofs=["at most 2 of 100 differ"]))
    model = body["metadata"]["component"]
    assert (body["bomFormat"], body["specVersion"], model["type"]) == ("CycloneDX", "1.6", "machine-learning-model")
    assert model["hashes"][0]["content"] == artefact.digest.removeprefix("sha256:")
    assert [one["name"] for one in model["pedigree"]["ancestors"]] == ["org/minilm", "other"]
    assert [one["name"] for one in body["components"]] == sorted(FILES) and all(one["hashes"] for one in body["components"])
    assert {one["ref"] for one in body["dependencies"]} == {model["bom-ref"]}
    told = json.dumps(model)
    assert "900 answers of gpt-4o (openai) in scope team-a" in told and "provider unknown" in told and "at most 2 of 100" in told
    assert bill(artefact, ABOUT, kind="chain") == bill(artefact, ABOUT, kind="chain"), "no time and no chance in it"


@pytest.mark.parametrize("about", [ABOUT, About()])
def test_the_bill_is_what_cyclonedx_says_one_is(tmp_path: Path, about: About) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    validator = validation.JsonStrictValidator(pytest.importorskip("cyclonedx.schema").SchemaVersion.V1_6)
    assert validator.validate_str(bill(written(tmp_path, about), about, kind="linear").decode()) is None


def test_the_card_reads_as_a_card(tmp_path: Path) -> None:
    text = card(written(tmp_path), ABOUT, kind="chain", script="run_chain.py", needs="numpy", proofs=["at most 2 of 100 differ"])
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["base_model"] == ["org/minilm", "other"] and front["license"] == "unknown" and "chain" in front["tags"]
    for said in ("900 answers of gpt-4o (openai) in scope team-a", "licence Apache-2.0", "0.9375", "at most 2 of 100", BOM, "2026-09-30"):
        assert said in text
    alone = card(written(tmp_path, About()), About(), kind="", script="", needs="")
    assert "Not certified" in alone and "base_model" not in yaml.safe_load(alone.split("---\n")[1]) and "python" not in alone


def test_names_do_not_become_markup(tmp_path: Path) -> None:
    odd = '"]\n---\nlicense: mit\n# <script>alert(1)</script> ![x](http://evil) | `a`'
    about = About(workload=odd, bases=(Base(name=odd, revision=odd, licence=odd),), teachers=(Teacher(model=odd, scope=odd, calls=1),))
    text = card(written(tmp_path, about), about, kind=odd, script="", needs="", proofs=[odd])
    front = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert front["license"] == "unknown" and front["base_model"] == [odd]
    body = text.split("\n---\n", 1)[1]
    assert "<script" not in body.replace("\\<", "") and "![x]" not in body and "\n# \\<" not in body
