"""A process that spends a key's money: for tests that run several, or kill one.

    python spender.py HOME FIRST COUNT PARALLEL KILL_AT SEED

makes calls FIRST... with PARALLEL in flight. Each line that it prints is one call that a provider would charge: its id and pico-dollars.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from modicum.errors import BudgetError, StoreError
from modicum.store.ledger import Ledger
from modicum.types import Key, new_call_id

HELD = 2_000_000_000
"""Pico-dollars that are held for each call."""
BUDGET = Decimal(1)
KEY = Key(key_id="key_test", name="test", digest="", shown="", budget_day_usd=BUDGET, created_at=datetime.now(UTC), created_by="test")


def main(home: Path, count: int, parallel: int, kill_at: int, seed: int) -> None:
    draw = random.Random(seed)
    ledger = Ledger(home, rotate_bytes=40_000)
    flying: list[tuple[str, int]] = []

    def land() -> None:
        call_id, cost = flying.pop(draw.randrange(len(flying)))
        os.write(1, f"{call_id} {cost}\n".encode())  # the provider charges before we can write it down
        ledger.settle(call_id, cost, 10)

    for number in range(count):
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        call_id = new_call_id()
        while True:
            try:
                ledger.reserve(KEY, call_id, HELD, 20)
                flying.append((call_id, draw.randrange(HELD // 2, HELD + 1)))
                break
            except BudgetError:
                break
            except StoreError:  # the machine is busy: whoever had the lock was not let run
                time.sleep(0.05)
        while len(flying) > parallel or (flying and draw.random() < 0.3):
            land()
    while flying:
        land()
    ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
