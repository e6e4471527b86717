"""Run an application on one port: bind, serve, drain on SIGTERM; with several workers, watch over them.

Workers are forked from a parent that holds the listening socket and nothing else: no loop, no thread, no connection. Each worker
opens its own client, segments and snapshot. A worker that dies is replaced; if the parent dies, the workers
notice that its pipe closed, drain and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from modicum.config import Config, ServeConfig
from modicum.errors import ConfigError
from modicum.gateway import admit
from modicum.gateway.app import application
from modicum.gateway.beside import LOOK_S, Beside
from modicum.gateway.day import Day
from modicum.gateway.exchange import App
from modicum.gateway.front import BACKLOG, serve
from modicum.gateway.log import Log
from modicum.store.segments import SegmentWriter

GRACE_S = 5.0
"""A worker gets so much longer than `drain_s` before it is killed."""
RESTART_PAUSE_S = 0.5
_ENDING = (signal.SIGINT, signal.SIGTERM)
COLLECT = (20_000, 20, 20)
"""When cycles are looked for. A call leaves none, and with hundreds of them in flight looking through them took a tenth of the time."""
FIRST_S = 0.3
"""A worker that is told to stop before it began accepts connections for so long."""
HEEDED_S = 0.02
"""A signal that a worker sends itself is heeded within so long."""

Opening = Callable[[], AbstractAsyncContextManager[App]]
"""Opens what a worker needs, in the worker's own loop, and closes it after the last request."""


def bind(listen: str, *, keyed: bool = False) -> socket.socket:
    """A listening socket, on a loopback address while there are no keys. Raises ConfigError where that cannot be."""
    host, port = admit.listener(listen, keyed=keyed)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1" if host == "localhost" else "" if host == "*" else host, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise ConfigError(f"cannot listen on {listen}: {error.strerror}", hint="--listen 127.0.0.1:PORT names another port") from None
    return bound


def address(bound: socket.socket) -> str:
    """HOST:PORT of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def gateway(config: Config, reread: Callable[[], Config] | None = None) -> Opening:
    """Opens the gateway of one worker. `reread` gives the configuration anew when SIGHUP comes."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[App]:
        writer = SegmentWriter(config.home, durability=config.store.durability)
        day = Day.open(config, writer, exposed=admit.reachable(config.serve.listen))
        day.start()
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGHUP)
        if reread is not None:
            loop.add_signal_handler(signal.SIGHUP, day.reload, reread)
        try:
            yield application(day)
        finally:
            if reread is not None:
                loop.remove_signal_handler(signal.SIGHUP)
                signal.signal(signal.SIGHUP, before)  # one that comes now must not end what is still to be written
            await day.close()

    return opening


def run(
    opening: Opening,
    bound: socket.socket,
    limits: ServeConfig,
    *,
    announce: Callable[[], None],
    held: int = -1,
    log: Log | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and return when replies under way are finished or `drain_s` is over.

    `announce` is called when such a signal will be obeyed and connections are accepted. `held`: a descriptor that this process
    keeps for itself, its workers not. `log` hears of workers that end. `beside` is kept running meanwhile.
    """
    stop = _Stop()
    for number in _ENDING:
        signal.signal(number, stop.ask)
    signal.signal(signal.SIGHUP, stop.reread)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))  # it may have been kept waiting while we began
    announce()
    try:
        if limits.workers > 1:
            _supervise(opening, bound, limits, stop, held, log or Log(), beside)
        else:
            _work(opening, bound, limits, stop, beside=beside)
    finally:
        if beside is not None:
            beside.close()


class _Stop:
    """Whether a signal came while no server listened for signals yet; forked workers carry theirs."""

    asked = False
    reload = False

    def ask(self, *_: object) -> None:
        self.asked = True

    def reread(self, *_: object) -> None:
        self.reload = True


def _work(
    opening: Opening, bound: socket.socket, limits: ServeConfig, stop: _Stop, parent: int | None = None, beside: Beside | None = None
) -> None:
    """One worker. `parent` is the end of a pipe that closes when the parent goes."""

    async def work() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with opening() as app:
            for number in _ENDING:
                loop.add_signal_handler(number, stopped.set)
            if stop.reload:  # nobody listened when it came
                stop.reload = False
                os.kill(os.getpid(), signal.SIGHUP)
                await asyncio.sleep(HEEDED_S)
            if stop.asked:  # who connected before the signal came is served all the same
                loop.call_later(FIRST_S, stopped.set)
            if parent is not None:
                loop.add_reader(parent, stopped.set)
            gc.collect()
            gc.freeze()
            gc.set_threshold(*COLLECT)
            keeping = None if beside is None else asyncio.create_task(_keep(beside))
            try:
                await serve(app, bound, limits, stopped)
            finally:
                if keeping is not None:
                    keeping.cancel()
                if parent is not None:
                    loop.remove_reader(parent)
                for number in _ENDING:  # a second signal must not end what is still to be written
                    loop.remove_signal_handler(number)
                    signal.signal(number, stop.ask)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(work())


async def _keep(beside: Beside) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        await asyncio.to_thread(beside.tick)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _supervise(
    opening: Opening, bound: socket.socket, limits: ServeConfig, stop: _Stop, held: int, log: Log, beside: Beside | None
) -> None:
    """Keep `limits.workers` workers alive until a signal, then let them drain."""
    alive_read, alive_write = os.pipe()
    workers: dict[int, float] = {}
    reloaded = False

    def start() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        if pid := os.fork():
            workers[pid] = time.monotonic()
            return
        code = 1
        try:
            os.close(alive_write)
            if held >= 0:
                os.close(held)
            stop.reload |= reloaded  # what we began with holds no more
            _work(opening, bound, limits, stop, alive_read)
            code = 0
        except BaseException as error:  # a forked child must never return into its parent's code
            log.alarm("worker", f"{type(error).__name__}: {error}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    for _ in range(limits.workers):
        start()
    while not stop.asked:
        for pid in _ended(workers):
            lived = time.monotonic() - workers.pop(pid)
            log.alarm("worker", f"{pid} ended and is replaced")
            if lived < RESTART_PAUSE_S * 2:
                time.sleep(RESTART_PAUSE_S)
            if not stop.asked:
                start()
        if stop.reload:
            stop.reload, reloaded = False, True
            for pid in workers:
                _kill(pid, signal.SIGHUP)
            if beside is not None:
                beside.reload()
        if beside is not None:
            beside.tick()
        time.sleep(0.05)
    bound.close()
    for pid in workers:
        _kill(pid, signal.SIGTERM)
    until = time.monotonic() + limits.drain_s + GRACE_S
    while workers and time.monotonic() < until:
        for pid in _ended(workers):
            del workers[pid]
        time.sleep(0.02)
    for pid in workers:
        _kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(alive_write)
    os.close(alive_read)


def _ended(workers: dict[int, float]) -> list[int]:
    return [pid for pid in list(workers) if os.waitpid(pid, os.WNOHANG)[0]]


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
