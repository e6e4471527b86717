"""Why nothing can be fitted to a workload, in words that are right for its kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from modicum.pipeline.refusing import unfit
from modicum.report.standing import NOT_YET, standing, unsuited
from modicum.types import TaskKind
from tests.report.records import workload

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("task", get_args(TaskKind))
def test_vectors_and_ranks_lack_no_template(task: TaskKind) -> None:
    one = replace(workload(), task=task, routable=False)
    told = standing(one, None, None, {}, NOW)
    wanted = "numbers_of_a_model" if task in ("embed", "rerank") else "thin_template"
    assert (told.state, told.code, told.reason) == ("unsuited", wanted, NOT_YET[wanted])
    assert unsuited(one) == wanted
    refused = unfit(one)
    assert refused is not None and refused.code == wanted
