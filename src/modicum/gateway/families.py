"""Every figure that Prometheus may read here: its name, its kind, what it says, which labels it has. Units are seconds, dollars and tokens.

What is counted is added up over workers; what is told (`TOLD`) is read from files when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
WIDE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0)
"""For answers of ours and of providers side by side."""

STAGE = (0.0001, 0.00025, *WIDE)
"""For stages alone."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_PLACE = ("endpoint", "provider", "answered_by")
_OF_MODEL = ("provider", "model")
_OF_WORKLOAD = ("scope", "workload")
_OF_ROUTE = ("scope", "workload", "route")

FAMILIES = (
    Family("modicum_requests_total", "counter", "Calls, by who answered them and why.", (*_PLACE, "status", "reason")),
    Family("modicum_request_duration_seconds", "histogram", "From the head of a request to the last byte of its reply.", _PLACE, SECONDS),
    Family("modicum_overhead_seconds", "histogram", "Of that, what the gateway took itself.", ("endpoint", "answered_by"), SHORT),
    Family(
        "modicum_time_to_first_chunk_seconds", "histogram", "From the head of a request to the first chunk of a stream.", _PLACE, SECONDS,
    ),
    Family(
        "modicum_tokens_total", "counter", "Tokens, by type. Input includes cache reads and writes, output includes reasoning.",
        ("type", *_OF_MODEL),
    ),
    Family("modicum_cost_usd_total", "counter", "What the calls with a known price cost.", _OF_MODEL),
    Family("modicum_calls_without_cost_total", "counter", "Calls that were answered and whose price is not known.", _OF_MODEL),
    Family("modicum_upstream_attempts_total", "counter", "Tries at providers, retries and fallbacks included.", ("provider", "outcome")),
    Family("modicum_in_flight_requests", "gauge", "Calls that are being answered now."),
    Family("modicum_records_dropped_total", "counter", "Calls that were answered and could not be recorded."),
    Family("modicum_alarms_total", "counter", "Failures of the gateway's own, by kind.", ("kind",)),
    Family(
        "modicum_tapped_calls_total", "counter", "Calls that were answered elsewhere and told of here, by what became of them.",
        ("source", "outcome"),
    ),
    Family("modicum_traces_dropped_total", "counter", "Spans and events that the collector did not take."),
    Family(
        "modicum_workload_requests_total", "counter", "Calls of a known workload, by why they went where they went.",
        (*_OF_WORKLOAD, "reason"),
    ),
    Family(
        "modicum_workload_duration_seconds", "histogram", "From the head of a request of a workload to the last byte of its reply.",
        (*_OF_WORKLOAD, "answered_by"), WIDE,
    ),
    Family(
        "modicum_stage_duration_seconds", "histogram", "What a route's stage took itself, whether or not its answer was given.",
        _OF_WORKLOAD, STAGE,
    ),
    Family(
        "modicum_workload_cost_usd_total", "counter",
        "What calls of a workload cost. drawn: the incumbent, by chance, where the stage would have answered; "
        "deferred: the incumbent, else; stage: another model as a stage.",
        (*_OF_WORKLOAD, "arm"),
    ),
    Family("modicum_workload_priced_calls_total", "counter", "The calls that these costs are of.", (*_OF_WORKLOAD, "arm")),
    Family(
        "modicum_audits_total", "counter", "Calls that chance put before the incumbent, by how the stage's answer compared.",
        (*_OF_WORKLOAD, "outcome"),
    ),
)  # fmt: skip
TOLD = (
    Family("modicum_route_state", "gauge", "1 for the state that a route is in.", (*_OF_ROUTE, "state")),
    Family("modicum_route_changed_timestamp_seconds", "gauge", "When a route took its last step, since 1970.", _OF_ROUTE),
    Family("modicum_route_share", "gauge", "The share of its workload's conversations that a route may answer.", _OF_ROUTE),
    Family(
        "modicum_certificate_expires_timestamp_seconds", "gauge", "When the certificate of a live route expires, since 1970.", _OF_ROUTE
    ),
    Family(
        "modicum_route_control_share", "gauge", "The share that chance keeps with the incumbent, so that a promise is checked.", _OF_ROUTE
    ),
    Family("modicum_route_audits", "gauge", "Comparisons of a route in its present step.", _OF_ROUTE),
    Family("modicum_route_lost", "gauge", "What of these counts against it.", _OF_ROUTE),
    Family("modicum_route_level", "gauge", "The rate that it is held to: the certified bound and its slack.", _OF_ROUTE),
    Family("modicum_route_suspicion", "gauge", "How far its test is from an alarm, 0 to 1.", _OF_ROUTE),
    Family("modicum_route_waiting", "gauge", "Comparisons that wait for a label.", _OF_ROUTE),
    Family("modicum_route_warnings", "gauge", "Early signs that stand, without a guarantee.", _OF_ROUTE),
    Family("modicum_route_last_audit_timestamp_seconds", "gauge", "When the last comparison came, since 1970.", _OF_ROUTE),
    Family("modicum_watch_beat_timestamp_seconds", "gauge", "The last sign of life of the watcher, since 1970."),
    Family("modicum_watch_looked_timestamp_seconds", "gauge", "When the watcher last wrote down what it saw, since 1970."),
    Family("modicum_watch_notices_total", "counter", "What somebody should hear of, by kind.", ("kind",)),
    Family("modicum_watch_notices_undelivered", "gauge", "Notices that a receiver which is configured has not taken yet.", ("receiver",)),
)
OWN = (
    Family("modicum_build_info", "gauge", "What runs here.", ("version",)),
    Family("modicum_workers", "gauge", "Processes that share the port."),
    Family("process_cpu_seconds_total", "counter", "Processor time of a worker.", ("pid",)),
    Family("process_resident_memory_bytes", "gauge", "Memory of a worker.", ("pid",)),
    Family("process_start_time_seconds", "gauge", "When a worker began, since 1970.", ("pid",)),
    Family("process_open_fds", "gauge", "Open files of a worker, connections among them.", ("pid",)),
)
COUNTED = {family.name: family for family in FAMILIES}
