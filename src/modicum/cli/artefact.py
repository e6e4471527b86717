"""`modicum artefact`: what a small model was made from, whether it is whole, and its way to another machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modicum.artefact import About, Artefact, about_of
from modicum.backends.adapter import commands
from modicum.cli.options import Config, Subcommands, actor, common, existing, print_json, print_table, printable
from modicum.cli.progress import bar
from modicum.pipeline import adapter_files, bundles, drifting, drifting_servers
from modicum.pipeline.bundles import Shown, Verified
from modicum.report.words import count
from modicum.store.home import prepare
from modicum.train import drift_shown
from modicum.train.drift import Slice

KEY_HELP = "openssl ecparam -name prime256v1 -genkey -noout -out KEY.pem;  openssl ec -in KEY.pem -pubout -out PUBLIC.pem"


@click.group(
    cls=Subcommands,
    epilog="Example:  modicum artefact show bank-intents    then    "
    'modicum artefact export bank-intents --out bank.zip --terms-reviewed "legal, 2026-11-20: internal use is allowed"',
)
def command() -> None:
    """Show, verify, export and import small models (artefacts).

    An artefact is a few files (JSON, safetensors, ONNX; never a pickle) under a manifest, and its digest is the manifest's SHA-256.
    ARTEFACT is that digest, its first digits, an adapter's NAME, or the workload or route whose newest model is meant.
    """


@command.command(epilog="Example:  modicum artefact show    or    modicum artefact show 3fa9c1 --format json")
@click.argument("artefact", required=False)
@common
def show(artefact: str | None, config: Config, as_json: bool) -> None:
    """Show what an artefact was made from: base, whose answers, which calls, what was measured. Without a name: list all."""
    home = existing(config)
    if artefact is not None:
        found = bundles.show(home, bundles.find(home, artefact))
        if as_json:
            print_json(found)
        else:
            _print(found)
        return
    all_of_them, damaged = bundles.show_all(home)
    for told in damaged:
        click.echo(printable(_verdict(told)), err=True)
    if as_json:
        print_json(all_of_them)
    elif all_of_them:
        print_table(
            ("artefact", "workload", "kind", "bytes", "learnt from", "routes"),
            [
                (
                    one.digest[:19],
                    one.about.workload,
                    f"{one.kind} {one.name}".strip(),
                    f"{_size(one):,}",
                    f"{one.about.training.calls:,}" if one.about.training else "-" if one.kind == bundles.BASE_ENCODER else "?",
                    ", ".join(f"{route.route_id} {route.state}" for route in one.routes) or "none",
                )
                for one in all_of_them
            ],
            right=(3, 4),
        )
    elif not damaged:
        click.echo("No artefacts yet: `modicum fit` makes them.")
    if damaged:
        sys.exit(1)


def _size(shown: Shown) -> int:
    return sum(size for _, size in shown.files)


def _print(found: Shown) -> None:
    named = [("served as", found.name)] if found.name else []
    print_table(("", ""), [("artefact", found.digest), ("kind", found.kind or "unknown"), *named, *_told(found.about)])
    print_table(("file", "bytes"), [(name, f"{size:,}") for name, size in found.files], right=(1,))
    for one in found.certificates:
        click.echo(printable(f"certified ({one.certificate_id}): {one.sentence}"))
    for route in found.routes:
        click.echo(printable(f"route {route.route_id}: {route.state}"))
    if found.erased:
        click.echo(f"{count(found.erased, 'call')} that it learnt from were erased since: fit {found.about.workload} again.")


def _told(about: About) -> list[tuple[str, str]]:
    bases = [
        (
            "base",
            f"{one.name}{' at ' + one.revision if one.revision else ''}, licence {one.licence or 'unknown'}, "
            f"weights {one.weights_sha256 or 'unknown'}",
        )
        for one in about.bases
    ]
    teachers = [
        ("answers of", f"{one.model}, {one.provider or 'provider unknown'}, scope {one.scope}: {one.calls:,}") for one in about.teachers
    ]
    calls = []
    if training := about.training:
        span = f", {training.first_at:%Y-%m-%d} to {training.last_at:%Y-%m-%d}" if training.first_at and training.last_at else ""
        calls = [("learnt from", f"{training.calls:,} calls{span}"), ("digest of their ids", training.digest)]
    return [
        ("workload", about.workload or "unknown"),
        ("made by", f"trainer {about.trainer or 'unknown'}, modicum {about.code_version or '?'}"),
        *(bases or [("base", "none")]),
        *(teachers or [("answers of", "unknown")]),
        *calls,
        *((name.replace("_", " "), f"{value:.4g}") for name, value in sorted(about.metrics.items())),
        *_precision(about),
    ]


def _precision(about: About) -> list[tuple[str, str]]:
    canary, precision = drifting.canary_of(about.settings), drifting.precision_of(about.settings)
    if not (canary or precision):
        return []
    beyond = about.settings.get("drift_beyond")
    said = (precision or "unknown") + (f", in full: {canary}" if canary else "") + (f"; beyond what is allowed: {beyond}" if beyond else "")
    return [("precision", said)]


@command.command(
    epilog="Example:  modicum artefact drift bank-intents --calls 500    or    "
    "modicum artefact drift bank-intents --between own/llama-fp16 own/llama-q4",
    short_help="Compare with full precision.",
)
@click.argument("artefact")
@click.option("--between", nargs=2, metavar="MODEL MODEL", help="Two servers here, full precision first; ARTEFACT is a workload.")
@click.option(
    "--calls", "most", type=click.IntRange(1), default=2_000, show_default=True, help="The newest distinct requests, at most so many."
)
@common
def drift(artefact: str, between: tuple[str, str] | None, most: int, config: Config, as_json: bool) -> None:
    """Ask an artefact and its canary, the same in full precision, about recorded calls that are newer than what it learnt from.

    Counts what fewer bits changed, in all and by label, length, script and month, with 95 % intervals; of requests that are alike the
    newest counts. A loss is of answers that were given then. Exit code 1 where it is shown at 95 % that this is more than [fit]
    drift_agreement and drift_loss allow; 0 where it is not shown, with the number of requests that would show it. With --between two
    model servers on this machine are asked instead, about the newest requests of a workload.
    """
    existing(config)
    with bar("comparing") as progress:
        if between is not None:
            found = drifting_servers.between(config, *between, artefact, most=most, progress=lambda share: progress(share, ""))
        else:
            found = drifting.compare(config, artefact, most=most, progress=lambda share: progress(share, ""))
    if as_json:
        print_json(found)
    else:
        shown = [one for one in found.drift.slices if one is found.drift.whole or one.agree < one.requests]
        print_table(
            (f"{found.workload}, {found.precision}", "", "requests", "say the same", "right answers lost less won"),
            [(one.by, one.name, f"{one.requests:,}", *_interval(one)) for one in shown],
            right=(2, 3, 4),
        )
        click.echo(printable(_shown(found.shown)))
    if found.shown.word == "beyond":
        sys.exit(1)


def _shown(found: drift_shown.Shown) -> str:
    at = f"at {found.confidence:.0%}"
    if found.word == "beyond":
        return f"Beyond what is allowed, shown {at}: {found.reason}."
    if found.word == "within":
        return f"Within what is allowed, shown {at} of all requests: {found.reason}."
    more = "no number of requests like these would show it"
    if found.needs_requests is not None:
        more = f"about {found.needs_requests:,} distinct requests that go on like these would show it"
    return f"Not shown to be beyond what is allowed, nor within it ({at}): {found.reason}; {more}."


def _interval(one: Slice) -> tuple[str, str]:
    low, high = one.agreement
    lost = "unknown" if one.loss is None else f"{one.lost - one.won} of {one.known:,} ({one.loss[0]:+.2%} to {one.loss[1]:+.2%})"
    return f"{one.agree / max(1, one.requests):.1%} ({low:.1%} to {high:.1%})", lost


@command.command(
    epilog="Example:  modicum artefact verify    or    modicum artefact verify bank.zip --public-key PUBLIC.pem", short_help="Recompute."
)
@click.argument("what", metavar="[ARTEFACT|BUNDLE]…", nargs=-1)
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False), help="PEM; a bundle's signature must hold under it.")
@common
def verify(what: tuple[str, ...], public_key: Path | None, config: Config, as_json: bool) -> None:
    """Recompute every digest, check every format and, with --public-key, the signature. Exit code 1 where something does not hold.

    Without a name: all artefacts of the home. A BUNDLE needs no home.
    """
    found = []
    for one in what or bundles.home_of(existing(config)).digests():
        if Path(one).exists():
            found.append(bundles.verify_bundle(Path(one), public_key))
        elif public_key is not None:
            raise click.UsageError(f"no bundle at '{one}': --public-key checks what `artefact export --sign` wrote")
        else:
            home = existing(config)
            found.append(bundles.verify(home, bundles.find(home, one)))
    if as_json:
        print_json(found)
    else:
        for told in found:
            click.echo(printable(_verdict(told)))
    if any(told.fault for told in found):
        sys.exit(1)


def _verdict(told: Verified) -> str:
    named = told.what if told.digest in ("", told.what) else f"{told.what}: {told.digest}"
    signed = f", the signature {told.signed}" if told.signed else ""
    return f"{named}: DOES NOT HOLD: {told.fault}" if told.fault else f"{named}: holds ({count(told.files, 'file')}{signed})"


@command.command(epilog=f"A key pair:  {KEY_HELP}")
@click.argument("artefact")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder, or FILE.zip or FILE.tar.")
@click.option("--terms-reviewed", metavar="NOTE", default="", help="Who found that the terms allow this; goes into the audit log.")
@click.option("--sign", "key", type=click.Path(path_type=Path, dir_okay=False), help="Sign it with this private key (PEM, EC).")
@common
def export(artefact: str, out: Path, terms_reviewed: str, key: Path | None, config: Config, as_json: bool) -> None:
    """Write an artefact as a bundle that runs without Modicum, or says that it does not.

    Beside its files it holds a model card (README.md), a CycloneDX bill of materials (bom.cdx.json), and a script that answers with
    numpy alone, or for an encoder with onnxruntime and tokenizers. An adapter is in PEFT's own files, which vLLM, SGLang and peft load.
    Caches and other models have no script: their bundle is for another Modicum, and says so. It
    learnt from a provider's answers: read that provider's terms first.
    """
    home = existing(config)
    digest = bundles.find(home, artefact)
    names = bundles.export(home, digest, out, terms_reviewed=terms_reviewed, private_key=key, actor=actor())
    if as_json:
        print_json({"digest": digest, "out": str(out), "files": sorted(names), "signed": key is not None})
    else:
        click.echo(f"{digest} written to {out}: {', '.join(sorted(names))}")
        if not any(name.startswith("run_") for name in names):
            found = bundles.show(home, digest)
            if found.name:
                base = ", ".join(one.name for one in found.about.bases) or "its base"
                serve = f"`vllm serve BASE --enable-lora --lora-modules {found.name}={out}`"
                load = f"peft.PeftModel.from_pretrained(BASE, '{out}'), or {serve}"
                packed = "" if out.is_dir() else ", unpacked first"
                click.echo(printable(f"Its safetensors and adapter_config.json are PEFT's own: over {base}, {load}{packed}."))
            else:
                click.echo(f"No script runs {found.kind or 'its kind'} without Modicum.")
            click.echo("`modicum artefact import` takes the bundle in elsewhere.")


@command.command("import", epilog="Example:  modicum artefact import bank.zip --public-key PUBLIC.pem --digest sha256:3fa9c1…")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False), help="PEM; the bundle's signature must hold under it.")
@click.option("--digest", metavar="SHA256", help="The digest that it must have.")
@common
def import_(bundle: Path, public_key: Path | None, digest: str | None, config: Config, as_json: bool) -> None:
    """Check a bundle, whole, and keep its artefact. Nothing in it is run, loaded or believed. An adapter is laid out for servers.

    Refused: links, paths, names twice, anything but JSON, safetensors and ONNX that keeps to itself, and whatever is larger than it says.
    """
    home = prepare(config.home)
    found = bundles.take_in(home, bundle, expected=digest, public_key=public_key, actor=actor())
    name = adapter_files.name_of(found)
    folder = home.resolve() / "adapters" / name if name else None
    if as_json:
        print_json({"digest": found.digest, "files": sorted(found.files), "signed": public_key is not None, "folder": str(folder or "")})
        return
    click.echo(f"{found.digest}: {count(len(found.files), 'file')}, {found.size_bytes:,} bytes, kept.")
    if folder is not None:
        click.echo(printable(f"Adapter {folder.name}, for servers in {folder}; over its base ({_bases(found)}):"))
        for line in commands(folder.name, Path("BASE"), folder, None).values():
            click.echo(printable(f"  {line}"))


def _bases(artefact: Artefact) -> str:
    return ", ".join(f"{one.name}, weights {one.weights_sha256[:12] or 'unknown'}" for one in about_of(artefact.about).bases) or "unknown"
