"""A small world with one route: headlines that rise or fall, and a specialist that knows the words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.numpy import save

from modicum.artefact import Artefacts
from modicum.backends.embed import Embedder
from modicum.backends.encoder import HEAD_FILE, EncoderSpecialist
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.linear import WEIGHTS_FILE
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.store import home as store_home
from modicum.store import snapshot
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.train.export import in_memory
from modicum.types import Before, Contract, Cover, Pattern, Route, RouteState, Rule, Template, Version, Workload
from modicum.view import VIEW_VERSION
from tests.backends.tiny_encoder import HOW, tiny_files

SYSTEM = "You say whether a headline tells of a rising price. Answer up or down."
START = datetime(2026, 1, 1, tzinfo=UTC)
UP, DOWN, OPEN = "Gold rises", "Gold falls", "Gold holds"
"""What the specialist says up to, down to, and is not sure of."""


def headline(text: str, **more: Any) -> dict[str, Any]:
    """A request of the workload."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Headline: {text}"}]
    return {"model": "gpt-4", "messages": messages, **more}


def workload(form: str = "{}", contract: Contract | None = None, versions: tuple[str, ...] = ("v1",)) -> Workload:
    user = Pattern(literals=("Headline: ",), anchored_start=True)
    wordings = {
        version_id: Pattern(literals=(SYSTEM + " Be quick." * number,), anchored_start=True, anchored_end=True)
        for number, version_id in enumerate(versions)
    }
    return Workload(
        workload_id="w1",
        scope="default",
        name="direction",
        task="classify",
        contract=contract or Contract(kind="label", labels=("down", "up"), form=form, read_share=1.0),
        versions=tuple(
            Version(version_id=version_id, template=Template(key="", system=system, user=user), first_seen=START, last_seen=START)
            for version_id, system in wordings.items()
        ),
        incumbents=("gpt-4",),
        first_seen=START,
        last_seen=START,
    )


def artefact(home: Path) -> str:
    """Write the specialist; returns its digest."""
    body = {
        "kind": "linear",
        "features_version": FEATURES_VERSION,
        "labels": ["down", "up"],
        "used_slots": ["user.0"],
        "temperature": 4.0,
        "unit": 1 / 127 / 2**20,
        "blocks": [{"slot": "user.0", "kind": "words", "features": ["rises", "falls"]}],
    }
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "weights": np.array([[-127, 127], [127, -127]], dtype=np.int8),
        "scale": np.ones(2, dtype=np.float32),
        "rarity": np.full(2, 256, dtype=np.uint16),
        "bias": np.zeros(2),
    }
    files = {SPECIALIST_FILE: msgspec.json.encode(body), WEIGHTS_FILE: save(tensors)}
    return Artefacts(store_home.prepare(home) / "artefacts").write(files, {"made_by": "a test"})


def encoder_artefact(home: Path) -> str:
    """The same by an encoder over three words; what holds none of them is out of scope."""
    files = tiny_files(["rises", "falls", "gold"])
    embedder = Embedder(in_memory(files), HOW)
    near = np.stack([embedder.embed("gold falls"), embedder.embed("gold rises")])
    apart = near[1] - near[0]
    body = EncoderSpecialist(kind="encoder", labels=["down", "up"], used_slots=["user.0"], temperature=8.0, scope_floor=0.55, embedding=HOW)
    head: dict[str, np.ndarray[Any, Any]] = {
        "weights": np.stack([-apart, apart], axis=1).astype(np.float32),
        "bias": np.array([1, -1], np.float32) * float((near[0] + near[1]) @ apart / 2),
        "centres": np.rint(near * 127).astype(np.int8),
    }
    files |= {SPECIALIST_FILE: msgspec.json.encode(body), HEAD_FILE: save(head)}
    return Artefacts(store_home.prepare(home) / "artefacts").write(files, {"made_by": "a test"})


def publish(
    home: Path,
    state: RouteState = "on",
    *,
    made: Callable[[Path], str] = artefact,
    expires_at: datetime | None = None,
    rule: Rule | None = None,
    scope: str = "default",
    form: str = "{}",
    max_input_chars: int = 500,
    contract: Contract | None = None,
    route_id: str = "r1",
    share: float = 0.1,
    control_share: float | None = None,
    before: Before | None = None,
    changed_at: datetime = START,
    max_turns: int = 1,
    versions: tuple[str, ...] = ("v1",),
) -> str:
    """Hand a snapshot with one route to the day; returns the artefact's digest."""
    digest = made(home)
    route = Route(
        route_id=route_id,
        workload_id="w1",
        scope=scope,
        artefact_digest=digest,
        certificate_id="c1",
        state=state,
        changed_at=changed_at,
        changed_by="tester",
        share=share,
        control_share=control_share,
        before=before,
    )
    cover = Cover(
        incumbents=("gpt-4",), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=max_input_chars, max_turns=max_turns
    )
    live = LiveRoute(
        route=route,
        rule=rule or Rule(accept_above=0.9),
        cover=cover,
        expires_at=expires_at or datetime.now(UTC) + timedelta(days=90),
    )
    now = datetime.now(UTC).isoformat()
    found = dataclasses.replace(workload(form, contract, versions), scope=scope)
    snapshot.write(home, Snapshot(version=now, workloads=(found,), routes=(live,)))
    return digest
