"""The command line: parse, call a place, print. One file a command, imported when it is called."""

from __future__ import annotations

import difflib
import importlib
import sys

import click

from modicum.errors import ModicumError
from modicum.version import __version__

COMMANDS = {
    "import": ("modicum.cli.import_", "Bring recorded calls in from logs."),
    "workloads": ("modicum.cli.workloads", "Find the workloads in the calls; list, show and correct them."),
    "report": ("modicum.cli.report", "What the calls cost, what could take them over, what that saves."),
    "models": ("modicum.cli.models", "List, show and search models: limits, licences, prices, each with its source."),
    "plan": ("modicum.cli.plan", "Own hardware: what a model takes, how fast it is there, what that costs, when it pays."),
    "fit": ("modicum.cli.fit", "Build a small model for each workload and prove what it may answer."),
    "try": ("modicum.cli.try_", "Run another model over held-out calls: which workloads could move to it, at what risk."),
    "adapter": ("modicum.cli.adapter", "Train a LoRA adapter of a model on your disk; probe the server that serves it."),
    "label": ("modicum.cli.label", "Say which of two answers is right, for the calls that a certificate wants to know about."),
    "certificate": ("modicum.cli.certificate", "List, show and verify certificates."),
    "artefact": ("modicum.cli.artefact", "Show, verify, export and import small models."),
    "route": ("modicum.cli.route", "Switch a proposed route to shadow, on or off."),
    "watch": ("modicum.cli.watch", "Look after live routes: test what was promised, send back what breaks it, bring on what holds."),
    "serve": ("modicum.cli.serve", "Stand in front of a provider: record calls, answer what is switched on."),
    "notices": ("modicum.cli.notices", "List what the watcher told of; test whether it gets to a webhook or to Slack."),
    "top": ("modicum.cli.top", "What the gateway does now, live: who answers, how fast, at what cost, how routes stand."),
    "keys": ("modicum.cli.keys", "Create, list and revoke virtual keys with limits and budgets."),
    "spend": ("modicum.cli.spend", "What the calls cost by key, scope, model, provider, workload or day."),
    "reconcile": ("modicum.cli.reconcile", "Hold recorded spend against a provider's invoice."),
    "replay": ("modicum.cli.replay", "Answer from recorded calls, for demos and tests."),
    "calls": ("modicum.cli.calls", "Show or export recorded calls."),
    "feedback": ("modicum.cli.feedback", "Bring in what people said of calls; show how much there is."),
    "why": ("modicum.cli.why", "Explain in five lines who answered a call."),
    "inventory": ("modicum.cli.inventory", "Every specialist in service: what it is, what it promises, who let it."),
    "audit": ("modicum.cli.audit", "Show, export and verify the record of changes."),
    "store": ("modicum.cli.store", "Redact the bodies of calls that were kept whole."),
    "erase": ("modicum.cli.erase", "Remove calls for good."),
    "config": ("modicum.cli.config", "Print every setting and where it came from."),
}


EPILOG = """\b
Try:  modicum report LOG.jsonl    then    modicum fit    then    modicum route shadow WORKLOAD

Exit codes: 0 done; 1 done, with something refused; 2 not done; 130 interrupted before it was done. What runs until it is stopped (serve,
watch, replay, top) ends with 0 at Ctrl-C or SIGTERM.
"""


class CommandsByName(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"no command '{args[0]}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=CommandsByName,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.version_option(__version__, prog_name="modicum")
def cli() -> None:
    """Find the smallest model that passes, for every kind of call you make to a large one.

    Everything is kept in ./.modicum (--home or MODICUM_STORE__HOME say otherwise); nothing leaves this machine.
    """


def main() -> None:
    """Run the command line. Exit codes: docs/exit-codes.md."""
    try:
        code = cli(standalone_mode=False)  # what an Exit carries comes back as the result
        if isinstance(code, int) and code:
            sys.exit(code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ModicumError as error:
        from modicum.cli.options import printable  # a refusal may quote a log

        click.echo(printable(f"modicum: {error}"), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
