"""Say who answers for a workload and what it is for. Nothing of the calls is looked at again: it changes no workload."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Literal

from modicum.config import Config
from modicum.errors import InputError
from modicum.pipeline.switching import find_workload
from modicum.store.control import Control
from modicum.types import OperatorDecision, Workload

LONGEST = {"owner": 200, "purpose": 1000}


def own(config: Config, ref: str, *, owner: str | None, purpose: str | None, actor: str) -> Workload:
    """Write down who the owner is, what the purpose is, or both; "" takes it back. Raises InputError, NotFoundError."""
    control = Control(config.home)
    workload = find_workload(control, ref)
    said: list[tuple[Literal["owner", "purpose"], str]] = []
    if owner is not None:
        said.append(("owner", _checked("owner", owner)))
    if purpose is not None:
        said.append(("purpose", _checked("purpose", purpose)))
    for kind, payload in said:
        control.add_decision(
            OperatorDecision(
                decision_id=f"d_{uuid.uuid4().hex[:12]}",
                scope=workload.scope,
                kind=kind,
                workload_id=workload.workload_id,
                payload=payload,
                at=datetime.now(UTC),
                actor=actor,
            )
        )
    return workload


def _checked(what: str, text: str) -> str:
    """On one line. Raises InputError."""
    line = " ".join(text.split())
    if len(line) > LONGEST[what]:
        raise InputError(f"the {what} has at most {LONGEST[what]} characters, this one has {len(line):,}")
    if not line.isprintable():
        raise InputError(f"the {what} holds no control characters")
    return line
