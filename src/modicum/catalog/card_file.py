"""Read one file of model cards: TOML, a laboratory a file, sources named once and referred to. Nothing is fetched.

Wrong files are refused with the place: a key that is not known, a type or a word that does not fit, a fact without a source, a source
that nobody refers to, a date in the future.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from modicum.catalog.card import (
    Abilities,
    Card,
    Languages,
    Licence,
    Limits,
    Released,
    Retirement,
    Score,
    Source,
    Weights,
)
from modicum.errors import ConfigError

LONGEST_FILE = 1 << 20
MOST_MODELS = 2_000
TOP = ("laboratory", "sold_as", "sources", "models")
GROUPS: Mapping[str, type[Any]] = {
    "released": Released,
    "limits": Limits,
    "abilities": Abilities,
    "weights": Weights,
    "licence": Licence,
    "languages": Languages,
}
LISTS: Mapping[str, type[Any]] = {"retires": Retirement, "scores": Score}
PLAIN = ("id", "family", "kind", "names")
LICENCE_NAME = re.compile(r"(?:LicenseRef-)?[A-Za-z0-9][A-Za-z0-9.+-]*")


def cards_of(text: bytes, where: str, *, own: bool = False, today: date | None = None) -> tuple[Card, ...]:
    """The cards of one file. Raises ConfigError with the place of what is wrong. `today` bounds the dates; None: they are not."""
    if len(text) > LONGEST_FILE:
        raise ConfigError(f"{where} is longer than {LONGEST_FILE} bytes")
    try:
        body = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    _known(body, TOP, where)
    laboratory = _checked(str, body.get("laboratory"), f"{where}: laboratory")
    sold_as = _checked(str, body.get("sold_as", ""), f"{where}: sold_as")
    sources = {name: _source(row, f"{where}: sources.{name}", today) for name, row in _table(body, "sources", where).items()}
    rows = body.get("models", [])
    if not isinstance(rows, list) or not rows or len(rows) > MOST_MODELS:
        raise ConfigError(f"{where} must hold [[models]], at most {MOST_MODELS}")
    used: set[str] = set()
    cards = tuple(_card(row, f"{where}: model {number}", laboratory, sold_as, sources, used, own) for number, row in enumerate(rows, 1))
    if idle := sorted(sources.keys() - used):
        raise ConfigError(f"{where}: nothing refers to the source '{idle[0]}'")
    return cards


def _card(row: Any, where: str, laboratory: str, sold_as: str, sources: Mapping[str, Source], used: set[str], own: bool) -> Card:
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is not a table")
    where = f"{where} ('{row['id']}')" if isinstance(row.get("id"), str) else where
    _known(row, (*PLAIN, *GROUPS, *LISTS), where)
    hints = _hints(Card)
    values: dict[str, Any] = {name: _checked(hints[name], row[name], f"{where}: {name}") for name in PLAIN if name in row}
    if lacking := [name for name in ("id", "family", "kind") if not values.get(name)]:
        raise ConfigError(f"{where} lacks {' and '.join(lacking)}")
    for name, record in GROUPS.items():
        if name in row:
            values[name] = _group(record, row[name], f"{where}: {name}", sources, used)
    for name, record in LISTS.items():
        if name in row:
            if not isinstance(row[name], list):
                raise ConfigError(f"{where}: {name} is not a list")
            values[name] = tuple(_group(record, one, f"{where}: {name}", sources, used) for one in row[name])
    made = Card(laboratory=laboratory, sold_as=sold_as, own=own, **values)
    _check(made, where)
    return made


def _group(record: Any, row: Any, where: str, sources: Mapping[str, Source], used: set[str]) -> Any:
    hints = _hints(record)
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is not a table")
    _known(row, (*(name for name in hints if name != "sources"), "source"), where)
    said = row.get("source", [])
    named = [said] if isinstance(said, str) else said
    if not isinstance(named, list) or not named or any(not isinstance(name, str) or name not in sources for name in named):
        raise ConfigError(f"{where} names no source", hint=f'source = "..." must be one of [sources]: {", ".join(sources) or "none"}')
    used.update(named)
    values = {key: _checked(hints[key], value, f"{where}.{key}") for key, value in row.items() if key != "source"}
    needed = [f.name for f in dataclasses.fields(record) if f.default is dataclasses.MISSING and f.name not in (*values, "sources")]
    if needed:
        raise ConfigError(f"{where} lacks {' and '.join(needed)}")
    if not values:
        raise ConfigError(f"{where} says nothing")
    return record(**values, sources=tuple(sources[name] for name in named))


def _source(row: Any, where: str, today: date | None) -> Source:
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is not a table")
    _known(row, tuple(_hints(Source)), where)
    values = {key: _checked(hint, row.get(key), f"{where}.{key}") for key, hint in _hints(Source).items()}
    made = Source(**values)
    if not made.url.startswith(("https://", "file:")):
        raise ConfigError(f"{where}: url must begin with https:// or file:")
    if today is not None and made.read > today:
        raise ConfigError(f"{where}: read on {made.read}, which has not come yet")
    return made


def _check(card: Card, where: str) -> None:
    """What no type says."""
    weights, licence = card.weights, card.licence
    if licence is not None:
        if not LICENCE_NAME.fullmatch(licence.spdx):
            raise ConfigError(f"{where}: '{licence.spdx}' is no SPDX identifier", hint="a licence that has none: LicenseRef-Name")
        if licence.commercial == "conditions" and not licence.condition:
            raise ConfigError(f"{where}: licence.condition must say the conditions in words")
    if weights is not None:
        half = (weights.latent_size is None) != (weights.rope_size is None) or (weights.kv_heads is None) != (weights.head_size is None)
        if half or (weights.window_layers is None) != (weights.window_tokens is None):
            raise ConfigError(
                f"{where}: of kv_heads and head_size, latent_size and rope_size, window_layers and window_tokens, both or none"
            )
        keeping = weights.kv_layers or weights.layers
        if weights.layers is not None and (keeping or 0) > weights.layers or (weights.window_layers or 0) > (keeping or 0):
            raise ConfigError(f"{where}: more layers of one sort than there are layers")
        if weights.parameters and (weights.active_parameters or 0) > weights.parameters:
            raise ConfigError(f"{where}: more active parameters than there are")


@functools.cache
def _hints(record: Any) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _table(body: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = body.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: {name} is not a table")
    return found


def _known(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for key in row:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            raise ConfigError(f"{where}: unknown key '{key}'", hint=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}")


def _checked(hint: Any, value: Any, where: str) -> Any:
    """The value as the field's type has it."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union else (hint,)
    for kind in options:
        if typing.get_origin(kind) is Literal and value in typing.get_args(kind):
            return value
        if typing.get_origin(kind) is tuple and isinstance(value, list):
            return tuple(_checked(typing.get_args(kind)[0], one, where) for one in value)
        if kind is float and type(value) in (int, float):
            return float(value)
        if kind is int and type(value) is int and value > 0:
            return value
        if kind in (str, bool, date) and type(value) is kind:
            return value
    raise ConfigError(f"{where} = {value!r} does not fit", hint=_describe(options[0]))


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return "a list of: " + _describe(typing.get_args(kind)[0])
    return {int: "a whole number above 0", float: "a number", str: "a string", bool: "true or false", date: "a day: 2026-11-22"}[kind]
