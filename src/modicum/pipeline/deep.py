"""`certificate verify --deep`: run the certified artefact again on the calls that are still here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from modicum.artefact import Artefacts
from modicum.backends.priced import priced
from modicum.backends.specialist import load, predict_at
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.evaluate.rows import row_key, rows_of
from modicum.pipeline.outlines import outlined
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.switching import find_workload
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.key import evidence_key
from modicum.types import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What running the artefact again showed."""

    rows: int
    found: int
    """Rows whose call is still here."""
    different: int
    """Of these, rows where the artefact or the incumbent's answer is not what the evidence says."""

    @property
    def holds(self) -> bool:
        return self.different == 0

    @property
    def words(self) -> str:
        return f"Run again on {self.found:,} of {self.rows:,} calls (the others are gone): {self.different:,} differ from the evidence."


def replay_evidence(config: Config, data: bytes, certificate: Certificate) -> Replayed:
    """Find the evidence's calls by their keyed hashes and predict them again. Raises NotFoundError or ArtefactError."""
    control = Control(config.home)
    workload = find_workload(control, certificate.workload_id)
    if certificate.contract is not None:  # the answers were read by it, whatever is found since
        workload = dataclasses.replace(workload, contract=certificate.contract)
    specialist = load(Artefacts(config.home / "artefacts").read(certificate.artefact_digest))
    rows = {row.key: row for row in rows_of(data)}
    key = evidence_key(config.home)
    samples = gather(
        Calls(config.home), workload, recogniser_of(control, workload.scope), Catalogue(*priced(config)), Views.open(config)
    ).samples
    found = different = 0
    for sample in samples:
        row = rows.get(row_key(key, sample.call_id))
        if row is not None:
            found += 1
            (known,), (told,) = outlined(workload.contract, [sample], [predict_at(specialist, sample.slots, sample.at)])
            different += (told.value, told.confidence, known.value) != (row.said, row.score, row.told)
    return Replayed(rows=len(rows), found=found, different=different)
