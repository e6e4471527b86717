"""One frame of `modicum top` as lines of a terminal: from 60 columns on, whole at 80, more columns from 104."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.cells import cell_len, set_cell_size

from modicum.cli.options import printable
from modicum.report.currency import written
from modicum.report.top import Frame, Line, Sort
from modicum.types import Notice
from modicum.workload.letters import isolate

WIDE = 104
NARROWEST = 60
BOLD, DIM, RED, YELLOW, GREEN, INVERSE = "1", "2", "31", "33", "32", "7"
_STATES = {"rolled_back": "back", "proposed": "offered"}
_STATE_COLOURS = {"on": GREEN, "canary": YELLOW, "rolled_back": RED}
KEYS = "[q]uit  [p]ause  [s]ort  [w]indow"
STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Column:
    head: str
    width: int


_COLUMNS = (
    Column("state", 7), Column("req/s", 6), Column("cover", 5), Column("ours ms", 9), Column("theirs ms", 11), Column("agree", 6),
    Column("spent", 7), Column("instead", 7),
)  # fmt: skip
_MORE = (Column("compared", 8), Column("audits", 7), Column("suspicion", 9))


def draw(
    shown: Frame, *, width: int, height: int | None = None, colour: bool = False, place: str = "", sort: Sort = "requests", note: str = ""
) -> list[str]:
    """The lines, none wider than `width`; `height` limits them, None: as many as there are. `note` stands in the last line."""
    width = max(width, NARROWEST)
    pen = _Pen(width, colour)
    head = _head(pen, shown, place)
    tail = [pen.text(note, DIM)] if note else []
    room = None if height is None else max(height - len(head) - len(tail) - 1, 1)
    told = _notices(pen, shown.notices if room is None else shown.notices[: max(room // 3 - 1, 0)])
    table = _table(pen, shown.lines, sort, most=None if room is None else room - len(told))
    body = [*head, *table, *told]
    if height is not None:
        body = body[: height - len(tail)]
        body += [""] * (height - len(tail) - len(body))
    return [*body, *tail]


@dataclass(frozen=True, slots=True)
class _Pen:
    """Cuts to the width, colours where that is wanted, and lets nothing through that would steer the terminal."""

    width: int
    colour: bool

    def text(self, text: str, style: str = "") -> str:
        return self.paint(_fit(_line(text), self.width).rstrip(), style)

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if style and self.colour and text else text


def _head(pen: _Pen, shown: Frame, place: str) -> list[str]:
    over = "since it began" if shown.whole_run else f"last {_time(shown.seconds)}"
    first = f"modicum {shown.version}  {shown.at.astimezone():%H:%M:%S}  {over}  {_count(shown.workers, 'worker')}  {place}"
    answers = f"{_rate(shown.requests_s)} requests/s ({shown.requests:,.0f}), {shown.in_flight} under way"
    shares = (
        ("specialist", shown.specialist), ("control", shown.control), ("deferred", shown.deferred), ("provider", shown.provider),
        ("nobody", shown.nobody),
    )  # fmt: skip
    spent = f"spent {_money(shown.spend_usd)}"
    if shown.spend_usd is not None and shown.seconds and shown.seconds >= 1:
        spent += f" ({_money(shown.spend_usd * 3600 / shown.seconds)} an hour)"
    spent += f", at the incumbent {_money(shown.baseline_usd)}"
    if shown.baseline_usd and shown.spend_usd is not None:
        spent += f", saved {(shown.baseline_usd - shown.spend_usd) / shown.baseline_usd:.0%}"
    if shown.unpriced:
        spent += f"; {_count(int(shown.unpriced), 'answer')} without a price"
    trouble = sum(shown.alarms.values())
    alarms = f"{_count(int(trouble), 'alarm')}" + (f" ({', '.join(sorted(shown.alarms))})" if trouble else "")
    dropped = f", {shown.dropped:,.0f} not recorded" if shown.dropped else ""
    stale = shown.watched_s is not None and shown.watched_s > STALE_S
    watcher = "no watcher" if shown.watched_s is None else f"watcher looked {_time(shown.watched_s)} ago"
    words = {"alarm": "alarm", "warning": "warning", "moved": "step", "learnt": "lesson"}
    heard = ", ".join(_count(int(n), words.get(kind, kind)) for kind, n in sorted(shown.noticed.items()) if n)
    heard = f" (so far {heard})" if heard else ""
    lines = [
        pen.text(first, BOLD),
        pen.text(answers),
        pen.text("answered by  " + "  ".join(f"{name} {_percent(share)}" for name, share in shares)),
        pen.text(
            f"all answers p50 {_ms(shown.p50_ms)}, p95 {_ms(shown.p95_ms)}; the gateway's part of it p95 {_ms(shown.overhead_p95_ms)}"
        ),
        pen.text(spent),
        pen.text(f"gateway: {alarms}{dropped}; {watcher}{heard}", RED if trouble or shown.dropped else YELLOW if stale else ""),
    ]
    return [*lines, ""]


def _table(pen: _Pen, rows: Sequence[Line], sort: Sort, *, most: int | None) -> list[str]:
    columns = _COLUMNS + (_MORE if pen.width >= WIDE else ())
    fitting: list[Column] = []
    left = pen.width - 14
    for column in columns:
        if column.width + 1 > left:
            break
        left -= column.width + 1
        fitting.append(column)
    scopes = len({row.scope for row in rows}) > 1
    longest = max((cell_len(_name(row, scopes=scopes)) for row in rows), default=0)
    name_width = min(14 + left, max(longest + 1, 14))
    head = _fit(f"by {sort}", name_width) + "".join(f" {column.head:>{column.width}}" for column in fitting)
    lines = [pen.paint(head, INVERSE)]
    if not rows:
        return [*lines, pen.text("  no call of a known workload yet: `modicum workloads` finds them", DIM)]
    shown = rows if most is None or len(rows) < most else rows[: max(most - 2, 0)]
    lines += [_row(pen, row, fitting, name_width, scopes=scopes) for row in shown]
    if len(shown) < len(rows):
        lines.append(pen.text(f"  and {len(rows) - len(shown)} more", DIM))
    return lines


def _row(pen: _Pen, row: Line, columns: Sequence[Column], name_width: int, *, scopes: bool) -> str:
    cells = {
        "state": "–" if row.state is None else _STATES.get(row.state, row.state),
        "req/s": _rate(row.requests_s),
        "cover": _percent(row.coverage),
        "ours ms": _pair(row.ours_p50_ms, row.ours_p95_ms),
        "theirs ms": _pair(row.theirs_p50_ms, row.theirs_p95_ms),
        "agree": "–" if row.agreement is None else f"{int(row.agreement * 1000) / 10:.1f}%",
        "spent": _money(row.spend_usd),
        "instead": _money(row.baseline_usd),
        "compared": f"{row.compared:,.0f}",
        "audits": "–" if row.audits is None else f"{row.audits:,.0f}",
        "suspicion": "–" if row.suspicion is None else f"{row.suspicion:.2f}" + ("!" if row.warnings else ""),
    }
    text = _fit(_name(row, scopes=scopes), name_width)
    for column in columns:
        cell = _fit(cells[column.head], column.width, right=True)
        text += " " + (pen.paint(cell, _STATE_COLOURS.get(row.state or "", "")) if column.head == "state" else cell)
    return text


def _name(row: Line, *, scopes: bool) -> str:
    return _line(f"{row.scope}/{row.workload}" if scopes else row.workload)


def _notices(pen: _Pen, notices: Sequence[Notice]) -> list[str]:
    style = {"alarm": RED, "warning": YELLOW, "moved": "", "learnt": ""}
    told = [
        pen.text(f"{one.at.astimezone():%d %b %H:%M} {one.kind:<7} {one.workload}: {' '.join(one.bare.split())}", style.get(one.kind, ""))
        for one in notices
    ]
    return ["", *told] if told else []


def _fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly so wide, in the terminal's cells; what is cut ends with an ellipsis."""
    wide = cell_len(text)
    if wide > width:
        return set_cell_size(text, width - 1) + "…"
    return " " * (width - wide) + text if right else text + " " * (width - wide)


def _line(text: str) -> str:
    """One line that cannot steer the terminal: names come from logs, notices from the store."""
    return isolate(" ".join(printable(text).split("\n")).replace("\t", " "))


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return "<1%" if 0 < share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.2g}"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{_short(value)} ms"


def _pair(p50: float | None, p95: float | None) -> str:
    return "–" if p50 is None or p95 is None else f"{_short(p50)}/{_short(p95)}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _money(value: float | None) -> str:
    return "–" if value is None else written(Decimal(repr(value))).replace("under ", "<")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
