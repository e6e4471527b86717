"""An artefact beside its canary, the same in full precision, over recorded calls that are newer than what it learnt from.

`compare` can be called again and again: a specialist that held when it was made need not hold on what people ask a year later. Nothing of
the calls enters what it returns but labels, lengths, scripts and months.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.artefact import Artefact, Artefacts, about_of
from modicum.backends.encoder import text_of
from modicum.backends.priced import priced
from modicum.backends.specialist import Specialist, load, predict_at
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import NotEnoughDataError, NotFoundError
from modicum.evaluate.groups import text_of_slots
from modicum.pipeline import bundles
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.switching import find_workload
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train import drift
from modicum.train.drift import Compared, Drift, Tolerance, in_full
from modicum.train.drift_shown import Shown, shown
from modicum.types import Sample
from modicum.workload.sameness import normalise

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """What one comparison found."""

    digest: str
    canary: str
    """Digest of the artefact that keeps the encoder in full precision."""
    precision: str
    workload: str
    drift: Drift
    """What was counted; `beyond` is empty unless it is shown."""
    shown: Shown


def compare(config: Config, ref: str, *, most: int, progress: Progress = lambda share: None) -> Drifted:
    """Ask both about the newest distinct requests, `most` at most. `ref`: a digest or its beginning, a route, a workload.

    A call's own answer counts as the right one, for what a loss is. Raises NotFoundError where the artefact has no canary, ArtefactError
    where one of them is damaged, NotEnoughDataError where there is no newer call.
    """
    home = config.home
    artefacts, control = bundles.home_of(home), Control(home)
    artefact = artefacts.read(bundles.find(home, ref))
    pair = pair_of(artefacts, artefact)
    about = about_of(artefact.about)
    workload = find_workload(control, about.workload)
    gathered = gather(Calls(home), workload, recogniser_of(control, workload.scope), Catalogue(*priced(config)), Views.open(config)).samples
    learnt = about.training.last_at if about.training else None
    newer = distinct([one for one in gathered if learnt is None or one.at > learnt])[-most:]
    if not newer:
        raise NotEnoughDataError(f"no call of {workload.name} is newer than what the artefact learnt from")
    compared = ask(pair, newer, progress)
    return told(config, compared, digest=pair.digest, canary=pair.canary, precision=pair.precision, workload=workload.name)


def told(config: Config, compared: Sequence[Compared], *, digest: str, canary: str, precision: str, workload: str) -> Drifted:
    """What was counted, and what that shows of the tolerance that is configured."""
    tolerance = Tolerance(agreement=config.fit.drift_agreement, loss=config.fit.drift_loss)
    counted = drift.compare(compared, tolerance)
    found = shown(counted, tolerance)
    counted = dataclasses.replace(counted, beyond=found.reason if found.word == "beyond" else "")
    return Drifted(digest=digest, canary=canary, precision=precision, workload=workload, drift=counted, shown=found)


def distinct(samples: Sequence[Sample]) -> list[Sample]:
    """Of requests that are alike the newest, in the order of their times: what is counted must not be counted twice."""
    newest = {normalise(text_of_slots(one)): one for one in sorted(samples, key=lambda one: (one.at, one.call_id))}
    return sorted(newest.values(), key=lambda one: (one.at, one.call_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What runs, and the same in full precision."""

    digest: str
    canary: str
    precision: str
    small: Specialist
    whole: Specialist


def pair_of(artefacts: Artefacts, artefact: Artefact) -> Pair:
    """Both, ready to be asked. Raises NotFoundError where no full precision was kept, ArtefactError where it is gone or damaged, and
    MissingExtraError."""
    settings = about_of(artefact.about).settings
    digest = canary_of(settings)
    if not digest:
        raise NotFoundError(
            f"artefact {artefact.digest} has no canary: nothing in it was quantised that full precision was kept of",
            hint="artefacts with an encoder have one; what was fitted by an older version is to be fitted again",
        )
    whole = load(in_full(artefact, artefacts.read(digest)))
    return Pair(digest=artefact.digest, canary=digest, precision=precision_of(settings), small=load(artefact), whole=whole)


def ask(pair: Pair, samples: Sequence[Sample], progress: Progress = lambda share: None) -> list[Compared]:
    """What both say of each request, as of its time."""
    compared = []
    for number, one in enumerate(samples):
        full, said = predict_at(pair.whole, one.slots, one.at), predict_at(pair.small, one.slots, one.at)
        text = text_of(one.slots, pair.small.used_slots)
        compared.append(Compared(sample=one, text=text, full=full.value, small=said.value))
        progress((number + 1) / len(samples))
    return compared


def canary_of(settings: Mapping[str, Any]) -> str:
    """Digest of the artefact that keeps the full precision; empty where there is none."""
    return str(settings.get("canary", ""))


def precision_of(settings: Mapping[str, Any]) -> str:
    """Of the encoder that runs; empty where there is none."""
    return str(settings.get("precision", ""))
