"""What really answers a trial: an adapter's name is held to, another server's alias is said, and a certificate names what answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modicum.artefact import Artefacts, about_of
from modicum.backends.model import ModelStage, is_same
from modicum.pipeline.naming import adapter_in, declared, other_name, wrong_adapter
from modicum.store.answers import Answered
from modicum.store.control import Control
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer
from tests.pipeline.test_adapters import kept
from tests.pipeline.test_trying import filled, only, settings, trial, tried

ADAPTER = "parcels-0123456789ab"


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("parcels"), [row for row, _ in traffic.sorted_messages(240)])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.mark.parametrize(
    ("asked", "said", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("llama3.2", "llama3.2:latest", True),
        ("Qwen/Qwen3-0.6B", "qwen3-0.6b", True),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", True),
        ("gpt-4-0613", "gpt-4", True),
        ("gpt-4", "gpt-4o", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("claude-sonnet-4", "claude-sonnet-4-5", False),
        ("llama-70b", "llama-70b-instruct", False),
        ("m", "mistral", False),
        ("any-name", "qwen3-4b.gguf", False),
        ("parcels-0123456789ab", "parcels-ba9876543210", False),
    ],
)
def test_a_date_a_tag_or_an_owner_is_no_other_name(asked: str, said: str, same: bool) -> None:
    stage = ModelStage(provider="own", provider_kind="llamacpp", url="", model=asked, revision=said)
    assert is_same(asked, said) == same
    assert stage.answering == (f"own/{asked}" if same else f"own/{said}")
    assert (other_name(stage, "llamacpp") == "") == same and other_name(stage, "openai") == ""


def test_a_server_that_holds_another_adapter_is_known_by_its_names() -> None:
    assert "serve the adapter" in wrong_adapter(ADAPTER, ADAPTER, ["parcels-ba9876543210"])
    for served in ([], [ADAPTER], ["base", f"base:{ADAPTER}"]):
        assert wrong_adapter(ADAPTER, ADAPTER, served) == ""
    assert wrong_adapter(ADAPTER, f"Qwen/Qwen3-0.6B:{ADAPTER}", ["Qwen/Qwen3-0.6B"]) == "" and wrong_adapter("", "any", ["x"]) == ""


def test_an_answer_of_another_model_than_was_declared_is_none() -> None:
    row = Answered(call_id="c", at=datetime.now(UTC), status=200, response="{}", model="b")
    assert declared(row, "b") is row and declared(row, "") is row
    other = declared(row, "a")
    assert other.response is None and other.error == "answered by b, not a"


def test_an_adapter_of_another_home_is_known_by_the_form_of_its_name(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    assert adapter_in(artefacts, ADAPTER, "llamacpp") == ADAPTER and adapter_in(artefacts, f"Qwen/Qwen3:{ADAPTER}", "sglang") == ADAPTER
    assert adapter_in(artefacts, ADAPTER, "azure") == "" and adapter_in(artefacts, "qwen3-4b", "vllm") == ""


def test_no_answer_of_another_adapter_is_kept(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    kept(config.home, ADAPTER, datetime(2020, 1, 1, tzinfo=UTC), workload=only(config).name)
    server.names[ADAPTER] = "parcels-ba9876543210"
    found = tried(config, f"own/{ADAPTER}")
    assert found.verdict == "unproven" and "calls what it holds parcels-ba9876543210" in found.reason, found
    errand = trial(config, f"own/{ADAPTER}")[0].plan(only(config))
    assert errand.bill.known == 0 and not Control(config.home).attempts(only(config).workload_id)
    server.names[ADAPTER] = ADAPTER
    assert tried(config, f"own/{ADAPTER}").verdict == "certified"


def test_a_certificate_names_what_answered(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    server.names["any-name"] = "qwen3-4b.gguf"
    found = tried(config, "own/any-name")
    assert found.verdict == "certified" and "its answers call it qwen3-4b.gguf" in found.reason, found
    (certificate,) = Control(config.home).certificates()
    about = about_of(Artefacts(config.home / "artefacts").read(certificate.artefact_digest).about)
    assert [(one.name, one.revision) for one in about.bases] == [("own/qwen3-4b.gguf", "qwen3-4b.gguf")]
    assert "less what own/qwen3-4b.gguf costs" in certificate.saving.baseline
