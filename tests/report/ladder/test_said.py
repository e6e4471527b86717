"""What a reader is told beside the figures."""

import io

from rich.console import Console

from modicum.report import said
from modicum.report.ladder.text import table
from modicum.report.rungs import Ladder
from tests.report.ladder_records import one, open_4b, traffic
from tests.report.records import days, workload


def printed(its: Ladder) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(table(its))
    return " ".join(out.getvalue().split())


def test_what_savings_are_held_over_is_said() -> None:
    assert said.over(one(days(10))) == "Savings over 1,000 calls of 10 days; a month like these brings 3,044 calls."
    few = said.over(one(days(2)))
    assert few.startswith("Savings over 200 calls of 2 days; a month like these brings ")
    assert few.endswith("; 2 days are too few to say how days differ.")
    declared = said.over(Ladder(workload_id="w", rungs=(), calls=900))
    assert declared == (
        "Savings of 900 declared calls a month; intervals hold what each way supposes of tokens, and not how months differ: nobody"
        " recorded any."
    )


def test_what_a_model_may_not_be_able_to_do_is_said_in_words() -> None:
    from modicum.types import Contract

    record = Contract(kind="object", labels=("a", "b"), reader="json", read_share=1.0)
    its = one(days(10), open_4b(abilities=None), workloads=[workload(contract=record)], told=traffic(image_share=0.0, tool_share=0.0))
    assert "no source says that it answers under a JSON schema; these answers are JSON" in printed(its)
