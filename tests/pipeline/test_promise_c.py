"""Promise C over a log: of what is answered at most so many are wrong, by labels of what is answered."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from modicum.cli.fit import share_of
from modicum.config import FitConfig
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.labels import Label
from modicum.evaluate.verify import verify
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from tests.pipeline import traffic
from tests.pipeline.test_night import fit, home
from tests.pipeline.test_open_answers import fitted, records

ALPHA = 0.06
WISH = Wish(fit=FitConfig(margin=0.04), alpha=ALPHA, actor="tester")


def test_it_waits_for_labels_of_what_it_would_answer_and_then_promises(tmp_path: Path) -> None:
    rows = list(traffic.sorted_messages(700, wrong=0.02))
    config = home(tmp_path, [row for row, _ in rows])
    first = fit(config, WISH)
    assert (first.verdict, first.code) == ("refused", "too_few_labels")
    assert first.request_file is not None and "of its answers are wrong needs labels" in first.reason
    wanted = {msgspec.json.decode(line)["id"] for line in Path(first.request_file).read_bytes().splitlines()}
    (attempt,) = Control(config.home).attempts(first.workload_id)
    assert attempt.kinds == ("C",) and attempt.margin == attempt.max_selective == ALPHA
    assert len(wanted) == first.needs_labels and attempt.groups >= len(wanted) > 0.5 * attempt.groups

    gold = {row["response"]["id"]: Label(gold=label) for row, label in rows if row["response"]["id"] in wanted}
    second = fit(config, dataclasses.replace(WISH, labels=gold))
    certificate = second.certificate
    assert second.verdict == "certified" and certificate is not None and second.attempt_id == first.attempt_id
    assert certificate.kind == "C" and certificate.rate == certificate.errors / certificate.accepted <= ALPHA
    assert certificate.sentence.startswith("of 100 that it answers itself at most 6 are wrong")
    assert verify(certificate_file(certificate, Control(config.home).evidence(certificate.certificate_id))).holds


def test_where_gold_is_at_hand_it_is_planned_and_tested_by_it(tmp_path: Path) -> None:
    rows = list(traffic.sorted_messages(900, wrong=0.25))
    config = home(tmp_path, [row for row, _ in rows])
    gold = {row["response"]["id"]: Label(gold=label) for row, label in rows}
    verdict = fit(config, dataclasses.replace(WISH, labels=gold))
    assert verdict.certificate is not None and verdict.certificate.kind == "C", verdict.reason
    assert verdict.certificate.coverage > 0.3, "what the incumbent gets wrong at random does not count against it"
    again = fit(config, dataclasses.replace(WISH, labels=gold, alpha=None))
    assert again.code == "too_few_calls", "another promise wants a window that nobody has opened"


def test_of_open_answers_it_is_not_promised_for_labels_of_outlines_would_not_see_what_was_copied(tmp_path: Path) -> None:
    config, workload, verdict = fitted(tmp_path, records(200), WISH)
    assert (verdict.verdict, verdict.code, verdict.request_file) == ("refused", "open_answers", None)
    assert Control(config.home).attempts(workload.workload_id) == []


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.05", 0.05), (None, None)])
def test_a_share_may_be_written_as_per_cent(text: str | None, share: float | None) -> None:
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["", "%", "2", "0", "100%", "-1%", "two"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is no share"):
        share_of(text)
