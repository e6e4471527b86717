"""A progress bar on standard error where that is a terminal; nothing at all where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[float, str], None]
"""(share done 0..1, what is being done)."""


@contextmanager
def bar(title: str) -> Iterator[Report]:
    """Show a bar while the block runs; the block calls what it gets with (share done, what is being done)."""
    if not sys.stderr.isatty():
        yield lambda share, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda share, what: progress.update(task, completed=share, description=f"{title}: {what}" if what else title)
