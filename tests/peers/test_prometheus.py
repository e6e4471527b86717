"""A real Prometheus before a real gateway: what it scrapes, the alert rules and every expression of the dashboard."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import openai
import pytest

from tests.peers.conftest import ROOT, Gateway, free_port, running

FOLDER = ROOT / "docs" / "observability"
PROGRAM = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no `prometheus` on this machine")
VARIABLES = {"$__rate_interval": "1m", "$scope": ".*", "$workload": ".*"}


def get(url: str) -> Any:
    with urlopen(url, timeout=5) as said:
        found = json.load(said)
    assert found["status"] == "success"
    return found["data"]


@pytest.fixture(scope="module")
def prometheus(before_both: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus, which has scraped the gateway after a call; its URL."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    target = before_both.url.removeprefix("http://")
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{FOLDER / 'alerts.yaml'}']\n"
        f"scrape_configs: [{{job_name: modicum, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with openai.OpenAI(api_key="sk-not-needed", base_url=f"{before_both.url}/v1", max_retries=0) as client:
        client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "hello"}])
    url = f"http://127.0.0.1:{port}"

    def scraped() -> bool:
        try:
            return bool(get(f"{url}/api/v1/query?{urlencode({'query': 'modicum_requests_total'})}")["result"])
        except (URLError, OSError):
            return False

    words = [str(PROGRAM), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with running([*words, f"--web.listen-address=127.0.0.1:{port}"], folder / "log", ready=scraped):
        yield url


def test_the_gateway_is_up_and_what_it_renders_is_read(prometheus: str) -> None:
    (target,) = get(f"{prometheus}/api/v1/targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    kinds = {name: found[0]["type"] for name, found in get(f"{prometheus}/api/v1/metadata").items()}
    assert kinds["modicum_requests_total"] == "counter" and kinds["modicum_overhead_seconds"] == "histogram"


def test_every_alert_rule_is_evaluated_without_an_error(prometheus: str) -> None:
    until = time.monotonic() + 30
    while any(rule["health"] == "unknown" for rule in rules(prometheus)):
        assert time.monotonic() < until
        time.sleep(0.2)
    found = rules(prometheus)
    assert len(found) >= 15
    assert {rule["name"]: rule.get("lastError", "") for rule in found if rule["health"] != "ok"} == {}


def rules(url: str) -> list[Any]:
    return [rule for group in get(f"{url}/api/v1/rules")["groups"] for rule in group["rules"]]


def test_every_expression_of_the_dashboard_is_answered(prometheus: str) -> None:
    board = json.loads((FOLDER / "grafana.json").read_text())
    answered: dict[str, int] = {}
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            found = get(f"{prometheus}/api/v1/query?{urlencode({'query': expression})}")
            answered[panel["title"]] = answered.get(panel["title"], 0) + len(found["result"])
    assert len(answered) >= 20
    assert answered["Under way"] and answered["Memory of workers"], answered


def test_what_is_rendered_passes_promtool(before_both: Gateway, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no `promtool` on this machine")
    with urlopen(f"{before_both.url}/metrics", timeout=5) as said:
        done = subprocess.run([promtool, "check", "metrics"], input=said.read(), capture_output=True, timeout=30)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
