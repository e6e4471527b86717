from __future__ import annotations

import math

from modicum.evaluate.audits import wrong_answers
from modicum.evaluate.labels import Label, specialist_is_a
from modicum.evaluate.table import tabulate
from modicum.types import Prediction, Rule
from tests.evaluate.samples import sample


def test_gold_and_verdicts_say_what_is_wrong() -> None:
    samples = [sample(i, f"t{i}", "no") for i in range(6)]
    table = tabulate(samples, [Prediction(value="yes", confidence=0.5)] * 6, Rule(accept_above=0))
    side = "a" if specialist_is_a("att-1", "resp-3") else "b"
    found = wrong_answers(
        table,
        {
            "resp-0": Label(gold=" YES"),
            "call-1": Label(gold="no"),
            "resp-2": Label(verdict="neither"),
            "resp-3": Label(verdict="a" if side == "a" else "b"),
            "resp-4": Label(verdict="both"),
            "another": Label(gold="yes"),
        },
        "att-1",
    )
    assert found[:5].tolist() == [0, 1, 1, 0, 0]
    assert math.isnan(found[5])


def test_a_row_that_agrees_with_the_incumbent_may_be_wrong_as_well() -> None:
    table = tabulate([sample(0, "t", "yes")], [Prediction(value="yes", confidence=0.5)], Rule(accept_above=0))
    wrong = wrong_answers(table, {"resp-0": Label(gold="no")}, None)
    assert wrong.tolist() == [1] and not table.differs[0] and table.judged(wrong).differs[0]
