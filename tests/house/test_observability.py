"""The alert rules and the dashboard that are shipped: every metric, label and value they name is one that a gateway renders."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from modicum.gateway.families import FAMILIES, OWN, TOLD
from modicum.types import NoticeKind, Reason, RouteState
from modicum.wire.prometheus import samples
from tests.gateway.test_workload_figures import everything

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "observability"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
BOARD = json.loads((FOLDER / "grafana.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (f"{panel['title']} {target['refId']}", target["expr"]) for panel in PANELS for target in panel["targets"]
]
KNOWN_VALUES: dict[str, frozenset[str]] = {
    "reason": frozenset(get_args(Reason)),
    "state": frozenset(get_args(RouteState)),
    "outcome": frozenset(("agreed", "differed", "unread", "deferred", "not_compared", "failed", "answered")),
    "answered_by": frozenset(("specialist", "provider", "nobody")),
    "arm": frozenset(("drawn", "deferred", "stage")),
    "kind": frozenset((*get_args(NoticeKind), "telemetry", "tidy")),
}
LABELS = {family.name: set(family.labels) | ({"le"} if family.kind == "histogram" else set()) for family in (*FAMILIES, *TOLD, *OWN)}
WORDS = frozenset(("by", "on", "and", "or", "unless", "offset", "group_left", "group_right", "bool", "without", "ignoring"))
FUNCTIONS = frozenset(("sum", "rate", "increase", "max", "absent", "time", "histogram_quantile", "count", "min"))
SCRAPES = frozenset(("instance", "job"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return samples(everything(tmp_path_factory.mktemp("home")))


def selectors(expression: str) -> tuple[list[tuple[str, list[tuple[str, str]]]], set[str]]:
    """(metric, its matchers' labels and values) of a PromQL expression, and the labels that it groups or joins by."""
    grouped: set[str] = set()

    def keep(found: re.Match[str]) -> str:
        grouped.update(name.strip() for name in found[1].split(",") if name.strip())
        return " "

    bare = re.sub(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^()]*)\)", keep, expression)
    bare = re.sub(r"\[[^\]]*\]|\boffset\s+\w+", " ", bare)
    found = []
    for name, matchers in re.findall(r"(?<![\w:$\"])([a-zA-Z_:][\w:]*)\b(?!\s*\()(\{[^}]*\})?", re.sub(r'(?<=[=~])"[^"]*"', _hide, bare)):
        if name not in WORDS:
            pairs = re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', matchers)
            found.append((name, [(label, bytes.fromhex(value).decode()) for label, value in pairs]))
    return found, grouped


def _hide(text: re.Match[str]) -> str:
    """A value as digits, so that no brace or word in it is taken for more."""
    return f'"{text[0][1:-1].encode().hex()}"'


def family(name: str) -> str:
    return next((name.removesuffix(end) for end in ("_bucket", "_sum", "_count") if name.removesuffix(end) in LABELS), name)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_what_an_expression_names_is_rendered(name: str, expression: str, rendered: Any) -> None:
    found, grouped = selectors(expression)
    assert found, "an expression of nothing"
    labels: set[str] = set()
    for metric, matchers in found:
        assert metric in rendered, metric
        of_metric = {label for key in rendered[metric] for label, _ in key}
        assert of_metric == LABELS[family(metric)] - ({"le"} if not metric.endswith("_bucket") else set())
        labels |= of_metric
        for label, value in matchers:
            assert label in of_metric, f"{metric} has no label {label}"
            if label in KNOWN_VALUES and "$" not in value:
                assert set(value.split("|")) <= KNOWN_VALUES[label], value
        assert grouped <= of_metric | {"le"}, f"{metric} has not all of {grouped}"
    assert expression.count("(") == expression.count(")") and expression.count("{") == expression.count("}")
    called = set(re.findall(r"\b([a-z_]+)\s*\(", re.sub(r'"[^"]*"', '""', expression))) - WORDS
    assert called <= FUNCTIONS, called
    for counter in re.findall(r"\b(?:rate|increase)\(\s*(\w+)", expression):
        assert counter.endswith(("_total", "_bucket", "_sum", "_count")), f"{counter} is no counter"
    for metric, _ in found:
        if metric.endswith(("_total", "_bucket")):
            assert re.search(rf"(?:rate|increase)\({metric}\b", expression), f"{metric} counts from the start of a process"


def test_the_reader_of_expressions_finds_what_is_wrong(rendered: Any) -> None:
    found, grouped = selectors('sum by (a, b) (rate(some_total{x="}{",y=~"p|q"}[5m] offset 1d)) / on (c) other > 5')
    assert found == [("some_total", [("x", "}{"), ("y", "p|q")]), ("other", [])] and grouped == {"a", "b", "c"}
    for wrong in ("sum(rate(modicum_request_total[5m]))", 'modicum_route_state{stat="on"}', 'modicum_route_state{state="off"}'):
        with pytest.raises(AssertionError):
            test_what_an_expression_names_is_rendered("wrong", wrong, rendered)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: Any) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"} and re.fullmatch(r"Modicum[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert len(rule["annotations"]["summary"]) > 10 and len(rule["annotations"]["action"]) > 20
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0m"))
    _, grouped = selectors(rule["expr"])
    whole = set().union(*(LABELS[family(metric)] for metric, _ in selectors(rule["expr"])[0]))
    for text in rule["annotations"].values():
        for label in re.findall(r"\$labels\.(\w+)", text):
            assert label in (grouped or whole), f"{label} does not come out of the expression"


def test_names_of_alerts_and_commands_in_them_are_real() -> None:
    from modicum.cli import COMMANDS

    assert len({rule["alert"] for rule in RULES}) == len(RULES) >= 15
    text = (FOLDER / "alerts.yaml").read_text()
    commands = re.findall(r"`modicum ([a-z]+)", " ".join(text.split()))
    assert commands and set(commands) <= set(COMMANDS)


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids) and BOARD["schemaVersion"] >= 36 and BOARD["uid"] == "modicum" and "id" not in BOARD
    assert len({panel["title"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert len({(t["refId"], panel["id"]) for panel in PANELS for t in panel["targets"]}) == sum(len(panel["targets"]) for panel in PANELS)
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}" and all(t["datasource"]["uid"] == "${datasource}" for t in panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["type"] in ("stat", "timeseries", "table")
        for target in panel["targets"]:
            found, grouped = selectors(target["expr"])
            whole = set().union(*(LABELS[family(metric)] for metric, _ in found))
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in (grouped or whole), label
    variables = {one["name"]: one for one in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$(?!__)\{?(\w+)", json.dumps(BOARD)))
    assert used <= set(variables) and {"datasource", "scope", "workload"} <= set(variables)
    for name, one in variables.items():
        if one["type"] == "query":
            metric, label = re.findall(r"label_values\((\w+), (\w+)\)", one["query"]["query"])[0]
            assert label == name and label in LABELS[metric]


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_every_metric_of_a_workload_or_a_route_is_shown_or_watched() -> None:
    named = {family(metric) for _, expression in EXPRESSIONS for metric, _ in selectors(expression)[0]}
    unused = {one for one in LABELS if one.startswith("modicum_")} - named
    assert unused <= {
        "modicum_build_info", "modicum_request_duration_seconds", "modicum_tapped_calls_total", "modicum_route_share",
        "modicum_route_audits", "modicum_route_lost", "modicum_route_waiting", "modicum_route_last_audit_timestamp_seconds",
        "modicum_watch_looked_timestamp_seconds",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(FOLDER / "alerts.yaml")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
