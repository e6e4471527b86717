"""`python -m modicum.pipeline.published HOME`: tell the day what the record says, where somebody was killed before that.

A process of its own, so that `modicum serve` loads nothing of what keeps records.
"""

from __future__ import annotations

import sys
from pathlib import Path

from modicum.config import Config, StoreConfig
from modicum.errors import ModicumError
from modicum.pipeline.switching import publish


def main(home: Path) -> int:
    """Compile the snapshot; 1 where that cannot be done now, and what was compiled before holds."""
    try:
        publish(Config(store=StoreConfig(home=home)))
    except ModicumError as error:
        print(f"modicum: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
