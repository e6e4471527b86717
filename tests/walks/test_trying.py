"""From a log of free text to a route that is on: a model that is not good enough alone moves with a scorer, by labels from spreadsheets."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from modicum.cli import cli
from modicum.types import Call
from tests.gateway.rig import gateway
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer

HARD = "Tuesday"
SYSTEM = "Write two lines of verse about what the customer says."
SETTINGS = """
[upstream]
url = "{url}"
auth = "none"
[providers.own]
kind = "openai_compatible"
url = "{url}"
auth = "none"
[route]
control_share = 0
model_timeout_s = 5
[prices."own/poet"]
input_usd_mtok = 1
output_usd_mtok = 1
[prices."gpt-4o"]
input_usd_mtok = 10
output_usd_mtok = 10
"""


def verse(request: dict[str, Any]) -> str:
    """The small model's; readers find it poor where a Tuesday is to be rhymed."""
    return f"A verse on {request['messages'][1]['content'][9:40]}"


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> str:
        known = ["--home", str(self.folder / "home"), "--config", str(self.folder / "modicum.toml")]
        result = CliRunner().invoke(cli, [*words, *known])
        assert result.exit_code == 0, (words, result.output, result.exception)
        return result.output

    def tried(self) -> Any:
        (row,) = json.loads(self.run("try", "own/poet", "--margin", "0.15", "--format", "json"))["workloads"]
        return row

    def label(self, workload: str) -> int:
        """What a person does with the spreadsheet: the two are equally good, but where the request is hard."""
        sheet = self.folder / "sheet.csv"
        self.run("label", workload, "--csv", str(sheet))
        with sheet.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            request = " ".join(text or "" for name, text in row.items() if name.startswith("request"))
            row["verdict"] = ("b" if row["a"].startswith("A verse on") else "a") if HARD in request else "both"
        with sheet.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        self.run("label", workload, "--from", str(sheet), "--by", "ann")
        return len(rows)


def test_a_model_moves_with_a_scorer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with ModelServer() as server:
        server.answers |= {"poet": verse, "gpt-4o": lambda request: "Two lines, and better ones."}
        (tmp_path / "modicum.toml").write_text(SETTINGS.format(url=server.url))
        home.run("import", str(traffic.write(tmp_path / "log.jsonl", list(traffic.poems(520)))))
        first = home.tried()
        assert (first["verdict"], first["limit"], first["alone"]) == ("unproven", "labels", None) and "no scorer" in first["reason"]
        assert home.label(first["workload"]) == first["needs_labels"] == 190
        second = home.tried()
        assert second["verdict"] == "worse" and "can teach a scorer" in second["reason"], second
        third = home.tried()
        assert third["limit"] == "labels" and third["alone"]["coverage"] == 1.0 and third["needs_labels"] < 160, third
        asked = len(server.requests)
        home.label(first["workload"])
        said = home.run("try", "own/poet", "--margin", "0.15")
        assert len(server.requests) == asked, "every answer was there"
        alone, scored = (line.split() for line in said.splitlines() if "own/poet" in line and first["workload"] in line)
        assert alone[1:3] == ["own/poet", "unproven"] or alone[1:3] == ["own/poet", "worse"], said
        assert scored[1:3] == ["own/poet", "+"] and "certified" in scored, said  # a long name of the workload breaks "scorer" off
        fourth = home.tried()
        assert fourth["verdict"] == "certified" and 0.4 < fourth["coverage"] < 0.8 and fourth["saving_usd_month"] is not None
        now, then = float(fourth["incumbent_usd_month"]), float(fourth["candidate_usd_month"])
        assert 0.1 * now < then < now, "what it defers is paid twice"
        saving, (low, high) = float(fourth["saving_usd_month"]), map(float, fourth["saving_interval"])
        assert low <= saving <= high and 0.7 * (now - then) < saving < 1.3 * (now - then)

        home.run("certificate", "show", fourth["certificate_id"], "--out", str(tmp_path / "moved.cert"))
        home.run("certificate", "verify", str(tmp_path / "moved.cert"))
        home.run("route", "on", fourth["workload"])
        calls = served(tmp_path, server)
    decisions = [(hard, call.decision) for hard, call in calls if call.decision is not None]
    reasons = {wanted: [d.reason for hard, d in decisions if hard == wanted] for wanted in (True, False)}
    assert reasons[False].count("answered") >= 12 and reasons[True].count("below_threshold") >= 8, reasons
    for _, one in decisions:
        assert one.confidence is not None and one.threshold is not None and one.stage_model == "own/poet"
        assert (one.confidence >= one.threshold) == (one.reason == "answered")
    deferred = next(call for _, call in calls if call.decision is not None and call.decision.reason == "below_threshold")
    assert deferred.response_model == "gpt-4o-2026-01", "the incumbent answered"
    told = home.run("why", deferred.call_id)
    assert "its scorer is not sure enough" in told and "with confidence 0." in told, told


def served(folder: Path, server: ModelServer) -> list[tuple[bool, Call]]:
    """New requests as the application would send them, half of them hard; what is on record of each."""
    found = []
    with gateway(folder / "home", server.url, "--config", str(folder / "modicum.toml")) as running:
        for number, row in enumerate(traffic.poems(32, first=5000)):
            words = row["request"]["messages"][1]["content"].replace(HARD, "evening").split()
            text = " ".join([*words[:-2], HARD if number % 2 else "morning"])
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
            response, body = running.post({"model": "gpt-4o", "messages": messages})
            content = json.loads(body)["choices"][0]["message"]["content"]
            call = running.call(response.headers["x-request-id"])
            assert call.decision is not None and content.startswith("A verse on") == (call.decision.reason == "answered")
            found.append((bool(number % 2), call))
    return found
