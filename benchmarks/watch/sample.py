"""A log with an answer key for the short form: one application of the demo's shop, with as many calls as are wanted."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.sample import QUEUES, Application, Writer, record, support_message

PROMPT = "You sort the messages of a shop's customers. Say which queue gets the message, in one word: " + ", ".join(sorted(QUEUES)) + "."


def write(log: Path, key: Path, *, calls: int = 1800, seed: int = 0) -> None:
    """The log's lines and a key {"id", "workload", "gold"} for each. What is answered is taken for right."""
    writer, clock = Writer(random.Random(f"watch/{seed}")), random.Random(f"watch/{seed}/times")
    shop = Application("helpdesk", "gpt-4o-mini", calls, 30, support_message, 480, 9)
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    made = []
    for _ in range(calls):
        asked, answer = support_message(writer)
        asked["messages"][0] = {"role": "system", "content": PROMPT}
        made.append((record(clock, shop, asked, answer, until), answer))
    made.sort(key=lambda one: str(one[0]["timestamp"]))
    log.write_text("".join(json.dumps(one) + "\n" for one, _ in made), encoding="utf-8")
    rows = ({"id": one["response"]["id"], "workload": "helpdesk", "gold": answer} for one, answer in made)
    key.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
