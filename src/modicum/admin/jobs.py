"""Operations that take long: run in a thread of their own, one at a time, and asked for by their id until they are done."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from modicum.errors import JobRunningError, ModicumError, NotFoundError

KEPT = 50
"""Jobs that are remembered, the newest."""
Work = Callable[[Callable[[float, str], None]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job came to nothing."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a long operation."""

    job_id: str
    operation: str
    actor: str
    state: Literal["running", "done", "failed"]
    share_done: float
    """0 to 1."""
    doing: str
    started_at: datetime
    ended_at: datetime | None = None
    result: Any = None
    """What the operation gives, once it is done."""
    error: Failure | None = None


class Jobs:
    """Those of one process. They end with it; what a fit had begun is taken up by the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    @property
    def running(self) -> bool:
        return any(job.state == "running" for job in self._jobs.values())

    def start(self, operation: str, actor: str, work: Work) -> Job:
        """Begin. Raises JobRunningError where one runs already."""
        with self._lock:
            if other := next((job for job in self._jobs.values() if job.state == "running"), None):
                raise JobRunningError(
                    f"{other.operation} of {other.actor} is running", hint=f"GET /admin/v1/jobs/{other.job_id} says how far"
                )
            job = Job(
                job_id=f"job_{os.urandom(8).hex()}",
                operation=operation,
                actor=actor,
                state="running",
                share_done=0.0,
                doing="",
                started_at=datetime.now(UTC),
            )
            for old in list(self._jobs)[: -KEPT + 1]:
                del self._jobs[old]
            self._jobs[job.job_id] = job
        threading.Thread(target=self._run, args=(job.job_id, work), daemon=True).start()
        return job

    def all(self) -> list[Job]:
        """Newest first."""
        return list(self._jobs.values())[::-1]

    def get(self, job_id: str) -> Job:
        """Raises NotFoundError."""
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(f"no job '{job_id[:80]}'", hint="jobs are forgotten when the gateway stops; GET /admin/v1/jobs lists them")
        return job

    def _run(self, job_id: str, work: Work) -> None:
        def tell(share: float, what: str) -> None:
            self._change(job_id, share_done=min(max(share, 0.0), 1.0), doing=what)

        end: dict[str, Any]
        try:
            end = {"state": "done", "share_done": 1.0, "doing": "", "result": msgspec.to_builtins(work(tell))}
        except ModicumError as error:
            end = {"state": "failed", "error": Failure(code=error.code, message=error.message, hint=error.hint)}
        except BaseException as error:  # the job is over whatever happened, and says so
            end = {"state": "failed", "error": Failure(code="internal_error", message=f"it broke off: {type(error).__name__}", hint="")}
        self._change(job_id, ended_at=datetime.now(UTC), **end)

    def _change(self, job_id: str, **changes: Any) -> None:
        with self._lock:
            if job_id in self._jobs:
                self._jobs[job_id] = dataclasses.replace(self._jobs[job_id], **changes)
