"""What all commands share: the options that find the home and choose the format, and how results are printed."""

from __future__ import annotations

import functools
import os
import pwd
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from modicum import config
from modicum.admin.reach import Here, Reach, There, reach
from modicum.config.sections import StoreConfig
from modicum.errors import NotFoundError
from modicum.workload.letters import isolate

ADMIN_KEY_ENV = "MODICUM_ADMIN_KEY"
_WHOLE = 1_000
"""Characters, that no sentence of a help has."""
Config = config.Config
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Subcommands(click.Group):
    """A group whose help has the whole first sentence of each subcommand, not as much of it as goes on a line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in found if one is not None and not one.hidden])


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --home, --config and --format; the command receives `config` (read, with flags applied) and `as_json`."""

    @click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder that Modicum keeps. [default: .modicum]")
    @click.option(
        "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Settings. [default: modicum.toml where it exists]"
    )
    @click.option(
        "--format", "output", type=click.Choice(["text", "json"]), default="text", help="json prints only JSON on standard output."
    )
    @functools.wraps(function)
    def command(
        *args: Any, home: Path | None, config_path: Path | None, output: str, flags: dict[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        group = _given_before()
        home, config_path, output = group.get("home", home), group.get("config_path", config_path), group.get("output", output)
        settings = config.load(config_path, flags={"store.home": home, **(flags or {})})
        return function(*args, config=settings, as_json=output == "json", **kwargs)

    return command


def reached(function: Callable[..., Any]) -> Callable[..., Any]:
    """`common`, with --server: the command receives `way`, to the home or to a gateway, beside `config` and `as_json`.

    The home must be there where no server is named, unless the command makes it.
    """

    @click.option("--server", metavar="URL", help="Do it on this running gateway, through its admin API.")
    @click.option(
        "--admin-key-env", metavar="NAME", help=f"The environment variable that holds an admin key for it. [default: {ADMIN_KEY_ENV}]"
    )
    @common
    @functools.wraps(function)
    def command(*args: Any, server: str | None, admin_key_env: str | None, config: Config, **kwargs: Any) -> Any:
        return function(*args, way=way_to(config, server, admin_key_env), config=config, **kwargs)

    return command


def way_to(settings: Config, server: str | None, admin_key_env: str | None) -> Here | There:
    """Where these options lead. Raises ConfigError."""
    group = _given_before()
    return reach(settings, group.get("server", server), group.get("admin_key_env", admin_key_env) or ADMIN_KEY_ENV, actor())


def at_home(way: Reach) -> None:
    """Raise NotFoundError where a command that only reads would work on a folder that is not there."""
    if way.local:
        existing(way.config)


def _given_before() -> dict[str, Any]:
    """These options where they were given before the subcommand (`modicum workloads --home H list`) and not behind it."""
    context = click.get_current_context()
    group = context.parent
    if group is None:
        return {}
    names = [name for name in ("home", "config_path", "output", "server", "admin_key_env") if name in group.params]
    return {name: group.params[name] for name in names if _said(group, name) and not _said(context, name)}


def _said(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def existing(settings: Config) -> Path:
    """The home, which must be there: a command that only reads makes none. Raises NotFoundError."""
    home = settings.home
    if not (home / "calls").is_dir():
        inside = home / StoreConfig().home
        if (inside / "calls").is_dir():  # a project's folder was named, not the home in it
            raise NotFoundError(f"no home at {home}", hint=f"did you mean {inside}?")
        raise NotFoundError(f"no home at {home}", hint="`modicum import LOG` makes one, --home FOLDER names another")
    return home


def actor() -> str:
    """Who is changing things, for the record: who the system says that it is, which a variable of the environment does not change."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container not every number has a name
        return f"uid {os.getuid()}"


def print_json(value: Any) -> None:
    """One JSON document on standard output; nouns print under their fields' names, money as numbers with all their digits."""
    click.echo(msgspec.json.format(_encode(value), indent=2).decode())


ROOMY = 120
"""From so many columns on, tables keep three spaces between theirs, else two."""


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Iterable[int] = (),
    whole: Iterable[int] = (),
    spare: Sequence[int] = (),
    title: str = "",
) -> None:
    """A plain table; `right` are the columns to align right, `whole` those whose cells are not broken (names that somebody copies).

    `spare`: columns that are left out where the screen is too narrow for all, the first of these first.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    screen = console()
    between = (0, 1) if screen.width >= ROOMY else (0, 1, 0, 0)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=between, title=title or None, title_justify="left", title_style="bold")
    aligned, unbroken = set(right), set(whole)
    cells = [[isolate(printable(str(cell))) for cell in row] for row in rows]
    needs = _needs(head, cells, unbroken)
    out = _left_out(needs, spare, screen.width)
    shown = [number for number in range(len(head)) if number not in out]
    for number in shown:
        table.add_column(
            head[number],
            justify="right" if number in aligned else "left",
            overflow="fold",
            no_wrap=number in unbroken,
            min_width=needs[number] if spare else None,
        )
    for row in cells:
        table.add_row(*(Text(row[number]) for number in shown if number < len(row)))
    screen.print(table)
    if out:
        screen.print(Text(f"Left out for want of width: {', '.join(head[number] or 'notes' for number in sorted(out))}.", style="dim"))


def _needs(head: Sequence[str], cells: Sequence[Sequence[str]], unbroken: Collection[int]) -> list[int]:
    """The width of each column in which no word is broken, and of those that are not to be broken no cell."""
    from rich.cells import cell_len

    found = []
    for number, name in enumerate(head):
        texts = [row[number] for row in cells if number < len(row)]
        pieces = [*name.split(), *(texts if number in unbroken else (word for text in texts for word in text.split()))]
        found.append(max(map(cell_len, pieces), default=0))
    return found


def _left_out(needs: Sequence[int], spare: Sequence[int], width: int) -> set[int]:
    """The spare columns that have no room where every other has what it needs."""
    out, gap = set[int](), 3 if width >= ROOMY else 2
    for number in spare:
        if sum(need + gap for at, need in enumerate(needs) if at not in out) <= width:
            break
        out.add(number)
    return out


def console(*, error: bool = False) -> Any:
    """A rich console that is wide enough where the output is no terminal."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else 160, highlight=False, soft_wrap=False)


def printable(text: str) -> str:
    """Text from a log without what would steer a terminal or turn a line around: such characters stand as escapes.

    The joiners that Persian and Indic scripts and emoji need stay.
    """
    return "".join(
        c if c.isprintable() or c in "\n\t\u00a0\u200c\u200d" else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text
    )
