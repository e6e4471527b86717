"""`modicum certificate`: what was promised, on which evidence, and whether it follows from it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modicum.admin import certificates
from modicum.admin.certificates import Verify, verify_file
from modicum.admin.operation import One, Paged
from modicum.admin.reach import Reach, everything
from modicum.cli.options import Config, Subcommands, at_home, print_json, print_table, reached
from modicum.errors import CertificateError
from modicum.types import Certificate


@click.group(
    cls=Subcommands,
    epilog="Example:  modicum certificate show cert-… --out bank.cert    then, on any machine,    modicum certificate verify bank.cert",
)
def command() -> None:
    """List, show and verify certificates."""


@command.command("list")
@reached
def list_(way: Reach, config: Config, as_json: bool) -> None:
    """List all certificates, oldest first."""
    at_home(way)
    found = everything(way, certificates.list_, Paged())
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No certificates yet: `modicum fit` makes them where it can prove something.")
    else:
        print_table(
            ("certificate", "workload", "kind", "margin", "answers", "groups", "attempt", "expires"),
            [
                (
                    c.certificate_id,
                    c.workload_name,
                    c.kind,
                    f"{c.margin:.1%}",
                    f"{c.coverage:.0%}",
                    f"{c.groups:,}",
                    c.attempt_number,
                    f"{c.expires_at:%Y-%m-%d}",
                )
                for c in found
            ],
            right=(3, 4, 5, 6),
        )


@command.command()
@click.argument("certificate_id", metavar="CERTIFICATE")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the certificate with its evidence, to be verified elsewhere."
)
@reached
def show(certificate_id: str, out: Path | None, way: Reach, config: Config, as_json: bool) -> None:
    """Show a certificate: its sentence, its figures, its table by label.

    CERTIFICATE is its id, the first digits of it, or the workload whose newest one is meant.
    """
    at_home(way)
    certificate = way.do(certificates.show, One(ref=certificate_id))
    if out is not None:
        pieces = way.do(certificates.file, One(ref=certificate_id))
        out.write_bytes(b"".join(pieces))
    if as_json:
        print_json(certificate)
        return
    click.echo(f"{certificate.workload_name}: {certificate.sentence}.\n")
    print_table(("", ""), _figures(certificate))
    print_table(
        ("label", "groups", "answered", "differing", "at most (95 %)"),
        [(row.label, row.groups, row.answered, row.differing, f"{row.upper_bound:.1%}") for row in certificate.label_table],
        right=(1, 2, 3, 4),
    )
    if out is not None:
        click.echo(f"Written to {out}; `modicum certificate verify {out}` recomputes every figure on any machine.")


def _figures(c: Certificate) -> list[tuple[str, str]]:
    low, high = c.rate_calls_interval
    saving = c.saving
    return [
        ("kind", f"{c.kind}, margin {c.margin:.2%}, of the answered at most {c.max_selective:.0%}, confidence {c.confidence:.0%}"),
        ("attempt", f"{c.attempt_number}, spends {c.delta_spent:.4f} of {1 - c.confidence:.4f}; p = {c.p_value:.2g}"),
        (
            "held out",
            f"{c.groups:,} distinct requests ({c.calls:,} calls), "
            f"{c.window_from:%Y-%m-%d %H:%M} to {c.window_to:%Y-%m-%d %H:%M}; {c.left_out_groups:,} that reach back left out",
        ),
        ("answers", f"{c.coverage:.1%} of the distinct requests, {c.coverage_calls:.1%} of the calls (estimate)"),
        (
            {"A": "differs", "B": "worse", "C": "wrong"}[c.kind],
            f"{c.errors:,} of {c.accepted if c.kind == 'C' else c.groups:,} ({c.rate:.2%}); by calls {low:.2%} to {high:.2%} (estimate)",
        ),
        ("labels used", f"{c.labels_used:,}"),
        ("incumbent against itself", "no repeats" if c.self_disagreement is None else f"differs in {c.self_disagreement:.1%} of repeats"),
        (
            "covers",
            f"{', '.join(c.cover.incumbents)}; {len(c.cover.version_ids)} versions of the prompt; "
            f"up to {c.cover.max_input_chars:,} characters and {c.cover.max_turns} turns",
        ),
        (
            "saving a month",
            "unknown"
            if saving.usd_month is None
            else f"${saving.usd_month:,} (${saving.low_usd_month:,} to ${saving.high_usd_month:,}) against {saving.baseline}",
        ),
        ("specialist", c.artefact_digest),
        ("expires", f"{c.expires_at:%Y-%m-%d}"),
    ]


@command.command()
@click.argument("file", metavar="FILE|CERTIFICATE")
@click.option("--deep", is_flag=True, help="Run the specialist again on the calls, where they still are.")
@reached
def verify(file: str, deep: bool, way: Reach, config: Config, as_json: bool) -> None:
    """Recompute every figure of a certificate from its evidence. Needs no store; exit code 1 where something does not hold.

    FILE is what `certificate show --out` wrote; a certificate of this home will do too, named as for `show`.
    """
    if Path(file).is_file():
        found = verify_file(config, Path(file).read_bytes(), deep=deep)
    elif way.local and not (config.home / "control.db").exists():
        raise CertificateError(f"no file '{file}'", hint="give the file that `modicum certificate show ID --out FILE` wrote")
    else:
        found = way.do(certificates.verify, Verify(ref=file, deep=deep))
    if as_json:
        print_json({"holds": found.holds, "certificate_id": found.certificate_id, "checks": found.checks, "deep": found.deep})
    else:
        for check in found.checks:
            if not check.holds:
                click.echo(f"{check.name}: stated {check.stated}, recomputed {check.found}")
        if found.deep is not None:
            click.echo(found.deep.words)
        outcome = "every figure follows from the evidence" if found.holds else "DOES NOT HOLD"
        click.echo(f"{found.certificate_id}: {outcome} ({len(found.checks)} checked).")
    if not found.holds:
        sys.exit(1)
