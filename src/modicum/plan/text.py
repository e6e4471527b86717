"""A plan for a terminal: a bar of memory, and the figures under it. Renders to strings; prints nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modicum.plan.machines import Machine
from modicum.plan.memory import Footprint
from modicum.plan.payback import Payback
from modicum.plan.planning import Plan
from modicum.plan.speed import TESTED
from modicum.plan.traffic import Traffic

GB = 1e9
PARTS = (("weights", "█", "cyan"), ("cache", "▓", "magenta"), ("engine", "▒", "yellow"), ("free", "░", "green"), ("not ours", "·", "dim"))


class Money:
    """Dollars in the reader's currency."""

    def __init__(self, currency: str = "USD", rate: Decimal = Decimal(1)) -> None:
        self._sign = "$" if currency == "USD" else f"{currency} "
        self._rate = rate

    def __call__(self, usd: Decimal | float | None) -> str:
        if usd is None:
            return "unknown"
        value = Decimal(usd) * self._rate
        if value < 0:
            return f"−{self(-Decimal(usd))}"
        digits = 0 if value >= 100 else 2 if value >= Decimal("0.1") else 4 if value >= Decimal("0.001") else 6
        return f"{self._sign}{value:,.{digits}f}" if value else f"{self._sign}0"


def bar(footprint: Footprint, width: int = 60) -> Text:
    """Memory as a bar: weights, cache, engine and activations, free, and what an engine cannot have. Overfull: cut, and said below."""
    parts = {
        "weights": footprint.weights,
        "cache": footprint.cache,
        "engine": footprint.engine + footprint.activations,
        "free": max(0, footprint.free),
        "not ours": max(0, footprint.total - max(footprint.usable, 0)),
    }
    scale = max(footprint.total, sum(parts.values()))
    cells = _share(list(parts.values()), scale, width)
    text = Text("│")
    for (_, sign, style), count in zip(PARTS, cells, strict=True):
        text.append(sign * count, style=style)
    text.append("│")
    legend = Text("\n ")
    for name, sign, style in PARTS:
        if parts[name]:
            legend.append(f" {sign} ", style=style)
            legend.append(f"{name} {parts[name] / GB:.1f} GB ")
    if not footprint.fits:
        legend.append(f"\n  {-footprint.free / GB:.1f} GB too much", style="bold red")
    return text + legend


def one(found: Plan, machine: Machine, money: Money, *, width: int = 100, colour: bool = False, errors: str = "") -> str:
    """Everything about one model on one machine."""
    out, console = paper(width, colour)
    many = f"{found.cards} x " if found.cards > 1 else ""
    console.print(Text(f"{found.model} in {found.precision} on {many}{found.machine_name}", style="bold"))
    console.print(Text(f"{found.context:,} tokens of context, {_times(found.concurrency)}, cache in {found.cache}, {found.engine}\n"))
    console.print(bar(found.footprint, min(72, width - 4)))
    console.print()
    console.print(_figures(found, money))
    if found.running is not None:
        console.print(_running(found, money))
    for name in found.notes:
        console.print(Text(f"! {name}", style="yellow" if colour else ""))
    if errors:
        console.print(Text(errors, style="dim" if colour else ""))
    console.print(Text(f"Read: {', '.join(dict.fromkeys(source.url for source in machine.sources))}", style="dim" if colour else ""))
    return printed(out)


def many(found: Sequence[Plan], money: Money, *, width: int = 120, colour: bool = False, errors: str = "") -> str:
    """A line a machine."""
    out, console = paper(width, colour)
    first = found[0]
    console.print(Text(f"{first.model}, {first.context:,} tokens of context, {_times(first.concurrency)}", style="bold"))
    costed = any(row.running for row in found)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    heads = ["machine", "price", "precision", "needs", "has", "memory", "one caller", "first token"]
    together = first.concurrency > 1
    heads += ["machines", "busy", "a month", "per M tokens"] if costed else ["together"] if together else []
    for head in heads:
        table.add_column(head, justify="left" if head in ("machine", "precision", "memory") else "right", no_wrap=True)
    for row in found:
        cells = [
            row.machine if row.cards == 1 else f"{row.cards} x {row.machine}",
            _price(row, money),
            row.precision,
            f"{row.footprint.needed / GB:.1f} GB",
            f"{row.footprint.usable / GB:.1f}",
            _small_bar(row.footprint),
        ]
        if row.fits:
            cells += [f"{row.alone_tokens_s:,.0f} tok/s", f"{row.first_token_s:.2f} s"]
        else:
            cells += ["does not fit", ""]
        if costed:
            own = row.running
            cells += [str(own.machines), f"{own.utilisation:.1%}", money(own.usd_month), money(own.usd_mtok)] if own else ["", "", "", ""]
        elif together:
            cells += [f"{row.together_tokens_s:,.0f} tok/s" if row.fits else ""]
        table.add_row(*(Text(cell, style="" if row.fits or not colour else "dim") for cell in cells))
    console.print(table)
    if costed:
        _beside(console, found, money)
    said: dict[str, list[str]] = {}
    for row in found:
        for note in row.notes:
            said.setdefault(note, []).append(row.machine)
    for note, where in said.items():
        console.print(Text(f"! {note}" if len(where) == len(found) else f"! {', '.join(where)}: {note}", style="yellow" if colour else ""))
    if errors:
        console.print(Text(errors, style="dim" if colour else ""))
    return printed(out)


def trust() -> str:
    """How far its speeds can be trusted."""
    rows, median, within = TESTED
    return (
        f"Speeds are estimates from data sheets. Of {rows} published measurements that they were not fitted on,"
        f" half lie within {median:.0%}, {within:.0%} within 30% (docs/plan.md)."
    )


def traffic_line(traffic: Traffic) -> str:
    """What was laid on the machines, in a sentence."""
    how = "declared" if traffic.declared else f"recorded over {traffic.span_hours:,} hours, {traffic.silent_hours:,} of them silent"
    calls = f"{traffic.calls:,} call{'' if traffic.calls == 1 else 's'}"
    sized = traffic.lengths
    long = f" (1 in 20 has {sized.input_tokens:,} in and more, 1 in 20 {sized.output_tokens:,} out)" if sized.is_p95 else ""
    return (
        f"{calls} {how}: {traffic.mean_input_tokens:,.0f} tokens in and {traffic.mean_output_tokens:,.0f} out on the mean{long},"
        f" {traffic.peak_hour:,} in the busiest hour, {traffic.peak_minute:,} in the busiest minute."
    )


def specialist(found: Payback, answered: float, money: Money) -> str:
    """A specialist's account in a sentence or two."""
    when = "never pays for itself at this spend" if found.days is None else f"has paid for itself after {found.days:,.1f} days"
    parts = f"labels {money(found.labels_usd)}, work {money(found.work_usd)}, training {money(found.training_usd)}"
    return (
        f"A specialist that answers {answered:.0%} of these calls {when}: {money(found.one_off_usd)} once ({parts}),"
        f" {money(found.saved_usd_day)} a day saved less {money(found.upkeep_usd_day)} to keep its promise."
    )


def _figures(found: Plan, money: Money) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    needs = found.footprint
    rows = [
        ("cache of one call", f"{needs.cache_sequence / GB:.2f} GB at full length, {needs.cache_token / 1000:,.1f} kB a token"),
        ("calls at once", f"{needs.most_sequences:,} at full length have room"),
    ]
    if found.fits and found.alone_tokens_s and found.prefill_tokens_s and found.together_tokens_s:
        rows += [
            ("one caller", f"{found.alone_tokens_s:,.0f} output tokens a second"),
            (
                "first token",
                f"{found.first_token_s:.2f} s for a prompt of {found.input_tokens:,} ({found.prefill_tokens_s:,.0f} tokens a second)",
            ),
        ]
        if found.concurrency > 1:
            each = found.together_tokens_s / found.concurrency
            rows.append((f"{found.concurrency} callers", f"{found.together_tokens_s:,.0f} tokens a second together, {each:,.0f} each"))
    rows.append(("price", _price(found, money)))
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _running(found: Plan, money: Money) -> Table:
    own = found.running
    assert own is not None
    table = Table.grid(padding=(0, 3, 0, 0))
    plural = "machine" if own.machines == 1 else "machines"
    waiting = f"; {own.machines_if_waiting} if calls may wait for minutes" if own.machines_if_waiting < own.machines else ""
    rows = [
        ("", ""),
        ("this traffic needs", f"{own.machines} {plural} for the busiest minute{waiting}"),
        (
            "how busy",
            f"{own.utilisation:.1%} of what they could do, {own.utilisation_peak:.0%} in the busiest hour;"
            f" something to do {own.busy:.0%} of the time",
        ),
        (
            "a call takes",
            f"{own.seconds_a_call:.2f} s, {own.seconds_a_call_peak:.2f} s in the busiest minute (up to {own.sequences_peak} at once)"
            + (f"; a long one {own.seconds_a_long_call:.2f} s" if own.seconds_a_long_call is not None else ""),
        ),
        (
            "a month",
            f"{money(own.usd_month)}: {'machine' if found.buying else 'rent'} {money(own.machine_usd_month)}, power"
            f" {money(own.power_usd_month) if found.buying else 'in the rent'}, care {money(own.care_usd_month)}",
        ),
        ("a million tokens", f"{money(own.usd_mtok)}; were it always busy, {money(own.usd_mtok_full)}"),
    ]
    for other in found.against:
        even = "at no volume" if other.breakeven_calls_month is None else f"from {other.breakeven_calls_month:,.0f} calls a month"
        paid = f", bought back in {other.payback_days:,.0f} days" if other.payback_days is not None and other.payback_days < 36500 else ""
        difference = money(abs(other.saving_usd_month))
        own_is = f"own saves {difference}" if other.saving_usd_month >= 0 else f"own costs {difference} more"
        rows.append((f"beside {other.name}", f"{money(other.usd_month)} a month there: {own_is}"))
        rows.append(("", f"cheaper {even} (now {own.calls_month:,.0f}){paid}"))
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return table


def _beside(console: Console, found: Sequence[Plan], money: Money) -> None:
    """What the traffic costs elsewhere, and which machine is the cheapest."""
    costed = [row for row in found if row.running]
    for number, other in enumerate(costed[0].against):
        cheaper = [row for row in costed if row.against[number].saving_usd_month > 0]
        what = ", ".join(f"{row.machine}" for row in cheaper) or "no machine here"
        console.print(Text(f"{other.name}: {money(other.usd_month)} a month for the same calls; cheaper at this volume: {what}"))
        firsts = [row.against[number].breakeven_calls_month for row in costed]
        lowest = min((calls for calls in firsts if calls is not None), default=None)
        own = costed[0].running
        if lowest is not None and own is not None and not cheaper:
            console.print(Text(f"  the first of them is cheaper from {lowest:,.0f} calls a month on; now there are {own.calls_month:,.0f}"))


def _price(found: Plan, money: Money) -> str:
    if found.price_usd is not None:
        return money(found.price_usd)
    return f"{money(found.rent_usd_hour)} an hour" if found.rent_usd_hour is not None else "unknown"


def _times(concurrency: int) -> str:
    return "one call at a time" if concurrency == 1 else f"{concurrency:,} calls at once"


def _small_bar(footprint: Footprint, width: int = 12) -> str:
    parts = [footprint.weights, footprint.cache, footprint.engine + footprint.activations, max(0, footprint.free)]
    cells = _share(parts, max(sum(parts), footprint.usable), width)
    return "".join(sign * count for (_, sign, _), count in zip(PARTS, cells, strict=False))


def _share(parts: Sequence[int], whole: int, width: int) -> list[int]:
    """Cells of a bar, rounded so that together they are as long as their sum; what is there at all has one."""
    cells = [max(1, int(part / whole * width)) if part else 0 for part in parts]
    length = min(width, round(sum(parts) / whole * width))
    while sum(cells) > length and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    short = sorted(range(len(parts)), key=lambda index: parts[index] / whole * width - cells[index], reverse=True)
    for index in short[: max(0, length - sum(cells))]:
        cells[index] += 1
    return cells


def paper(width: int, colour: bool) -> tuple[io.StringIO, Console]:
    """What is printed there goes into the first; `printed` takes it out."""
    out = io.StringIO()
    return out, Console(
        file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False, legacy_windows=False
    )


def printed(out: io.StringIO) -> str:
    """Without blanks at the ends of lines."""
    return _joined(line.rstrip() for line in out.getvalue().splitlines())


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
