"""One gateway for the tests of the admin API: a home with calls, a workload and a certified route, and a key of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import load
from modicum.pipeline import keys
from tests.gateway.rig import Gateway, Upstream, gateway
from tests.pipeline import traffic

MARGIN = "0.05"
ENVIRONMENT_SECRET = "mk-canary-of-the-environment-0123456789abcd"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running gateway and what opens it."""

    gateway: Gateway
    home: Path
    admin: str
    ordinary: str
    revoked: str

    @property
    def url(self) -> str:
        return self.gateway.url.removesuffix("/v1")


def filled(home: Path, log: Path) -> None:
    """A home as an operator has it after `import` and `fit`."""
    log.write_text("".join(json.dumps(row) + "\n" for row, _ in traffic.sorted_messages(400)))
    for words in (("import", str(log)), ("fit", "--margin", MARGIN)):
        result = CliRunner().invoke(cli, [*words, "--home", str(home)])
        assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("admin")
    home = folder / "home"
    filled(home, folder / "calls.jsonl")
    config = load(flags={"store.home": home}, environ={})
    secrets = {name: keys.create(config, name, actor="tester", admin=name == "chief")[1] for name in ("chief", "app", "former")}
    former = keys.create(config, "former chief", actor="tester", admin=True)[1]
    for name in ("former", "former chief"):
        keys.revoke(config, name, actor="tester")
    with Upstream() as upstream, gateway(home, upstream.url, env={"MODICUM_ADMIN_KEY": ENVIRONMENT_SECRET}) as running:
        yield Served(gateway=running, home=home, admin=secrets["chief"], ordinary=secrets["app"], revoked=former)
        assert running.stop() == 0
