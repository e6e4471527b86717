"""The night walk: calls -> workloads -> a specialist for each -> what it may answer, proven -> a proposed route.

bring_in    logs -> calls                      (`modicum import`)
find        calls -> workloads                 (`modicum workloads`)
fit         workload -> verdict                (`modicum fit`), the walk itself, in `night.py`
switch      a person's decision on a route     (`modicum route`)
publish     what the day is told of all this
"""

from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.deep import replay_evidence
from modicum.pipeline.find import decide, find
from modicum.pipeline.samples import count_answers
from modicum.pipeline.switching import find_workload, publish, switch

__all__ = ["bring_in", "count_answers", "decide", "find", "find_workload", "publish", "replay_evidence", "switch"]
