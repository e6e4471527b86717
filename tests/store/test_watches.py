"""What the watcher keeps: one look is one change, written once or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from modicum.store import watches
from modicum.store.control import Control
from modicum.store.routes import Step
from modicum.store.watches import Look
from modicum.types import Notice, Watch
from tests.watch.watched_home import START, route


def look(control: Control, *, began: str | None = None, ended: str | None = "m1") -> Look:
    was = control.route("r1")
    now = dataclasses.replace(was, state="rolled_back", changed_by="watch")
    notice = Notice(number=0, at=START, kind="alarm", scope="default", workload_id="w1", workload="direction", text="broken")
    return Look(
        watches=(Watch(route_id="r1", at=START, since=START, audits=7, tests={"draws": 7}),),
        steps=(Step(was=was, now=now, action="route.rolled_back", why="broken"),),
        notices=(notice, notice),
        began=began,
        ended=ended,
    )


def test_a_look_is_written_as_a_whole(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.put_route(route("on"))
    assert control.put_look("watch", look(control))
    assert control.bookmark("watch") == "m1"
    assert [one.audits for one in control.watches()] == [7]
    assert [one.number for one in control.notices()] == [1, 2]
    assert [one.number for one in control.notices(after=1)] == [2]
    assert control.route("r1").state == "rolled_back"
    last = control.audit()[-1]
    assert (last.actor, last.action, last.detail) == ("watch", "route.rolled_back", "on -> rolled_back: broken")


def test_nothing_of_a_look_is_written_where_a_route_was_changed_meanwhile(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.put_route(route("on"))
    found = look(control)
    control.put_route(route("paused"))
    lines = len(control.audit())
    assert not control.put_look("watch", found)
    assert (control.bookmark("watch"), control.watches(), control.notices()) == (None, [], [])
    assert control.route("r1").state == "paused"
    assert len(control.audit()) == lines


def test_nothing_of_a_look_is_written_twice(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.put_route(route("on"))
    found = dataclasses.replace(look(control), steps=())
    assert control.put_look("watch", found)
    assert not control.put_look("watch", found)
    assert len(control.notices()) == 2


def test_a_bookmark_is_taken_away(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.mark("watch", "m1")
    assert control.put_look("watch", Look(began="m1", ended=None))
    assert control.bookmark("watch") is None


def test_only_so_many_notices_are_kept(tmp_path: Path) -> None:
    control = Control(tmp_path)
    notice = Notice(number=0, at=START, kind="warning", scope="default", workload_id="w1", workload="direction", text="early")
    control.tell([notice] * watches.MOST_NOTICES)
    control.tell([notice] * 5)
    found = control.notices()
    assert len(found) == watches.MOST_NOTICES
    assert (found[0].number, found[-1].number, control.last_notice()) == (6, watches.MOST_NOTICES + 5, watches.MOST_NOTICES + 5)
