"""The control coin: a recorded share of conversations stays with the incumbent, whatever they say.

Only these calls go on certifying once a route is on, so the toss must not depend on content.
"""

from __future__ import annotations

import hashlib
import os


def keeps_control(conversation: str | None, share: float, *, salt: str) -> bool:
    """True for `share` of conversations: the same one always falls on the same side under one salt; without one, a fresh toss."""
    drawn = hashlib.blake2b(f"{salt}\0{conversation}".encode(), digest_size=8).digest() if conversation is not None else os.urandom(8)
    return int.from_bytes(drawn) < share * 2**64
