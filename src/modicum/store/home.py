"""The folder that Modicum keeps: what lies where in it, with which permissions, and who may change it now.

    home/                 0700, every file in it 0600
      segments/           frames of calls: ID.open (being written), ID.seg (sealed), ID.zst (imported), ID.part, ID.names (on the way)
      calls/              the Delta table that sealed segments enter
      assignments.parquet which workload each call belongs to
      index.db            identities of what was imported or erased, and which import batches are on their way
      control.db          workloads, decisions, attempts, certificates, routes, keys, audit log
      artefacts/          content-addressed models
      requests/           files that ask a person for labels
      feedback.jsonl      what was said of calls afterwards
      serving.json        all that the day reads of the night; publish.lock is held by whoever compiles it
      watch.json          the watcher's heartbeat
      watched.json        what the watcher last saw of every route, for figures
      keys.json           the virtual keys, without their secrets
      ledger/             what each of them spent, call by call
      imports.json        how far logs that are read in pieces have come
      models/             the operator's own cards of models
      hub/                what was found at the Hugging Face Hub, for a day
      encoders/           encoders of the Hub, notes of what was exported, and rounds of a fine-tuning that is not done
      prices-VERSION.json the list prices of the installed genai-prices
      serving.lock        held by the one `serve` over this home; who that is
      admin.sock          where the gateway's own admin process answers; admin.lock is held by it
      tmp/                spilled sorts; emptied by `erase`
      lock                held by whoever changes the calls
      readers.lock        shared by scans, held alone by whoever deletes files of the table

Both locks belong to the open file (`flock`), so they vanish with their process, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modicum.errors import StoreBusyError, StoreError
from modicum.store import place

UNFIT = set("[]|^%\\")
FOLDERS = ("segments", "calls", "artefacts", "requests", "tmp")


def prepare(path: Path) -> Path:
    """Make the home and its folders, readable by their owner alone. Raises StoreError where that cannot be."""
    if unfit := sorted(UNFIT & set(str(path.absolute()))):
        raise StoreError(f"cannot use {path} as home: the table's library cannot work below a folder with {' '.join(unfit)} in its name")
    place.check(path)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (path, *(path / name for name in FOLDERS)):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_mode & 0o777 != 0o700:
                folder.chmod(0o700)
    except OSError as error:
        raise StoreError(f"cannot use {path} as home: {error.strerror}", hint="--home FOLDER names another") from None
    return path


def make_private(path: Path) -> None:
    """0700 for every folder and 0600 for every file below `path`: libraries that write for us follow the process's umask."""
    for folder, _, files in os.walk(path):
        if os.stat(folder).st_mode & 0o077:
            os.chmod(folder, 0o700)
        for name in files:
            file = os.path.join(folder, name)
            if os.stat(file).st_mode & 0o077:
                os.chmod(file, 0o600)


@contextmanager
def privately() -> Iterator[None]:
    """What is created in this block belongs to its owner alone. The mask is the whole process's: for commands, not for `serve`."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def changing(home: Path, *, wait_s: float = 60.0) -> Iterator[None]:
    """Hold the lock of whoever changes the stored calls.

    Raises StoreBusyError where another process keeps it longer than `wait_s`, StoreError in place of what the disk says meanwhile.
    """
    with _locked(home / "lock", fcntl.LOCK_EX, wait_s):
        try:
            yield
        except OSError as error:
            raise StoreError(f"cannot change {home}: {error.strerror or error}") from None


@contextmanager
def changing_keys(home: Path, *, wait_s: float = 10.0) -> Iterator[None]:
    """Hold the lock of whoever changes keys: a lock of its own, so that revoking one waits for no compaction."""
    with _locked(home / "keys.lock", fcntl.LOCK_EX, wait_s):
        yield


@contextmanager
def publishing(home: Path, *, wait_s: float = 10.0) -> Iterator[None]:
    """Hold the lock of whoever compiles what the day reads: what was compiled earlier is never written later."""
    with _locked(home / "publish.lock", fcntl.LOCK_EX, wait_s):
        yield


@contextmanager
def reading(home: Path, *, wait_s: float = 60.0) -> Iterator[None]:
    """Keep files of the table from being deleted while they are read."""
    with _locked(home / "readers.lock", fcntl.LOCK_SH, wait_s):
        yield


@contextmanager
def deleting(home: Path, *, wait_s: float = 60.0) -> Iterator[None]:
    """Wait until nobody reads the table, and keep new readers out."""
    with _locked(home / "readers.lock", fcntl.LOCK_EX, wait_s):
        yield


def begin_serving(home: Path, *, wait_s: float = 5.0) -> int:
    """Hold the home as its one server, until the descriptor that is returned is closed or the process ends.

    Waits a moment for one that is just leaving. Raises StoreBusyError by name where another one stays.
    """
    path = home / "serving.lock"
    fd = _lock_file(path)
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() >= until:
                who = os.pread(fd, 200, 0).decode("utf-8", "replace").strip() or "another process"
                os.close(fd)
                raise StoreBusyError(
                    f"{home} is served already, by {who}",
                    hint="stop that one, give it more --workers, or name another folder with --home: one `serve` to a home",
                ) from None
        time.sleep(0.05)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return fd


def is_served(home: Path) -> bool:
    """Does a gateway hold the home (`begin_serving`)?"""
    try:
        fd = os.open(home / "serving.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


@contextmanager
def _locked(path: Path, kind: int, wait_s: float) -> Iterator[None]:
    fd = _lock_file(path)
    try:
        until = time.monotonic() + wait_s
        pause = 0.002
        while True:
            try:
                fcntl.flock(fd, kind | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= until:
                    raise StoreBusyError(f"another process keeps {path}", hint="wait for it to end, then try again") from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        yield
    finally:
        os.close(fd)


def _lock_file(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror}") from None


def replace(path: Path, body: bytes) -> None:
    """Put `body` in the place of `path` at once: a reader sees the old file or the new one, whole, even after a power cut."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write(fd, body)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def write(fd: int, body: bytes) -> None:
    """Write all of `body`; `os.write` may take less."""
    view = memoryview(body)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
