"""The process that learns beside a watcher: its order on standard input, one line on standard output for each thing it does.

It ends where its standard input closes, in the middle of whatever it does: all that is done is kept, and the next one goes on from there.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime

import click

from modicum.cli.options import printable
from modicum.config.environment import use_one_thread

NICE = 19


def main() -> int:
    """0: the run is over. 1: the home could not be used. `learner.BUSY`: another process learns."""
    os.nice(NICE)
    use_one_thread()  # before what computes is loaded
    import msgspec

    from modicum.config.carried import unpack
    from modicum.errors import ModicumError
    from modicum.watch.learn import Learning
    from modicum.watch.learner import BUSY, Order

    stream = sys.stdin.buffer
    order = msgspec.json.decode(stream.readline(), type=Order)
    config = unpack(stream.read(order.config_bytes))
    threading.Thread(target=_orphaned, daemon=True).start()
    try:
        return 0 if Learning(config, _say).run(order.why, find=order.find) else BUSY
    except (ModicumError, OSError) as error:
        _say(error.message if isinstance(error, ModicumError) else str(error))
        return 1


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} learns: {' '.join(printable(text).split())}")


def _orphaned() -> None:
    while os.read(0, 1):
        pass
    os._exit(4)


if __name__ == "__main__":
    sys.exit(main())
