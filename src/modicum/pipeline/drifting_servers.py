"""Two model servers on this machine, one in full precision and one quantised: how often do they say the same of recorded calls?

Only servers on this machine are asked: nothing leaves it and nothing is paid, so nobody has to agree. What the incumbent answered is not
read, so no call is opened by this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from modicum.backends.encoder import text_of
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import ConfigError, InputError, NotEnoughDataError
from modicum.pipeline.candidate import find_candidate
from modicum.pipeline.drifting import Drifted, distinct, told
from modicum.pipeline.inquiry import Inquiry, Purse, reply_of
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.switching import find_workload
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train.drift import Compared
from modicum.types import Sample

UNREADABLE = "(cannot be read)"

Progress = Callable[[float], None]


def between(config: Config, full: str, small: str, ref: str, *, most: int, progress: Progress = lambda share: None) -> Drifted:
    """Ask both models (`provider/model`) about the newest distinct requests of a workload, `most` at most; what was answered before is not
    asked again.

    Raises ConfigError where one of them is on another machine, InputError for a workload of free text, NotEnoughDataError where nothing
    could be asked.
    """
    home, control = config.home, Control(config.home)
    workload = find_workload(control, ref)
    if workload.contract.kind == "text":
        raise InputError(f"{workload.name} answers in free text, of which hardly two are equal", hint="`modicum try` compares texts")
    models = [find_candidate(config, name) for name in (full, small)]
    for model in models:
        if not model.here:
            raise ConfigError(f"{model.deployment.name} is at {model.host}: only servers on this machine are asked", hint="`modicum try`")
    catalogue = Catalogue(*priced(config))
    gathered = gather(Calls(home), workload, recogniser_of(control, workload.scope), catalogue, Views.open(config)).samples
    samples = distinct(gathered)[-most:]
    said: list[dict[str, str]] = []
    for number, model in enumerate(models):
        inquiry = Inquiry(config, model, catalogue, Purse(budget_usd=None))
        stage = model.stage(workload.contract, constrain=True)

        def tell(share: float, number: int = number) -> None:
            progress((number + share) / len(models))

        rows = inquiry.ask(workload, stage, [one.call_id for one in samples], tell)
        if inquiry.stopped:
            raise NotEnoughDataError(f"{model.deployment.name}: {inquiry.stopped}", hint="run it again: what was answered is kept")
        said.append({one.call_id: reply_of(workload, one, rows[one.call_id]).value or UNREADABLE for one in samples if one.call_id in rows})
    compared = [_pair(one, said[0][one.call_id], said[1][one.call_id]) for one in samples if all(one.call_id in part for part in said)]
    if not compared:
        raise NotEnoughDataError(f"no recorded call of {workload.name} could be asked")
    return told(
        config,
        compared,
        digest=models[1].deployment.name,
        canary=models[0].deployment.name,
        precision=f"{models[1].deployment.name} beside {models[0].deployment.name}",
        workload=workload.name,
    )


def _pair(sample: Sample, full: str, small: str) -> Compared:
    text = text_of(sample.slots, [name for name, _ in sample.slots])
    return Compared(sample=dataclasses.replace(sample, value=None), text=text, full=full, small=small)
