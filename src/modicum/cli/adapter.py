"""`modicum adapter`: a LoRA adapter of a language model for one workload, and a probe of the server that serves it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from modicum.backends.adapter import ENGINES, Engine, Probed, Way, check_served, interleave
from modicum.backends.client import Client
from modicum.backends.upstreams import Upstreams
from modicum.cli.options import Config, Subcommands, actor, common, existing, print_json, print_table, printable
from modicum.cli.progress import bar
from modicum.errors import ConfigError, UpstreamError
from modicum.pipeline.adapters import MOST_CALLS, Made, find_adapter, learnt_pairs, make
from modicum.pipeline.candidate import Candidate, find_candidate
from modicum.pipeline.switching import find_workload
from modicum.report.words import count
from modicum.store.control import Control
from modicum.train.adapter import Recipe
from modicum.types import Workload

USUAL = Recipe()


@click.group(
    cls=Subcommands,
    epilog='Example:  modicum adapter fit tickets ./Qwen3-0.6B --terms-reviewed "legal, 2026-11-20: own use is allowed"    then '
    "serve it,    modicum adapter probe NAME --at lab --engine vllm --base qwen    and    modicum try lab/NAME tickets",
)
def command() -> None:
    """Train a LoRA adapter of a model on your disk for one workload; probe the server that serves it.

    What it says is certified like any other model's: `modicum try` on the name under which it is served.
    """


@command.command(
    epilog='Example:  modicum adapter fit tickets ./SmolLM2-360M-Instruct --terms-reviewed "legal, 2026-11-20: own use is allowed"'
)
@click.argument("workload")
@click.argument("base", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--terms-reviewed", default="", metavar="NOTE", help="Who found that these answers may train a model, for the audit log.")
@click.option(
    "--calls", type=click.IntRange(1), default=MOST_CALLS, show_default=True, help="Most calls to learn from, the newest of the old."
)
@click.option("--rank", type=click.IntRange(1, 512), default=USUAL.rank, show_default=True, help="Of the small matrices.")
@click.option("--alpha", type=click.IntRange(1, 1024), default=USUAL.alpha, show_default=True, help="Their weight, over the rank.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), default=USUAL.epochs, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=USUAL.batch, show_default=True, help="Calls a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=USUAL.learning_rate, show_default=True)
@click.option("--longest", type=click.IntRange(16), default=USUAL.longest_tokens, show_default=True, help="Tokens of request and answer.")
@click.option("--four-bit", is_flag=True, help="Hold the base in four bits (QLoRA); needs CUDA and bitsandbytes.")
@common
def fit(
    workload: str,
    base: Path,
    terms_reviewed: str,
    calls: int,
    rank: int,
    alpha: int,
    epochs: float,
    batch: int,
    learning_rate: float,
    longest: int,
    four_bit: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Train an adapter of the model in the folder BASE on the old calls of WORKLOAD.

    It learns from requests as they are seen (redacted) and the answers they got. The files that servers load are written into the home,
    with llama.cpp's where it has names for the base's tensors; how to serve them is printed. Nothing is sent or served.
    """
    home = existing(config)
    recipe = Recipe(
        rank=rank, alpha=alpha, epochs=epochs, batch=batch, learning_rate=learning_rate, longest_tokens=longest, four_bit=four_bit
    )
    found = find_workload(Control(home), workload)
    with bar(f"training an adapter of {base.name}") as progress:
        made = make(
            config,
            found,
            base,
            recipe,
            terms_reviewed=terms_reviewed,
            actor=actor(),
            calls=calls,
            progress=lambda share: progress(share, found.name),
        )
    if as_json:
        print_json(said(made))
        return
    left_out = f", {made.too_long:,} too long" if made.too_long else ""
    rows = [
        ("adapter", made.name),
        ("artefact", made.digest),
        ("learnt from", f"{made.pairs:,} calls until {made.learnt_until:%Y-%m-%d %H:%M}{left_out}"),
        ("loss a token", f"{made.loss_first:.4f} at first, {made.loss_last:.4f} at last, {made.steps:,} steps"),
        ("files", str(made.folder)),
    ]
    print_table(("", ""), [(name, printable(value)) for name, value in rows])
    click.echo("Serve it with one of:")
    for line in made.serve.values():
        click.echo(f"  {line}")
    click.echo(f"Then `modicum adapter probe {made.name}`, and `modicum try PROVIDER/{made.name} {found.name}`.")


def said(made: Made) -> dict[str, Any]:
    """As JSON has it: paths are text."""
    plain: dict[str, Any] = msgspec.to_builtins(made, enc_hook=str)
    return plain


@command.command(epilog="Example:  modicum adapter probe tickets-3fa9c1d20b7e --at lab --engine vllm --base Qwen/Qwen3-0.6B")
@click.argument("name")
@click.option("--at", "provider", required=True, metavar="PROVIDER", help="The server, as [providers] names it.")
@click.option("--engine", type=click.Choice(ENGINES), required=True)
@click.option("--base", required=True, metavar="MODEL", help="The name under which the base is served.")
@click.option("--number", type=click.IntRange(0), default=0, help="llama.cpp: which of its --lora files, from 0.")
@click.option("--calls", type=click.IntRange(1, 200), default=5, show_default=True, help="Requests to ask, three times each.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@common
def probe(name: str, provider: str, engine: Engine, base: str, number: int, calls: int, yes: bool, config: Config, as_json: bool) -> None:
    """Ask a server the base, the adapter NAME and the base again, one after the other.

    The base must answer the same before and after, and the adapter as it was trained to. Requests that it learnt from are asked; they go
    where `[policy] may_receive` lets them, and before they leave this machine it says where to, and asks. Exit code 1: the server mixes
    them up, or does not apply the adapter.
    """
    home = existing(config)
    digest, workload_name = find_adapter(home, name)
    workload = find_workload(Control(home), workload_name)
    way = Way(engine=engine, base=base, name=name, number=number)
    candidate = find_candidate(config, f"{provider}/{way.model(adapted=True)}")
    if not candidate.may_receive(config.policy.may_receive, workload.scope):
        raise ConfigError(
            f"calls of scope '{workload.scope}' may not be sent to {candidate.host} ({provider})",
            hint=f'[policy]\n  may_receive = ["{provider}"]',
        )
    _, pairs = learnt_pairs(config, workload, digest, most=calls)
    requests = [({"messages": [dict(one) for one in pair.messages], "max_tokens": 256}, pair.answer) for pair in pairs]
    _consent(candidate, workload, len(requests), yes=yes, shown=not as_json)

    async def run() -> Probed:
        client = Client()
        try:
            upstreams = Upstreams.open(config, client)
            if fault := await check_served(upstreams, candidate.target, way):
                raise UpstreamError(f"{provider} at {candidate.url}: {fault}")
            return await interleave(upstreams, provider, way, requests)
        finally:
            await client.close()

    found = asyncio.run(run())
    if as_json:
        counted = {"rounds": len(found.rounds), "steady": found.steady, "changed": found.changed, "as_trained": found.as_trained}
        print_json({**counted, "fault": found.fault, "answers": msgspec.to_builtins(found.rounds)})
    else:
        rounds = len(found.rounds)
        click.echo(f"base the same before and after: {found.steady} of {rounds}; adapter as trained: {found.as_trained} of {rounds}")
        click.echo(printable(f"It does not hold: {found.fault}." if found.fault else "It holds."))
    if found.fault:
        sys.exit(1)


def _consent(candidate: Candidate, workload: Workload, requests: int, *, yes: bool, shown: bool) -> None:
    """Say where recorded requests go, and ask before they leave this machine. Raises click.UsageError where nobody can be asked."""
    where = "this machine" if candidate.here else candidate.host
    if shown:
        named = f"{candidate.deployment.provider} at {where} ({candidate.url})"
        click.echo(printable(f"{named}: {count(requests, 'request')} of {workload.name}, redacted, three times each."))
    if candidate.here or yes:
        return
    if not (shown and sys.stdin.isatty()):
        raise click.UsageError(f"{requests:,} recorded requests would be sent to {candidate.host}: say --yes where nobody can be asked")
    click.confirm(f"Send {requests:,} recorded requests to {candidate.host}?", abort=True, err=True)
