"""Read a provider's export, or the imported ones, and hold the recorded spend of a home against it. Stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import NotEnoughDataError
from modicum.intake import Options, Pairs, Refusal, opened, tell
from modicum.report.costing import believed
from modicum.report.difference import Reconciled
from modicum.report.reconcile import reconcile
from modicum.store.calls import Calls
from modicum.store.occurrences import Occurrences
from modicum.store.totals import Totals, together
from modicum.types import ProviderTotal


def held_against(config: Config, invoice: Sequence[Path], *, scope: str | None = None) -> tuple[Reconciled, list[Refusal]]:
    """(what was found, records of the export that could not be read). Without an invoice: the totals that were imported. Raises
    NotEnoughDataError where there are no totals."""
    exports: list[list[ProviderTotal]] = []
    refused: list[Refusal] = []
    others = 0
    for path in invoice:
        exports.append([])
        with opened(path) as source, Occurrences(config.home) as occurrence, Pairs() as pairs:
            for one in tell(source, Options(), occurrence, pairs):
                if isinstance(one, ProviderTotal):
                    exports[-1].append(one)
                elif isinstance(one, Refusal):
                    refused.append(one)
                else:
                    others += 1
    totals, left_out = together(exports) if invoice else (_imported(config, scope), 0)
    if not totals and not invoice:
        raise NotEnoughDataError(f"no usage or cost export was imported into {config.home}", hint="`modicum reconcile INVOICE` reads one")
    if not totals:
        names = ", ".join(str(path) for path in invoice)
        why = f"its {others:,} records are calls, not totals: `modicum import` takes those" if others else ""
        why = why or (refused[0].reason if refused else "it is empty")
        raise NotEnoughDataError(
            f"{names} is no usage or cost export of a provider: {why}", hint="docs/formats/totals.md shows which are read"
        )
    first, last = (date.fromisoformat(pick(total.day for total in totals)) for pick in (min, max))
    since = datetime.combine(first, time(), UTC)
    spend = Calls(config.home).spending(since=since, until=datetime.combine(last, time(), UTC) + timedelta(days=1))
    catalogue = Catalogue(*priced(config))
    found = reconcile(totals, believed((row for row in spend if scope in (None, row.scope)), catalogue), catalogue)
    if left_out:
        said = f"{left_out:,} totals are left out: another of these exports tells of the same days, broken down otherwise."
        found = replace(found, notes=(*found.notes, said))
    return found, refused


def _imported(config: Config, scope: str | None) -> list[ProviderTotal]:
    return Totals(config.home).all(scope=scope) if (config.home / "control.db").exists() else []
