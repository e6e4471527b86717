"""Two model servers beside each other: what they say differently, and who is not asked."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config, ProviderConfig, StoreConfig
from modicum.errors import ConfigError
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.drifting_servers import between
from modicum.pipeline.find import find
from modicum.store.control import Control
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("servers")
    config = Config(store=StoreConfig(home=folder / "home"))
    bring_in(config, [traffic.write(folder / "log.jsonl", [row for row, _ in traffic.sorted_messages(120)])], Options())
    find(config)
    return config.home


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def settings(home: Path, tmp_path: Path, url: str) -> Config:
    shutil.copytree(home, tmp_path / "home")
    return Config(
        store=StoreConfig(home=tmp_path / "home"), providers={"own": ProviderConfig(kind="openai_compatible", url=url, auth="none")}
    )


def test_two_that_say_the_same_are_within_and_are_asked_once(home: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(home, tmp_path, server.url)
    (workload,) = Control(config.home).workloads()
    server.answers["small"] = sorts
    found = between(config, "own/good", "own/small", workload.name, most=40)
    whole = found.drift.whole
    assert (whole.requests, whole.agree, whole.known, found.drift.beyond) == (40, 40, 0, "")
    assert {request["model"] for request in server.requests} == {"good", "small"} and len(server.requests) == 80
    between(config, "own/good", "own/small", workload.name, most=40)
    assert len(server.requests) == 80, "what was answered is kept"


def test_one_that_differs_is_beyond(home: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(home, tmp_path, server.url)
    (workload,) = Control(config.home).workloads()
    found = between(config, "own/good", "own/bad", workload.name, most=40)
    assert found.drift.whole.agree < 40 and "agrees with full precision" in found.drift.beyond
    ran: Any = CliRunner().invoke(
        cli, ["artefact", "drift", workload.name, "--between", "own/good", "gone/bad", "--home", str(config.home)]
    )
    assert ran.exit_code != 0


def test_nobody_elsewhere_is_asked(home: Path, tmp_path: Path) -> None:
    config = settings(home, tmp_path, "http://models.example/v1")
    config = dataclasses.replace(config, policy=dataclasses.replace(config.policy, may_receive=("own",)))
    (workload,) = Control(config.home).workloads()
    with pytest.raises(ConfigError, match="this machine"):
        between(config, "own/good", "own/small", workload.name, most=10)
