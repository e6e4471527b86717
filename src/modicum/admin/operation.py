"""What an operation is: one function with one record in and one out, its place in the API, and who may call it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from modicum.config import Config
from modicum.errors import InputError

P = TypeVar("P", bound="Takes")
R = TypeVar("R")
T = TypeVar("T")

Progress = Callable[[float, str], None]
"""(share done, what is being done)."""
Method = Literal["GET", "POST"]

LONGEST_REF = 200
MOST_ITEMS = 1000
"""Of one page."""
Ref = Annotated[str, Meta(min_length=1, max_length=LONGEST_REF, pattern=r"^[^\x00-\x1f\x7f\\]+$")]
"""An id, or a name where names do."""
Scope = Annotated[str, Meta(min_length=1, max_length=LONGEST_REF, description="Only this scope.")]
Note = Annotated[str, Meta(max_length=1000, description="Why, for the record.")]
Cursor = Annotated[str, Meta(max_length=LONGEST_REF, description="`next` of the page before.")]
Limit = Annotated[int, Meta(ge=1, le=MOST_ITEMS, description="Most items of this page.")]
Time = Annotated[datetime, Meta(tz=True)]
"""With its offset from UTC."""


class Takes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operation takes. Fields that its path names come from there, the others from the query (GET) or the body (POST)."""


class Nothing(Takes, frozen=True, kw_only=True):
    """No field at all."""


class One(Takes, frozen=True, kw_only=True):
    """Which one."""

    ref: Ref


class Paged(Takes, frozen=True, kw_only=True):
    """Which page of a list."""

    cursor: Cursor | None = None
    limit: Limit = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A piece of a list."""

    items: tuple[T, ...]
    next: str | None = None
    """Where the next page begins; None: this was the last."""


def nothing_said(share: float, what: str) -> None:
    """Progress that nobody follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every operation is given: the settings, who asks, and who hears how far it is."""

    config: Config
    actor: str
    """For the record: a user of this machine, or `key:NAME`."""
    progress: Progress = nothing_said
    office: Any = None
    """The process that answers for a gateway (`admin.app.Office`); None where a command works on a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[P, R]):
    """One line of the table."""

    name: str
    method: Method
    path: str
    takes: type[P]
    gives: Any
    """The type of what comes out, or the content type of the bytes that do."""
    does: Callable[[Desk, P], R]
    summary: str
    role: Literal["", "admin"] = ""
    """Whose key may call it; empty: nobody's."""
    changes: bool = False
    """It leaves something changed, with the caller as the actor."""
    long: bool = False
    """Over HTTP it is a job: 202 and an id to ask for."""

    @property
    def places(self) -> tuple[str, ...]:
        """The names in its path, in order."""
        return tuple(step[1:-1] for step in self.path.split("/") if step.startswith("{"))


def operation(
    method: Method, path: str, *, role: Literal["", "admin"] = "", changes: bool = False, long: bool = False, media: str = ""
) -> Callable[[Callable[[Desk, P], R]], Operation[P, R]]:
    """Make an operation of a function; its first line of docstring is the summary. `media`: it gives bytes of this content type."""

    def make(function: Callable[[Desk, P], R]) -> Operation[P, R]:
        hints = typing.get_type_hints(function, include_extras=True)
        room = function.__module__.rpartition(".")[2]
        return Operation(
            name=f"{room}.{function.__name__.strip('_')}",
            method=method,
            path=f"/admin/v1{path}",
            takes=hints["asked"],
            gives=media or hints["return"],
            does=function,
            summary=(function.__doc__ or "").partition("\n")[0],
            role=role,
            changes=changes,
            long=long,
        )

    return make


def paged(items: Sequence[T], asked: Paged, name: Callable[[T], str]) -> Page[T]:
    """The page of a list that is asked for; `name` tells items apart. Raises InputError for a cursor that names none."""
    start = 0
    if asked.cursor is not None:
        start = next((number for number, item in enumerate(items, 1) if name(item) == asked.cursor), 0)
        if not start:
            raise InputError("the list has changed, its cursor names nothing any more", hint="begin again without one")
    page = tuple(items[start : start + asked.limit])
    more = start + len(page) < len(items)
    return Page(items=page, next=name(page[-1]) if more and page else None)


def instant(at: datetime | None) -> datetime | None:
    """A time in UTC. Raises InputError for one that no call can be of."""
    if at is None:
        return None
    if not 1971 <= at.year <= 9000:
        raise InputError(f"the year {at.year} is out of range")
    return at.astimezone(UTC)
