"""`modicum artefact` and what `modicum erase` says of models, as a person calls them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modicum.artefact import About, Artefacts, Teacher, Training, digest_of
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train.export import export_constant
from modicum.types import Route
from tests.artefact.test_signing import key_pair
from tests.cli.test_import_and_erase import Modicum, line


@pytest.fixture
def modicum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modicum:
    monkeypatch.chdir(tmp_path)
    return Modicum(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def digest(tmp_path: Path, modicum: Modicum) -> str:
    """A home with six calls, a specialist that learnt from the four of one user, and its route, which is on."""
    (tmp_path / "log.jsonl").write_bytes(b"".join(line(n, f"user-{n % 3 == 0}") for n in range(6)))
    assert modicum("import", "log.jsonl")[0] == 0
    home = tmp_path / "home"
    ids = [call.call_id for call in Calls(home).scan() if call.user_id == "user-False"]
    about = About(
        workload="bank",
        trainer="linear",
        teachers=(Teacher(model="gpt-4o", provider="openai", scope="default", calls=4),),
        training=Training(calls=4, digest=digest_of(ids)),
        metrics={"out_of_fold_agreement": 0.5, "drift_agreement": 0.9912},
        settings={"precision": "int16", "drift_beyond": "label 'yes': agrees with full precision on 3 of 20"},
    )
    found = Artefacts(home / "artefacts").write(export_constant("yes", 0.5), about.said(), learnt_from=ids)
    route = Route(
        route_id="r_1",
        scope="default",
        workload_id="w_1",
        artefact_digest=found,
        certificate_id="cert-1",
        state="on",
        changed_at=datetime.now(UTC),
        changed_by="tester",
    )
    Control(home).put_route(route)
    return found


def test_show(modicum: Modicum, digest: str) -> None:
    code, out, _ = modicum("artefact", "show")
    assert code == 0 and digest[:19] in out and "r_1 on" in out
    code, out, _ = modicum("artefact", "show", digest[7:15])
    assert code == 0 and digest in out and "gpt-4o, openai, scope default: 4" in out and "specialist.json" in out
    assert "drift agreement" in out and "0.9912" in out
    assert "int16; beyond what is allowed: label 'yes': agrees with full precision on 3 of 20" in " ".join(out.split())
    told = json.loads(modicum("artefact", "show", "r_1", "--format", "json")[1])
    assert told["digest"] == digest and told["about"]["training"]["calls"] == 4 and told["erased"] == 0
    code, _, err = modicum("artefact", "show", "ffffffff")
    assert code == 2 and "no workload 'ffffffff'" in err


def test_a_home_without_artefacts(tmp_path: Path, modicum: Modicum) -> None:
    assert modicum("artefact", "show")[0] == 2, "no home"
    (tmp_path / "log.jsonl").write_bytes(line(1))
    modicum("import", "log.jsonl")
    assert modicum("artefact", "show")[1] == "No artefacts yet: `modicum fit` makes them.\n"
    assert modicum("artefact", "verify") == (0, "", "")


def test_verify(tmp_path: Path, modicum: Modicum, digest: str) -> None:
    assert modicum("artefact", "verify") == (0, f"{digest}: holds (1 file)\n", "")
    blob = max((tmp_path / "home" / "artefacts" / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes() + b" ")
    code, out, _ = modicum("artefact", "verify", "r_1")
    assert code == 1 and out.startswith(f"{digest}: DOES NOT HOLD: ")
    code, _, err = modicum("artefact", "show")
    assert code == 1 and err.startswith(f"{digest}: DOES NOT HOLD: ")
    assert json.loads(modicum("artefact", "verify", "--format", "json")[1])[0]["fault"]


def test_out_and_in_with_a_signature(tmp_path: Path, modicum: Modicum, digest: str) -> None:
    pytest.importorskip("model_signing")
    private, public = map(str, key_pair(tmp_path))
    code, _, err = modicum("artefact", "export", "r_1", "--out", "bank.zip")
    assert code == 2 and "answers of openai" in err and "--terms-reviewed" in err and not Path("bank.zip").exists()
    code, out, _ = modicum("artefact", "export", "r_1", "--out", "bank.zip", "--terms-reviewed", "legal: fine", "--sign", private)
    assert code == 0 and out.startswith(f"{digest} written to bank.zip: README.md, ")
    assert "legal: fine" in Control(tmp_path / "home").audit()[-1].detail
    assert modicum("artefact", "export", "r_1", "--out", "bank.zip", "--terms-reviewed", "again")[0] == 2, "it is there already"

    assert modicum("artefact", "verify", "bank.zip")[1].endswith("holds (1 file, the signature was not looked at)\n")
    assert modicum("artefact", "verify", "bank.zip", "--public-key", public)[1].endswith("holds (1 file, the signature holds)\n")
    assert modicum("artefact", "verify", "r_1", "--public-key", public)[0] == 2, "a home signs nothing"

    code, out, _ = modicum("artefact", "import", "bank.zip", "--public-key", public, "--digest", digest)
    assert code == 0 and out.startswith(f"{digest}: 1 file, ")
    _, stranger = map(str, key_pair(tmp_path, "stranger"))
    code, _, err = modicum("artefact", "import", "bank.zip", "--public-key", stranger)
    assert code == 2 and "the signature does not hold" in err
    Path("odd.zip").write_bytes(b"PK odd")
    assert modicum("artefact", "import", "odd.zip")[0] == 2
    assert modicum("artefact", "verify", "odd.zip")[0] == 1


def test_erasing_lists_what_is_to_be_refitted(tmp_path: Path, modicum: Modicum, digest: str) -> None:
    code, out, _ = modicum("erase", "--user", "user-True", "--yes")
    assert (code, out) == (0, "2 calls erased.\n"), "it did not learn from these"
    first = next(iter(Calls(tmp_path / "home").scan()))
    code, out, _ = modicum("erase", "--call", first.call_id, "--yes")
    assert "To refit: bank (r_1, on): 1 of the 4 calls that it learnt from are erased. Next: modicum fit bank\n" in out
    told = json.loads(modicum("erase", "--user", "user-False", "--yes", "--format", "json")[1])
    assert [(one["workload"], one["erased"], one["digest"]) for one in told["refit"]] == [("bank", 4, digest)]
    assert "4 calls that it learnt from were erased since: fit bank again." in modicum("artefact", "show", digest)[1]


@pytest.mark.parametrize("name", ["show", "verify", "export", "import"])
def test_help_has_examples(modicum: Modicum, name: str) -> None:
    code, out, _ = modicum("artefact", name, "--help")
    assert code == 0 and ("Example:" in out or "A key pair:" in out)
