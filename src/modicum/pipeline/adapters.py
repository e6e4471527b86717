"""An adapter for one workload: recorded requests as they are seen, with the answers they got, to files that a server loads.

It learns from the old calls alone. What it learnt from is on record, so that `modicum try` certifies it on calls that are newer. It is
served by somebody else's program, under a name that holds the digest of its weights; here nothing runs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from modicum import workload as contracts
from modicum.artefact import Artefacts
from modicum.backends.adapter import Engine, commands
from modicum.backends.priced import priced
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import ConfigError, InputError, NotEnoughDataError, NotFoundError
from modicum.evaluate.groups import group_samples
from modicum.evaluate.split import find_cut, split_by_time
from modicum.pipeline.adapter_files import DIGITS, Record, adapters_of, is_in, lay_out
from modicum.pipeline.bundles import review_terms
from modicum.pipeline.prepare import SEED
from modicum.pipeline.provenance import describe
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.home import replace
from modicum.train import adapter, adapter_gguf
from modicum.train.adapter import Pair, Recipe
from modicum.train.base_names import name_of
from modicum.types import Sample, Workload
from modicum.wire import chat

MOST_CALLS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An adapter that was trained."""

    name: str
    """Under which it is served: the workload's name and the first digits of its weights' digest."""
    digest: str
    """Of the artefact."""
    folder: Path
    gguf: Path | None
    """None: llama.cpp has no names for this base's tensors."""
    pairs: int
    too_long: int
    steps: int
    loss_first: float
    loss_last: float
    learnt_until: datetime
    serve: dict[Engine, str]


def make(
    config: Config,
    workload: Workload,
    base: Path,
    recipe: Recipe,
    *,
    terms_reviewed: str,
    actor: str,
    calls: int = MOST_CALLS,
    progress: Callable[[float], None] = lambda share: None,
) -> Made:
    """Train, keep the artefact, and write the folder that servers load. Raises ArtefactError where nobody reviewed the terms, ConfigError,
    NotEnoughDataError, MissingExtraError.
    """
    control, artefacts = Control(config.home), Artefacts(config.home / "artefacts")
    learnt, pairs = training_pairs(config, workload, most=calls)
    said: dict[str, Any] = {"trainer": "lora", "base": name_of(base), "base_weights_sha256": adapter.weights_sha256(base)}
    about = describe(workload, learnt, said)
    use = f"an adapter of {said['base']} is trained for {workload.name}"
    review_terms(control, f"workload {workload.workload_id}", about, note=terms_reviewed, use=use, actor=actor)
    found = adapter.fit(base, pairs, recipe, progress)
    name = f"{_plain(workload.name)}-{found.digest[:DIGITS]}"
    gguf = adapter_gguf.to_gguf(found.files, _config(base))
    counted = {"adapter": name, "steps": found.steps, "loss_first": round(found.loss_first, 6), "loss_last": round(found.loss_last, 6)}
    about = describe(workload, learnt, said | counted | msgspec.to_builtins(recipe))
    files = dict(found.files) | {SPECIALIST_FILE: msgspec.json.encode(Record(name=name, base=said["base"]), order="sorted")}
    digest = artefacts.write(files, about.said(), learnt_from=[sample.call_id for sample in learnt])
    folder = lay_out(config.home, artefacts.read(digest))
    assert folder is not None
    if gguf is not None:
        replace(folder / f"{name}.gguf", gguf)
    at = folder / f"{name}.gguf" if gguf is not None else None
    return Made(
        name=name,
        digest=digest,
        folder=folder,
        gguf=at,
        pairs=found.pairs,
        too_long=found.too_long,
        steps=found.steps,
        loss_first=found.loss_first,
        loss_last=found.loss_last,
        learnt_until=max(sample.at for sample in learnt),
        serve=commands(name, base.resolve(), folder, at),
    )


def training_pairs(config: Config, workload: Workload, *, most: int = MOST_CALLS) -> tuple[list[Sample], list[Pair]]:
    """The newest of the old calls, aligned with what is learnt of each: the request as it is seen, and its answer in the contract's form.

    Raises ConfigError for a contract whose answers are no text, NotEnoughDataError.
    """
    if workload.contract.kind == "tool":
        raise ConfigError(
            f"'{workload.name}' answers by calling tools, and an adapter is trained on texts", hint="`modicum fit` has a caller"
        )
    views, samples = _recorded(config, workload)
    return _pairs(config, workload, views, _old(config, workload, samples), most)


def learnt_pairs(config: Config, workload: Workload, digest: str, *, most: int) -> tuple[list[Sample], list[Pair]]:
    """The same of the newest calls that this adapter learnt from; of the old calls, where it was made elsewhere. Raises as the other."""
    known = Artefacts(config.home / "artefacts").learnt_from(digest)
    if not known:
        return training_pairs(config, workload, most=most)
    views, samples = _recorded(config, workload)
    found = _pairs(config, workload, views, [sample for sample in samples if sample.call_id in known], most)
    if not found[0]:
        raise NotEnoughDataError(f"none of the {len(known):,} calls that it learnt from is here with what it said")
    return found


def _recorded(config: Config, workload: Workload) -> tuple[Views, Sequence[Sample]]:
    views = Views.open(config)
    recogniser = recogniser_of(Control(config.home), workload.scope)
    return views, gather(Calls(config.home), workload, recogniser, Catalogue(*priced(config)), views).samples


def _old(config: Config, workload: Workload, samples: Sequence[Sample]) -> Sequence[Sample]:
    """What may be learnt: older than what certifies next. Raises NotEnoughDataError."""
    attempts = Control(config.home).attempts(workload.workload_id, (s.call_id for s in samples))
    opened = max((attempt.window_to for attempt in attempts), default=None)
    try:
        cut = find_cut(samples, not_before=opened)
        parts = split_by_time(samples, group_samples(samples, cut=cut), seed=SEED, not_before=opened)
    except NotEnoughDataError:
        if opened is None:
            raise
        # Nothing newer certifies yet: that has to be waited for, but not before it is learnt from what was opened.
        return [sample for sample in samples if sample.at <= opened]
    return [samples[i] for i in parts.train]


def _pairs(config: Config, workload: Workload, views: Views, samples: Sequence[Sample], most: int) -> tuple[list[Sample], list[Pair]]:
    newest = sorted((s for s in samples if s.value is not None), key=lambda s: (s.at, s.call_id))[-most:]
    asked = {
        call.call_id: messages
        for call in views.of(Calls(config.home).scan(scope=workload.scope, call_ids=[sample.call_id for sample in newest]))
        if (messages := _messages(call.request)) is not None
    }
    learnt = [sample for sample in newest if sample.call_id in asked]
    pairs = [
        Pair(call_id=s.call_id, messages=asked[s.call_id], answer=contracts.render(workload.contract, s.value))
        for s in learnt
        if s.value is not None
    ]
    return learnt, pairs


def learnt_until(artefacts: Artefacts, model: str, *, unknown_for: str = "") -> datetime | None:
    """Until when the adapter that is served under this name learnt; None where it is none of this home's.

    All adapters of its workload count: llama.cpp takes any name, and may still hold the one before. `unknown_for`: a workload's name, where
    nobody knows what stands behind the model's: it may be an adapter of that workload under an alias.
    """
    own = adapters_of(artefacts)
    workloads = {unknown_for, *(told.workload for name, _, told in own if is_in(name, model))} - {""}
    times = [told.training.last_at for _, _, told in own if told.training is not None and told.workload in workloads]
    return max((at for at in times if at is not None), default=None)


def find_adapter(home: Path, name: str) -> tuple[str, str]:
    """The digest and the workload's name of an adapter by its name. Raises NotFoundError."""
    own = adapters_of(Artefacts(home / "artefacts"))
    for named, digest, told in own:
        if named == name:
            return digest, told.workload
    here = ", ".join(sorted({named for named, _, _ in own}))
    raise NotFoundError(f"no adapter '{name}'", hint=f"here: {here}" if here else "`modicum adapter fit` makes one")


def _messages(request: bytes | None) -> tuple[dict[str, str], ...] | None:
    """Roles and texts; None where a message is not all text."""
    found = []
    with suppress(InputError):
        for message in chat.loads(request or b"").get("messages") or ():
            content = message.get("content")
            if isinstance(content, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in content):
                content = "\n".join(part["text"] for part in content)
            if not isinstance(content, str) or not isinstance(message.get("role"), str):
                return None
            found.append({"role": "system" if message["role"] == "developer" else message["role"], "content": content})
    return tuple(found) or None


def _config(base: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.json.decode((base / "config.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{base / 'config.json'} cannot be read: {error}") from None
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].rstrip("-") or "workload"
