"""`modicum replay`: a provider made of recorded calls."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import click
import msgspec

from modicum import intake
from modicum.backends.replay import Recordings
from modicum.cli.options import Config, common, printable
from modicum.cli.progress import bar
from modicum.errors import LogFormatError
from modicum.report.words import count
from modicum.types import Call

EXAMPLES = """\b
Examples:
  modicum replay log.jsonl                               then, in another terminal:
  modicum serve --upstream http://127.0.0.1:8322/v1
  modicum replay --pace monday.jsonl.gz tuesday.jsonl.gz as fast as it was then
"""


@click.command("replay", epilog=EXAMPLES)
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8322", help="Where to listen; loopback only. [default: 127.0.0.1:8322]")
@click.option("--pace", is_flag=True, help="Take as long for each answer as it took when it was recorded.")
@common
def command(logs: tuple[str, ...], listen: str, pace: bool, config: Config, as_json: bool) -> None:
    """Answer from recorded calls, as an OpenAI-compatible server on this machine.

    A tool for demos and tests. It asks no provider and costs nothing: a request gets the answer that was recorded for exactly this
    request, streamed or not as it is asked for now; several recorded answers come in turn. What is in no log gets a 404. Logs are read
    as `modicum import` reads them; all answers are held in memory.
    """
    from modicum.gateway import server  # not at start-up: these load arrays and the server
    from modicum.gateway.replay import replay

    bound = server.bind(listen)
    recordings = load(logs)
    limits = dataclasses.replace(config.serve, listen=server.address(bound), workers=1)
    if not recordings.calls:
        raise LogFormatError("there is no recorded answer in " + ", ".join(logs), hint="a line needs a request and a response")
    url = f"http://{limits.listen}/v1"
    line = f"Replaying {count(recordings.calls, 'recorded answer')} to {count(len(recordings), 'request')} on {url}"
    line += ", at their own pace." if pace else "."
    if as_json:
        line = msgspec.json.encode({"url": url, "answers": recordings.calls, "requests": len(recordings), "pace": pace}).decode()
    server.run(replay(recordings, limits, pace=pace), bound, limits, announce=lambda: click.echo(printable(line)))


def load(logs: tuple[str, ...]) -> Recordings:
    """Every answer in the logs; lines that are no calls, and calls without an answer, are counted on standard error."""
    recordings = Recordings()
    left_out = 0
    with bar("reading") as report:
        for log in logs:
            with intake.opened(Path(log)) as source:
                seen: Counter[bytes] = Counter()

                def occurrence(digest: bytes, seen: Counter[bytes] = seen) -> int:
                    seen[digest] += 1
                    return seen[digest]

                for number, found in enumerate(intake.read(source, intake.Options(), occurrence)):
                    left_out += not (isinstance(found, Call) and recordings.add(found))
                    if number % 1000 == 0 and source.size_bytes:
                        report(source.read_bytes / source.size_bytes, source.name)
    if left_out:
        click.echo(f"{count(left_out, 'line holds', 'lines hold')} no answer that could be given again.", err=True)
    return recordings
