"""A terminal's other screen: drawn over and over, keys without echo, and everything as it was when it is left, however that happens."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
_ENDS = (signal.SIGTERM, signal.SIGHUP)
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)")
_ANY = re.compile(rb".", re.DOTALL)
Handler = Callable[[int, FrameType | None], Any] | int | None


class Screen:
    """From `with` to its end. A signal that ends the process, Ctrl-C and Ctrl-Z give the terminal back first."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._out = sys.stdout.fileno()
        self._typed = b""
        self._before: list[Any] = []
        self._handlers: dict[signal.Signals, Handler] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)

    def __enter__(self) -> Screen:
        self._old_wake = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in _ENDS:
            self._handlers[number] = signal.signal(number, _end)
        self._handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, _nothing)
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stop)
        self._take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._old_wake)
        os.close(self._wake)
        os.close(self._woken)

    @property
    def size(self) -> tuple[int, int]:
        """(columns, lines) now."""
        with suppress(OSError):
            return os.get_terminal_size(self._out)
        return shutil.get_terminal_size((80, 24))

    def show(self, lines: Sequence[str]) -> None:
        """Put these lines in the place of those that are there."""
        body = "\n".join(one + _CLEAR_LINE for one in lines)
        self._write(f"{_HOME}{body}{_CLEAR_REST}")

    def wait(self, seconds: float) -> str | None:
        """A key; empty where the size changed or the key is none of ours; None where neither came in time. Raises EOFError."""
        if not self._typed:
            readers = [self._woken] if self._keys is None else [self._woken, self._keys]
            ready, _, _ = select.select(readers, [], [], max(seconds, 0.0))
            if not ready:
                return None
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 256)
            if self._keys not in ready:
                return ""
            assert self._keys is not None
            self._typed = os.read(self._keys, 64)
            if not self._typed:
                raise EOFError
        # What is typed fast comes together; a key of several characters (an arrow) is one.
        key = _SEQUENCE.match(self._typed) or _ANY.match(self._typed)
        assert key is not None
        self._typed = self._typed[key.end() :]
        if key[0] == b"\x04":
            raise EOFError
        return key[0].decode("ascii", "ignore") if len(key[0]) == 1 else ""

    def _take(self) -> None:
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys, termios.TCSADRAIN)
        self._write(_ENTER)

    def _give_back(self) -> None:
        with suppress(OSError, termios.error):  # the terminal may be gone
            self._write(_LEAVE)
        if self._keys is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)

    def _stop(self, number: int, _: FrameType | None) -> None:
        """Ctrl-Z: stop as any program does, and draw again when it goes on."""
        self._give_back()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self._stop)
        self._take()

    def _write(self, text: str) -> None:
        body = text.encode("utf-8", "replace")
        while body:
            body = body[os.write(self._out, body) :]


def _end(number: int, _: FrameType | None) -> None:
    if number == signal.SIGTERM:
        raise KeyboardInterrupt  # told to stop, as by Ctrl-C
    raise SystemExit(128 + number)


def _nothing(_: int, __: FrameType | None) -> None:
    """The pipe wakes whoever waits."""
