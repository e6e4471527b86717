"""`modicum report`: several forms from one computation, budgets, periods, currencies, and exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.errors import InputError, NotEnoughDataError
from tests.report.test_command import write_log


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 240 calls on twelve days of October, at $0.00016 each."""
    folder = tmp_path_factory.mktemp("delivering")
    result = CliRunner().invoke(cli, ["report", "--home", str(folder / "home"), str(write_log(folder / "log.jsonl"))])
    assert result.exit_code == 0, result.output
    return folder / "home"


def run(home: Path, *args: str) -> Result:
    result = CliRunner().invoke(cli, ["report", "--home", str(home), *args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_several_forms_from_one_computation(home: Path, tmp_path: Path) -> None:
    html, table, document = tmp_path / "r.html", tmp_path / "r.csv", tmp_path / "r.json"
    result = run(home, "--html", str(html), "--csv", str(table), "--json", str(document), "--currency", "MYR", "--rate", "4.7")
    assert result.exit_code == 0
    found = json.loads(document.read_text())
    month = found["totals"]["spend_myr_month"]
    assert month == pytest.approx(240 * (60 * 2.5 + 10) / 1e6 * 30.44 / 12 * 4.7, rel=1e-4)
    shown = f"RM\u00a0{month:.2f}"
    assert shown in result.stdout and shown in html.read_text()
    assert f",{month:.4f}"[:7] in table.read_text() and "spend_myr_month" in table.read_text().splitlines()[0]
    assert "A dollar is taken as MYR\u00a04.7 (as given on the command line" in result.stdout


def test_json_alone_is_all_that_is_printed(home: Path, tmp_path: Path) -> None:
    result = run(home, "--format", "json", "--csv", str(tmp_path / "all"))
    assert json.loads(result.stdout)["totals"]["calls"] == 240
    assert "tables are in" in result.stderr
    assert (tmp_path / "all" / "trend.csv").is_file()


def test_over_budget_exits_3_and_says_by_how_much(home: Path) -> None:
    over = run(home, "--threshold", "MYR 0.10", "--rate", "4.7", "--fail-over-budget")
    assert over.exit_code == 3 and "Over budget: RM\u00a00.46 a month of RM\u00a00.10 allowed" in over.stderr
    under = run(home, "--threshold", "$100", "--fail-over-budget")
    assert under.exit_code == 0 and "of $100 allowed" in under.stdout
    assert run(home, "--threshold", "MYR 0.10", "--rate", "4.7").exit_code == 0  # said, not enforced


def test_a_budget_that_nobody_can_check_does_not_pass(home: Path, tmp_path: Path) -> None:
    settings = tmp_path / "modicum.toml"
    settings.write_text('[report]\nthreshold = "USD 5"\n')
    log = tmp_path / "log.jsonl"
    log.write_text(write_log(tmp_path / "known.jsonl").read_text().replace("gpt-4o", "our-own-model"))
    result = run(tmp_path / "home", str(log), "--config", str(settings), "--fail-over-budget")
    assert result.exit_code == 3 and "Whether $5.00 a month is kept is unknown" in result.stderr


def test_refused_lines_are_in_the_report_and_over_budget_weighs_more(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", broken=2)
    result = run(tmp_path / "home", str(log), "--threshold", "USD 0.01", "--fail-over-budget", "--format", "json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["refused_lines"] == 2


def test_two_periods(home: Path) -> None:
    found = json.loads(run(home, "--compare", "2026-10-07..2026-10-12", "--format", "json").stdout)
    assert found["totals"]["calls"] == 120 and found["period_from"] == "2026-10-07"
    comparison = found["comparison"]
    assert (comparison["before"]["first"], comparison["before"]["calls"], comparison["after"]["calls"]) == ("2026-10-01", 120, 120)
    again = json.loads(
        run(home, "--since", "2026-10-07", "--until", "2026-10-13", "--against", "2026-10-01..2026-10-06", "--format", "json").stdout
    )
    assert again["comparison"] == comparison


def test_days_alone(home: Path) -> None:
    assert json.loads(run(home, "--since", "2026-10-12", "--format", "json").stdout)["totals"]["calls"] == 20


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--fail-over-budget",), "without a budget"),
        (("--threshold", "MYR 3000"), "is not known, and nothing is fetched"),
        (("--threshold", "plenty"), "not an amount"),
        (("--currency", "ringgit"), "not a currency"),
        (("--compare", "october"), "no period"),
        (("--compare", "2026-10", "--since", "2026-10-02"), "so do --since"),
        (("--against", "2026-10"), "without the days"),
        (("--since", "2026-10-05", "--until", "2026-10-05"), "no day lies between"),
        (("--since", "yesterday"), "is not a day"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_read(home: Path, args: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(home, *args)


def test_days_without_calls_say_where_there_are_some(home: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="between 2026-09-01 and 2026-09-30") as raised:
        run(home, "--compare", "2026-09")
    assert raised.value.hint == "there are calls from 2026-10-01 to 2026-10-12"
    with pytest.raises(NotEnoughDataError, match="to compare with"):
        run(home, "--compare", "2026-10")
