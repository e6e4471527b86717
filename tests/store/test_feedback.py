"""Feedback is on the disk when `add` returns, however many write, whoever is killed; erasing takes it out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.store import feedback
from modicum.types import Feedback

AT = datetime(2026, 1, 1, tzinfo=UTC)
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from modicum.store import feedback
from modicum.types import Feedback
home, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = Feedback(feedback_id=f"fb-{who}-{number}", scope="s", at=at, call=f"{who}-{number}", label="x" * 300)
    feedback.add(home, [row])
    print(row.feedback_id, flush=True)
"""


def row(name: str, **more: object) -> Feedback:
    about: dict[str, object] = {"scope": "default", "at": AT, "call": name, "label": "x"}
    return Feedback(feedback_id=f"fb-{name}-{more.get('scope', '')}", **about | more)  # type: ignore[arg-type]


def writer(home: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(home), who, str(count)], stdout=subprocess.PIPE, text=True)


def test_what_is_added_is_read_in_order_and_once(tmp_path: Path) -> None:
    assert feedback.read(tmp_path) == []
    assert feedback.version(tmp_path) == ""
    assert feedback.add(tmp_path, [row("a"), row("b")]) == 2
    before = feedback.version(tmp_path)
    feedback.add(tmp_path, [row("a")])
    assert [one.call for one in feedback.read(tmp_path)] == ["b", "a"]
    assert feedback.version(tmp_path) != before
    assert (tmp_path / feedback.FILE).stat().st_mode & 0o777 == 0o600


def test_a_scope_sees_its_own(tmp_path: Path) -> None:
    feedback.add(tmp_path, [row("a"), row("a", scope="other")])
    assert [one.scope for one in feedback.read(tmp_path, "other")] == ["other"]


def test_what_a_torn_line_left_hides_nothing(tmp_path: Path) -> None:
    feedback.add(tmp_path, [row("a")])
    with (tmp_path / feedback.FILE).open("ab") as file:
        file.write(b'{"feedback_id":"fb-torn","sco')
    feedback.add(tmp_path, [row("b")])
    assert [one.call for one in feedback.read(tmp_path)] == ["a", "b"]
    assert feedback.forget(tmp_path, {"a"}) == 1
    assert b"torn" not in (tmp_path / feedback.FILE).read_bytes()


def test_several_processes_write_and_one_is_killed_and_nothing_told_is_lost(tmp_path: Path) -> None:
    several = [writer(tmp_path, who, 150) for who in ("a", "b")]
    doomed = writer(tmp_path, "c", 100_000)
    assert doomed.stdout is not None
    told = [doomed.stdout.readline().strip() for _ in range(20)]
    for _ in range(5):  # erasing goes on meanwhile
        feedback.forget(tmp_path, {told[0].removeprefix("fb-")})
        time.sleep(0.02)
    os.kill(doomed.pid, signal.SIGKILL)
    rest = doomed.communicate()[0].splitlines(keepends=True)
    told += [line.strip() for line in rest if line.endswith("\n")]
    for process in several:
        told += process.communicate()[0].split()
    found = {one.feedback_id for one in feedback.read(tmp_path)}
    assert len(told) > 320
    assert set(told) - found <= {told[0]}


def test_erased_calls_and_conversations_take_their_feedback_along(tmp_path: Path) -> None:
    talk = Feedback(feedback_id="fb-v", scope="default", at=AT, conversation="v-1", outcome="resolved")
    feedback.add(tmp_path, [row("a"), row("b"), talk])
    assert feedback.forget(tmp_path, {"a"}, {"v-1"}) == 2
    assert [one.call for one in feedback.read(tmp_path)] == ["b"]


def test_texts_go_when_their_time_is_over(tmp_path: Path) -> None:
    feedback.add(tmp_path, [row("a", comment="the driver was rude"), row("b", at=AT + timedelta(days=9), comment="kept")])
    assert feedback.expire(tmp_path, AT + timedelta(days=1)) == 1
    assert [(one.label, one.comment) for one in feedback.read(tmp_path)] == [("x", None), ("x", "kept")]
    assert b"rude" not in (tmp_path / feedback.FILE).read_bytes()
