"""`modicum config`: every setting and where it came from."""

from __future__ import annotations

import click

from modicum.cli.options import Config, common, print_json, print_table
from modicum.config.listing import listing


@click.command()
@common
def command(config: Config, as_json: bool) -> None:
    """Print every setting, its value and where it came from: flag, environment, file or default."""
    rows = list(listing(config))
    if as_json:
        print_json(rows)
    else:
        print_table(("setting", "value", "from"), [(row.name, row.value, row.origin) for row in rows])
