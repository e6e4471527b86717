"""Settings of the watcher: its conditions, its tests, what it may spend and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """Who looks after live routes, how they come on, and what sends them back."""

    run: Literal["child", "alone", "off"] = "child"
    """child: `modicum serve` starts the watcher. alone: you run `modicum watch`. off: nobody watches; routes stay where you put them."""
    automatic: bool = False
    """Let the watcher take every route forward, when its conditions hold; `modicum route auto` does it for one. Back it goes always."""
    look_every_s: float = 1.0
    """Seconds between two looks at new calls."""
    order_s: float = 30.0
    """Draws are counted in the order in which calls came: one that is under way is waited for so long."""
    shadow_audits: int = 200
    """Comparisons that a route needs in shadow before it goes on,"""
    shadow_hours: float = 1.0
    """... and hours."""
    canary_audits: int = 200
    """Comparisons that it needs in canary before it goes on,"""
    canary_hours: float = 24.0
    """... and hours."""
    canary_share: float = 0.1
    """Share of conversations that a canary answers."""
    max_error_share: float = 0.01
    """Most requests at which a stage may fail."""
    max_p95_ms: float = 0.0
    """Slowest 95th percentile of a stage's answers; 0: any."""
    silent_calls: int = 500
    """A live route without one comparison in so many calls is an alarm."""
    slack: float = 0.5
    """What is certified may be exceeded by this share of it before it counts as broken."""
    false_rollback: float = 0.05
    """Chance that a route that keeps its promise is sent back while it comes on."""
    run_length: float = 10_000.0
    """Comparisons until a false alarm once it is on, on average, at least."""
    judged_within_h: float = 24.0
    """B: a differing answer without a label after so many hours counts as lost."""
    least_control: float = 0.01
    """The share kept as control shrinks to this as evidence grows,"""
    most_control: float = 0.2
    """... and grows to this on suspicion,"""
    audit_usd_day: float = 20.0
    """... as long as what it costs a day, over all routes, stays below this."""
    return_after_minutes: float = 15.0
    """Without a sign of the watcher for so long, gateways give live routes back to the incumbent,"""
    return_over_minutes: float = 10.0
    """... little by little over so many minutes, so that its rate limits hold."""
    learn_every_h: float = 24.0
    """Hours between two runs that store, find and fit anew; 0: never."""
    renew_days: float = 14.0
    """A certificate that ends within so many days is renewed, so that a successor is there before."""
    sentinels: int = 200
    """Prompts that are asked of an incumbent again where it may have changed, and once a week,"""
    sentinel_usd: float = 0.0
    """... for so many dollars each time at most; 0: none is asked, for it costs money."""
    webhook_url_env: str = "MODICUM_WEBHOOK_URL"
    """The environment variable that may hold a URL to which changes and alarms are posted as JSON."""
    webhook_secret_env: str = "MODICUM_WEBHOOK_SECRET"
    """The environment variable that may hold what these posts are signed with; `whsec_` and base64, or any text."""
    slack_url_env: str = "MODICUM_SLACK_URL"
    """The same for one of Slack's incoming webhooks, or what takes its shape."""
