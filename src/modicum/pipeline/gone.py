"""Attempts whose model is gone while they wait for labels: erased with the words that it knew, or lost.

What was declared is that model and no other. Without it nothing may be certified, and labels that come are not consulted, so they spend
nothing; whoever gave them is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modicum.artefact import Artefacts
from modicum.errors import ArtefactError
from modicum.evaluate.labels import Label
from modicum.pipeline.window import unpack
from modicum.store.control import Control
from modicum.types import Attempt, Workload

TRIAL = "try-"
"""How the fingerprint of an attempt with another model begins."""


def is_kept(home: Path, attempt: Attempt) -> bool:
    """Is the artefact that it declared there, and whole?"""
    try:
        Artefacts(home / "artefacts").read(attempt.artefact_digest)
    except ArtefactError:
        return False
    return True


def what_is_gone(attempt: Attempt) -> str:
    """What is gone, as the subject of a sentence."""
    return f"the model that attempt {attempt.number} declared ({attempt.artefact_digest[:19]}) is gone, erased or lost"


def left_behind(home: Path, control: Control, workload: Workload, labels: Mapping[str, Label], *, trials: bool = False) -> str:
    """What becomes of labels that speak of an attempt whose model is gone, in one sentence; empty where there are none.

    `trials`: of attempts with another model (`try`), else of those of `fit`. Said until a later attempt is certified.
    """
    if not labels:
        return ""
    certified = max((one.attempt_number for one in control.certificates(workload.workload_id)), default=0)
    for attempt in reversed(control.attempts(workload.workload_id)):
        if attempt.number <= certified or attempt.kinds == ("A",) or attempt.fingerprint.startswith(TRIAL) != trials:
            continue
        record = None if control.looked_with(attempt.attempt_id) is not None else control.window(attempt.attempt_id)
        if record is None or not (known := unpack(record).known(labels)) or is_kept(home, attempt):
            continue
        again = "`modicum try` tests it anew" if trials else f"`modicum fit {workload.name}` builds another"
        many = f"{len(known):,} label{' is' if len(known) == 1 else 's are'}"
        return (
            f"{many} of no use any more: {what_is_gone(attempt)}; {again} as soon as there are newer calls, and may ask for labels of these"
        )
    return ""
