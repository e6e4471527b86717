"""What a machine can run, for a terminal. Renders to strings; prints nothing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from modicum.plan.choosing import READ_TOKENS_S, Choice, Choices
from modicum.plan.machines import Machine
from modicum.plan.text import GB, paper, printed

SHOWN = 25


def models(found: Choices, machines: Sequence[Machine], *, all_of_them: bool = False, width: int = 120, colour: bool = False) -> str:
    """A line for each model that fits, `SHOWN` of them unless all are asked for."""
    out, console = paper(width, colour)
    for one in machines:
        console.print(Text(f"{one.name}: {one.usable_bytes / GB:.1f} GB for models of {one.memory_bytes / GB:.1f}", style="bold"))
    if not found.fitting:
        console.print(Text("\nNo open language model of the catalogue fits."))
        return printed(out)
    first = found.fitting[0].plan
    many = "one call" if first.concurrency == 1 else f"{first.concurrency} calls at once"
    slow = sum(not one.is_fast for one in found.fitting)
    order = "the largest first" if slow < len(found.fitting) else "the quickest first"
    below = f"; then those slower than {READ_TOKENS_S:g} tokens a second, the quickest first" if 0 < slow < len(found.fitting) else ""
    console.print(Text(f"What fits with {many} of {first.context:,} tokens, {order}{below}:"))
    shown = found.fitting if all_of_them else found.fitting[:SHOWN]
    console.print(_table(shown, several=len(machines) > 1, together=first.concurrency > 1, colour=colour))
    if left := len(found.fitting) - len(shown):
        console.print(Text(f"and {left} more: --all-models"))
    said = [f"{len(found.fitting)} fit" + (f", {slow} of them slower than {READ_TOKENS_S:g} tokens a second" if slow else "")]
    said += [f"{len(found.too_large)} do not"] if found.too_large else []
    said += [f"{len(found.too_short)} were not made for calls of this length"] if found.too_short else []
    said += [f"of {len(found.unknown)} the shape is not known"] if found.unknown else []
    console.print(Text(f"{'; '.join(said)}."))
    console.print(Text(f"More of one: modicum plan --model {shown[0].model} {_where(shown[0])}"))
    return printed(out)


def _where(one: Choice) -> str:
    """How its machine is asked for."""
    return "--here" if one.plan.machine == "here" else f"--machine {one.plan.machine}"


def _table(shown: Sequence[Choice], *, several: bool, together: bool, colour: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    heads = [
        "model",
        "parameters (at work)",
        "released",
        "licence",
        *(["on"] if several else []),
        "in",
        "needs",
        "one caller",
        "first token",
    ]
    heads += ["together"] if together else []
    for head in heads:
        table.add_column(head, justify="left" if head in ("model", "licence", "on", "in", "released") else "right", no_wrap=True)
    for one in shown:
        found = one.plan
        active = "" if one.active_parameters >= one.parameters else f" ({_size(one.active_parameters)})"
        cells = [
            one.model,
            _size(one.parameters) + active,
            f"{one.released:%Y-%m}" if one.released else "-",
            one.licence.removeprefix("LicenseRef-") or "-",
        ]
        cells += [found.machine] if several else []
        cells += [
            found.precision,
            f"{found.footprint.needed / GB:.1f} GB",
            f"{found.alone_tokens_s:,.0f} tok/s",
            f"{found.first_token_s:.1f} s",
        ]
        cells += [f"{found.together_tokens_s:,.0f} tok/s"] if together else []
        table.add_row(*(Text(cell, style="dim" if colour and not one.is_fast else "") for cell in cells))
    return table


def _size(number: int) -> str:
    return f"{number / 1e9:.3g}B" if number >= 1e9 else f"{number / 1e6:.0f}M"
