"""What is not known of the calls, counted: a report in, lines out. Nobody can judge a figure without it."""

from __future__ import annotations

from dataclasses import dataclass

from modicum.report.records import Report

ENOUGH = 0.005
"""Below this share of the calls a gap changes no figure that a reader would see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One thing that is missing, or is well."""

    name: str
    number: int
    of: int
    """Out of how many; 0 where a share says nothing."""
    unit: str
    remedy: str
    """What would fill it; empty where nothing would."""

    @property
    def share(self) -> float | None:
        return self.number / self.of if self.of else None

    @property
    def matters(self) -> bool:
        return self.number > 0 and (self.share is None or self.share > ENOUGH)


def gaps(report: Report) -> tuple[Gap, ...]:
    """Those that could be there, those that are not there as well: a zero is worth knowing."""
    if report.declared:
        return ()
    totals = report.totals
    calls = totals.calls
    without_price = max(0, totals.unpriced_calls - totals.calls_without_usage - totals.impossible_calls)
    answered_failing = max(0, totals.failed_calls - totals.refused_calls)
    found = [
        Gap(
            name="of unknown price",
            number=without_price,
            of=calls,
            unit="call",
            remedy='`[prices."MODEL"]` in modicum.toml gives a model its price',
        ),
        Gap(
            name="without usage",
            number=totals.calls_without_usage,
            of=calls,
            unit="call",
            remedy="the log did not say how many tokens; ask streams for usage (`stream_options.include_usage`)",
        ),
        Gap(
            name="whose usage cannot be",
            number=totals.impossible_calls,
            of=0,  # one of them would have changed every figure
            unit="call",
            remedy="far more tokens than the model takes, or more from a cache than was sent: set aside, and their cost is unknown",
        ),
        Gap(
            name="that failed before any token",
            number=totals.refused_calls,
            of=calls,
            unit="call",
            remedy="nobody answered and nobody bills them: they cost nothing, and are not among those of unknown cost",
        ),
        Gap(
            name="that failed later",
            number=answered_failing,
            of=calls,
            unit="call",
            remedy="what was sent or written by then is billed, and counted as far as the log tells",
        ),
        Gap(
            name="of no workload",
            number=totals.calls_without_workload,
            of=calls,
            unit="call",
            remedy="open chat, or too few calls of one prompt",
        ),
    ]
    if report.traffic is not None:
        found.append(
            Gap(
                name="with estimated tokens",
                number=report.traffic.estimated_usage_calls,
                of=calls,
                unit="call",
                remedy="their stream broke off before it told them",
            )
        )
    if calls:
        found.append(
            Gap(
                name="seen without their text",
                number=max(0, calls - report.seen_calls),
                of=calls,
                unit="call",
                remedy="they count towards spend, and only those with text make workloads",
            )
        )
    if report.refused_lines is not None:
        found.append(
            Gap(name="refused", number=report.refused_lines, of=0, unit="line", remedy="`modicum import LOG` names each with its reason")
        )
    if left_out := sum(period.days_left_out for period in report.periods):
        found.append(
            Gap(name="taken as not observed", number=left_out, of=0, unit="day", remedy="silences of more than a week stand in no mean")
        )
    if unsure := sum(1 for line in report.workloads if line.task == "unsure"):
        found.append(
            Gap(
                name="whose kind of task is unsure",
                number=unsure,
                of=len(report.workloads),
                unit="workload",
                remedy="published benchmarks are by kind of task: for these no benchmark speaks",
            )
        )
    if unread := sum(1 for line in report.workloads if not line.can_be_served):
        found.append(
            Gap(
                name="whose answers say more than is read",
                number=unread,
                of=len(report.workloads),
                unit="workload",
                remedy="`modicum workloads set ID --read label` (or json) says that the rest may be left out",
            )
        )
    return tuple(found)
