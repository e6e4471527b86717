"""The coin: on which arm a conversation falls, whatever it says.

Only what it keeps with the incumbent goes on certifying once a route answers, and only what it decides tells what a route is worth, so the
toss must not depend on content, and the chance of each side is known exactly.
"""

from __future__ import annotations

import hashlib
import os
from typing import Literal

Arm = Literal["control", "canary", "unwatched", "route"]
"""control: kept with the incumbent for good. canary: not of the share that the route answers now. unwatched: of it, and given back while
nobody watches. route: the route's own."""
_HALF = 32
_WHOLE = 1 << _HALF


def toss(conversation: str | None, *, salt: str, control: float, share: float = 1.0, kept: float = 1.0) -> tuple[Arm, float]:
    """The arm of a conversation, and the chance of its side: the route's, or the incumbent's, whose arms are all the others together.

    Two sides, so that whoever compares them weighs a call by its own record alone. One conversation has one draw under one salt; without
    one it is a fresh draw.

    `control` of all conversations are control; of the others the route has `share`, of which it keeps `kept`. All in [0, 1].

    A draw is two independent numbers, one for the control and one for the share: so a limit that moves takes along just those
    conversations that lie between where it was and where it is. With one number, a larger control would push the share's limit too.
    """
    if conversation is None:
        drawn = os.urandom(8)
    else:
        drawn = hashlib.blake2b(f"{salt}\0{conversation}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(drawn)
    route, at = (1.0 - control) * share * kept, number & (_WHOLE - 1)
    if number >> _HALF < control * _WHOLE:
        return "control", 1.0 - route
    if at < share * kept * _WHOLE:
        return "route", route
    return "unwatched" if at < share * _WHOLE else "canary", 1.0 - route
