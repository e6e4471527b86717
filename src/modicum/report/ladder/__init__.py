"""From workloads to a shortlist: everything that could answer a workload, the smallest first, with what it costs, saves and lacks.

    settings    what is assumed where no record says
    bill, net   the same calls at two prices; the saving with its interval
    needs       what a workload needs of a model, and what stands against one
    sellers     who sells it
    evidence    what published results say of it beside another
    market      which models can be put to it, and where
    choice      which of them are shown
    ours        exact cache and specialist
    models      a smaller model of the laboratory, an open one at a provider
    own         an open model on own hardware
    caching     today's model with its provider's prompt caching
    same        today's model in batches, with a shorter prompt, as it is
    reasons     which models write to themselves before they answer
    build       the ladders
    counted     what the certificates in force come to beside them
    declared    the same from a list that somebody declares
    baselines   the bill under simple rules
    shares      how much is almost free
    retiring    what stops answering
    worth       whether anything is worth changing

Pure: records in, records out. How each row is computed: docs/ladder.md.
"""

from modicum.report.ladder.baselines import baselines
from modicum.report.ladder.build import ladders
from modicum.report.ladder.declared import declared_ladders
from modicum.report.ladder.fill import with_ladders
from modicum.report.ladder.retiring import retiring
from modicum.report.ladder.settings import LadderSettings
from modicum.report.ladder.shares import shares
from modicum.report.ladder.worth import worth

__all__ = ["LadderSettings", "baselines", "declared_ladders", "ladders", "retiring", "shares", "with_ladders", "worth"]
