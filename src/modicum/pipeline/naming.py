"""What really answered a trial: some servers take any name, and what they hold is then another model than the one that was asked for.

An adapter is asked for by a name that no other weights have: there, another name in the answer ends the asking. Elsewhere an alias is
usual, and the trial says whose answers it tested.
"""

from __future__ import annotations

import dataclasses

from modicum.artefact import Artefacts
from modicum.backends.facts import facts
from modicum.backends.model import ModelStage
from modicum.pipeline.adapter_files import adapters_of, is_in, is_shaped, parts
from modicum.store.answers import Answered


def adapter_in(artefacts: Artefacts, model: str, kind: str) -> str:
    """The adapter that is asked for by this name: one of this home, or of another where a server of one's own is asked by a name that is
    put together as theirs are. Empty: none. `kind`: of provider."""
    own = next((name for name, _, _ in adapters_of(artefacts) if is_in(name, model)), "")
    return own or ("" if facts(kind).needs_key else next((part for part in parts(model) if is_shaped(part)), ""))


def wrong_adapter(wanted: str, asked: str, served: list[str]) -> str:
    """Why a server that names these is not to be asked for an adapter; empty: it may hold it, or names nothing.

    `asked`: the whole name; of BASE:NAME, as SGLang has it, a server may name the base alone.
    """
    if not wanted or not served or any(wanted in name or asked.startswith(f"{name}:") for name in served):
        return ""
    return (
        f"adapter {wanted} was asked for, and the server calls what it holds {', '.join(served[:5])}: serve the adapter that is to be tried"
    )


def other_name(stage: ModelStage, kind: str) -> str:
    """What to say where a server of one's own answers by another name than it was asked by; empty: nothing."""
    if stage.answering == stage.name or facts(kind).needs_key:
        return ""
    return f"it was asked for as {stage.model}, and its answers call it {stage.revision}: that is what was tried"


def declared(row: Answered, revision: str) -> Answered:
    """An answer of what was declared as it is; one of another model is none, as it would be by day."""
    if not revision or not row.model or row.model == revision or row.response is None:
        return row
    return dataclasses.replace(row, response=None, error=f"answered by {row.model}, not {revision}")
