"""`modicum config`: every setting and where it came from."""

from __future__ import annotations

import dataclasses

import click

from modicum.cli.options import Config, common, print_json, print_table
from modicum.config import SECTIONS


@click.command()
@common
def command(config: Config, as_json: bool) -> None:
    """Print every setting, its value and where it came from: flag, environment, file or default."""
    rows = [
        (f"{section}.{field.name}", str(getattr(getattr(config, section), field.name)), config.origins[f"{section}.{field.name}"])
        for section, record in SECTIONS.items()
        for field in dataclasses.fields(record)
    ]
    rows += [(f'prices."{model}".{key}', value, "file") for model, row in config.prices.items() for key, value in row.items()]
    if as_json:
        print_json([{"name": name, "value": value, "origin": origin} for name, value, origin in rows])
    else:
        print_table(("setting", "value", "from"), rows)
