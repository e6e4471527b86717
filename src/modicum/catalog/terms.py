"""What the terms of providers say about training models on their answers: one quoted sentence each, with its source and day.

Not legal advice: it says where to look, and the operator's own contract goes before it. A provider whose terms were not opened is not in
here, and is unknown.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any, Literal

from modicum.catalog.card import Card
from modicum.errors import ConfigError

NOT_ADVICE = "not legal advice"
Training = Literal["allowed", "restricted", "forbidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One sentence of one provider's terms."""

    provider: str
    """For people."""
    kinds: tuple[str, ...]
    """Kinds of provider (openai, anthropic, ...) whose customers agreed to them."""
    laboratories: tuple[str, ...]
    """Whose models they speak of; empty: of all that are sold there."""
    families: tuple[str, ...] = ()
    """Of their families, these alone; empty: all that are not open weights."""
    training: Training
    """allowed; restricted: not for everything, the sentence and the note say what; forbidden."""
    quote: str
    note: str = ""
    title: str
    url: str
    copy: str = ""
    """Where the sentence was read, when that was not at `url`."""
    read: date


@functools.cache
def all_terms() -> tuple[Terms, ...]:
    """All that ship. Raises ConfigError where the file is wrong, which a test sees first."""
    return terms_of((resources.files("modicum.catalog") / "terms.toml").read_text("utf-8"))


def terms_of(text: str) -> tuple[Terms, ...]:
    """Read a file of terms. Raises ConfigError."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"terms.toml is not TOML: {error}") from None
    rows = body.get("terms")
    if not isinstance(rows, list) or body.keys() != {"terms"}:
        raise ConfigError("terms.toml must hold [[terms]] alone")
    return tuple(_terms(row, f"terms.toml: {number}") for number, row in enumerate(rows, 1))


def terms_for(kind: str | None, card: Card | None) -> Terms | None:
    """What holds for answers of a model that came from a kind of provider; None where nothing was read.

    A cloud that sells another's model has terms of its own, so a laboratory's sentence is told for its own service and for open weights.
    """
    for row in all_terms():
        if row.families:
            if card is not None and card.laboratory in row.laboratories and card.family in row.families:
                return row
        elif kind in row.kinds and (card is None or not row.laboratories or card.laboratory in row.laboratories):
            return row
    return None


def _terms(row: Any, where: str) -> Terms:
    hints = typing.get_type_hints(Terms)
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is not a table")
    if unknown := sorted(row.keys() - hints.keys()):
        raise ConfigError(f"{where}: unknown key '{unknown[0]}'")
    lacking = [f.name for f in dataclasses.fields(Terms) if f.default is dataclasses.MISSING and f.name not in row]
    if lacking:
        raise ConfigError(f"{where} lacks {' and '.join(lacking)}")
    return Terms(**{key: _value(hints, key, value, where) for key, value in row.items()})


def _value(hints: Mapping[str, Any], key: str, value: Any, where: str) -> Any:
    hint = hints[key]
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if (typing.get_origin(hint) is Literal and value in typing.get_args(hint)) or (hint in (str, date) and type(value) is hint):
        return value
    raise ConfigError(f"{where}: {key} = {value!r} does not fit")
