"""`modicum certificate`: what was promised, on which evidence, and whether it follows from it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modicum.cli.options import Config, common, existing, print_json, print_table
from modicum.errors import CertificateError
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.evidence import verify as verify_evidence
from modicum.pipeline.deep import replay_evidence
from modicum.store.control import Control
from modicum.types import Certificate


@click.group(
    epilog="Example:  modicum certificate show cert-… --out bank.cert    then, on any machine,    modicum certificate verify bank.cert"
)
def command() -> None:
    """List, show and verify certificates."""


@command.command("list")
@common
def list_(config: Config, as_json: bool) -> None:
    """List all certificates, oldest first."""
    found = Control(existing(config)).certificates()
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
@common
def show(certificate_id: str, out: Path | None, config: Config, as_json: bool) -> None:
    """Show a certificate: its sentence, its figures, its table by label."""
    control = Control(existing(config))
    certificate = control.certificate(certificate_id)
    if out is not None:
        out.write_bytes(certificate_file(certificate, control.evidence(certificate_id)))
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
            "differs" if c.kind == "A" else "worse",
            f"{c.errors:,} of {c.groups:,} ({c.rate:.2%}); by calls {low:.2%} to {high:.2%} (estimate)",
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
@common
def verify(file: str, deep: bool, config: Config, as_json: bool) -> None:
    """Recompute every figure of a certificate from its evidence. Needs no store; exit code 1 where something does not hold.

    FILE is what `certificate show --out` wrote; the id of a certificate in this home will do too.
    """
    data = Path(file).read_bytes() if Path(file).is_file() else _stored(config, file)
    verification = verify_evidence(data)
    again = replay_evidence(config, data, verification.certificate) if deep else None
    holds = verification.holds and (again is None or again.holds)
    if as_json:
        print_json(
            {"holds": holds, "certificate_id": verification.certificate.certificate_id, "checks": verification.checks, "deep": again}
        )
    else:
        for check in verification.failures:
            click.echo(f"{check.name}: stated {check.stated}, recomputed {check.found}")
        if again is not None:
            click.echo(again.words)
        outcome = "every figure follows from the evidence" if holds else "DOES NOT HOLD"
        click.echo(f"{verification.certificate.certificate_id}: {outcome} ({len(verification.checks)} checked).")
    if not holds:
        sys.exit(1)


def _stored(config: Config, certificate_id: str) -> bytes:
    if not (config.home / "control.db").exists():
        raise CertificateError(f"no file '{certificate_id}'", hint="give the file that `modicum certificate show ID --out FILE` wrote")
    control = Control(config.home)
    return certificate_file(control.certificate(certificate_id), control.evidence(certificate_id))
