"""How commands end that somebody stops. A job that was interrupted is not done: exit code 130, as `main` has it. What runs until it is
stopped (`serve`, `watch`, `replay`, `top`) was not cut short by that: exit code 0."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_stopped() -> Iterator[None]:
    """The block goes on until Ctrl-C or SIGTERM, which end it well. In the main thread alone."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
