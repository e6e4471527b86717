"""The gateway itself: which version, is it well, with which settings, who changed what, and which long jobs there were."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from modicum import __version__
from modicum.admin.jobs import Job
from modicum.admin.operation import Desk, Nothing, One, Page, Paged, operation, paged
from modicum.config.listing import Setting, listing
from modicum.errors import NotFoundError
from modicum.store.control import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs here."""

    version: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What can be said without asking the calls: the records can be read, and how many there are."""

    workloads: int
    routes_on: int
    routes_in_canary: int
    routes_in_shadow: int
    jobs_running: int


@operation("GET", "/version", role="admin")
def version(desk: Desk, asked: Nothing) -> Running:
    """Say which version runs."""
    return Running(version=__version__, python=platform.python_version())


@operation("GET", "/health", role="admin")
def health(desk: Desk, asked: Nothing) -> Health:
    """Say whether the records can be read, and how many routes are live."""
    control = Control(desk.config.home)
    states = [route.state for route in control.routes()]
    running = sum(job.state == "running" for job in desk.office.jobs.all()) if desk.office is not None else 0
    return Health(
        workloads=len(control.workloads()),
        routes_on=states.count("on"),
        routes_in_canary=states.count("canary"),
        routes_in_shadow=states.count("shadow"),
        jobs_running=running,
    )


@operation("GET", "/config", role="admin")
def config(desk: Desk, asked: Nothing) -> tuple[Setting, ...]:
    """List every setting, its value and where it came from. No secret is among them."""
    return tuple(listing(desk.config))


@operation("GET", "/jobs", role="admin")
def jobs(desk: Desk, asked: Paged) -> Page[Job]:
    """List the long jobs that were started since the gateway began, newest first."""
    return paged(desk.office.jobs.all() if desk.office is not None else [], asked, lambda job: job.job_id)


@operation("GET", "/jobs/{ref}", role="admin")
def job(desk: Desk, asked: One) -> Job:
    """Say how far a job is; what it gives stands in `result` once its state is `done`."""
    if desk.office is None:
        raise NotFoundError("there are no jobs here", hint="a command on a folder waits for what it does")
    found: Job = desk.office.jobs.get(asked.ref)
    return found
