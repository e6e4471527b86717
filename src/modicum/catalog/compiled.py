"""Compile the installed `genai-prices` to the table that `catalog.listed` reads. Imports that package: for the night.

    python -m modicum.catalog.compiled FILE

writes the table in the place of FILE, for a gateway that must not import the package itself.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from modicum.catalog.listed import FORM, KEPT, Clause, Constraint, Prices, Value

TEXTS = {"starts_with": "starts", "ends_with": "ends", "contains": "contains", "equals": "equals"}


def installed() -> str:
    """The version of the package that is installed here."""
    return version("genai-prices")


def compiled() -> bytes:
    """The whole table."""
    from genai_prices import data_snapshot

    providers = [
        (
            provider.id,
            provider.provider_match and _clause(provider.provider_match),
            provider.model_match and _clause(provider.model_match),
            list(provider.fallback_model_providers or ()),
            [(model.id, _clause(model.match), list(_conditional(model.prices)), list(_variants(model))) for model in provider.models],
        )
        for provider in data_snapshot.get_snapshot().providers
    ]
    return msgspec.json.encode({"form": FORM, "version": installed(), "providers": providers})


def _clause(clause: Any) -> Clause:
    for field, kind in TEXTS.items():
        if hasattr(clause, field):
            return kind, getattr(clause, field).lower()
    if hasattr(clause, "regex"):
        return "regex", clause.regex
    for field, kind in (("or_", "or"), ("and_", "and")):
        if hasattr(clause, field):
            return kind, [_clause(one) for one in getattr(clause, field)]
    raise TypeError(f"genai-prices {installed()} matches models by {type(clause).__name__}, which is not known here")


def _conditional(prices: Any) -> Iterator[Prices]:
    for one in prices if isinstance(prices, list) else [None]:
        yield (None, dict(_values(prices))) if one is None else (_constraint(one.constraint), dict(_values(one.prices)))


def _variants(model: Any) -> Iterator[tuple[dict[str, str], Constraint, dict[str, Value]]]:
    for one in getattr(model, "price_variants", None) or ():
        if values := dict(_values(one.prices)):
            yield one.when, _constraint(one.constraint), values


def _values(prices: Any) -> Iterator[tuple[str, Value]]:
    for unit, value in vars(prices).items():
        if unit in KEPT and value is not None:
            steps = getattr(value, "tiers", None)
            if steps is not None:
                yield unit, (_text(value.base), tuple((step.start, _text(step.price)) for step in steps))
            else:
                yield unit, _text(value)


def _text(value: Decimal) -> str:
    return f"{value:f}"


def _constraint(constraint: Any) -> Constraint:
    if constraint is None:
        return None
    if hasattr(constraint, "start_date"):
        return str(constraint.start_date.isoformat())
    return _utc(constraint.start_time), _utc(constraint.end_time)


def _utc(moment: time) -> str:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return datetime.combine(datetime(1970, 1, 2, tzinfo=UTC), aware).astimezone(UTC).time().isoformat()


def main(arguments: list[str]) -> None:
    """Where several want the same file, one makes it and the others find it. Files of other versions go."""
    target = Path(arguments[0])
    lock = os.open(target.with_name("prices.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        part = target.with_name(f".{target.name}.part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(compiled())
        os.replace(part, target)
        for old in target.parent.glob("prices-*.json"):
            if old != target:
                old.unlink(missing_ok=True)
    finally:
        os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
