"""What people and systems said is right, as digests: of a call's name -> of the right value. Read anew where feedback came."""

from __future__ import annotations

from pathlib import Path

from modicum.store import feedback
from modicum.store.key import evidence_key
from modicum.types import Feedback, Workload
from modicum.watch.draws import Keys
from modicum.watch.waiting import STRANGE, Labels


class Labelled:
    """The labels of a home that a certificate would take: of a person or a system, and a value of the workload's contract."""

    def __init__(self, home: Path, keys: Keys | None = None) -> None:
        self._home, self._keys = home, keys or Keys(evidence_key(home))
        self._version = ""
        self._rows: dict[str, list[Feedback]] = {}
        self._labels: dict[str, Labels] = {}
        self._judging: dict[str, Labels] = {}

    def of(self, workload: Workload) -> Labels:
        """The labels that speak of calls of this workload, and of others of its scope that have such values."""
        self._learn(workload)
        return self._labels[workload.workload_id]

    def judging(self, workload: Workload) -> Labels:
        """The same, and `STRANGE` for the calls of which somebody says that none of the contract's values is right."""
        self._learn(workload)
        return self._judging[workload.workload_id]

    def _learn(self, workload: Workload) -> None:
        if (version := feedback.version(self._home)) != self._version:
            self._version, self._rows, self._labels, self._judging = version, {}, {}, {}
            for row in feedback.read(self._home):
                if row.label is not None and row.call and row.source != "model":
                    self._rows.setdefault(row.scope, []).append(row)
        if workload.workload_id in self._labels:
            return
        self._labels[workload.workload_id] = self._judging[workload.workload_id] = {}
        if not (rows := self._rows.get(workload.scope)):
            return
        from modicum.evaluate.told import Told  # loads arrays, which only promises about quality need

        told = Told.of(rows)
        wanted = told.wanted(workload.contract)
        known = {self._keys.of(name): self._keys.answer(label.gold) for name, label in wanted.items() if label.gold is not None}
        self._labels[workload.workload_id] = known
        self._judging[workload.workload_id] = {**{self._keys.of(name): STRANGE for name in told.labels if name not in wanted}, **known}
