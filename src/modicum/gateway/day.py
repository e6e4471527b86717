"""What every request of one worker shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from modicum.backends.client import Client
from modicum.config import Config
from modicum.errors import ModicumError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Header, text
from modicum.gateway.heartbeat import Heartbeat
from modicum.gateway.live import Live
from modicum.gateway.office import Office
from modicum.gateway.record import Recorder, Writer
from modicum.gateway.setting import Setting
from modicum.gateway.telemetry import Telemetry
from modicum.gateway.tidy import tidy
from modicum.gateway.till import Till
from modicum.gateway.warm import Warm

NOT_RELOADED = ("listen", "workers", "max_connections", "header_timeout_s")
"""Of [serve]: what holds until the process ends."""


@dataclass(slots=True, kw_only=True)
class Day:
    """One worker's open things."""

    setting: Setting
    client: Client
    live: Live
    heartbeat: Heartbeat
    till: Till
    telemetry: Telemetry
    recorder: Recorder
    alarm: Alarm
    exposed: bool = False
    """Others than this machine can reach the listener."""
    office: Office = field(default_factory=Office)
    """The way to the admin API's process."""
    warm: Warm = field(default_factory=Warm)
    """Conversations that incumbents have in their prompt caches."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def config(self) -> Config:
        return self.setting.config

    @classmethod
    def open(cls, config: Config, writer: Writer, *, alarm: Alarm | None = None, exposed: bool = False, source: str = "") -> Day:
        """Read the snapshot, the keys and the providers; nothing is sent. Raises ConfigError."""
        alarm = alarm or Alarm(form=config.telemetry.log)
        telemetry = Telemetry.open(config, config.home, alarm=alarm)
        alarm.heard = telemetry.alarm
        client = Client()
        till = Till.open(config.home, config, alarm)
        setting = Setting.open(config, client, till, source=source)
        live = Live(config.home, alarm, slow_ms=config.route.slow_ms)
        live.now = live.load()
        recorder = Recorder(writer, telemetry, alarm, strict=config.store.durability == "strict")
        return cls(
            setting=setting,
            client=client,
            live=live,
            heartbeat=Heartbeat(config.home, alarm),
            till=till,
            telemetry=telemetry,
            recorder=recorder,
            alarm=alarm,
            exposed=exposed,
        )

    def start(self) -> None:
        """Watch the snapshot, the watcher and the keys, sync the records and tidy the home, in the running loop."""
        tidying = tidy(self.config.home, self.config.store.keep_days, self.alarm)
        beats = self.heartbeat.watch(lambda: self.config, lambda: self.live.now.scopes.values())
        works = (self.live.watch(), beats, self.till.watch(), self.recorder.sync(), self.telemetry.watch(), tidying)
        self.tasks = [asyncio.create_task(work) for work in works]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.close()
        self.office.close()
        self.recorder.close()
        self.till.close()
        self.telemetry.close()

    def reload(self, read: Callable[[], Config]) -> bool:
        """Take another configuration for the requests that come from now on; a bad one changes nothing, with an alarm."""
        before = self.config
        try:
            config = read()
            setting = Setting.open(config, self.client, self.till, source=self.setting.source)
        except ModicumError as error:
            self.alarm.ring("configuration", f"{name(error)}; what was read before holds")
            return False
        if config.home != before.home or any(getattr(config.serve, one) != getattr(before.serve, one) for one in NOT_RELOADED):
            self.alarm.ring("configuration", "home, listen, workers, max_connections and header_timeout_s change with a restart only")
        self.setting = setting
        self.live.slow(config.route.slow_ms)
        return True

    def headers(self, draft: Draft) -> list[Header]:
        """What every reply says about itself."""
        call_id = draft.call_id.encode()
        headers = [(b"x-request-id", call_id)]
        if draft.endpoint == "messages" or draft.endpoint == "count_tokens":
            headers.append((b"request-id", call_id))
        if draft.key is not None:
            headers += self.till.headers(draft.key)
        choice, deployment = draft.choice, draft.deployment
        if choice is None:
            return headers
        if choice.stage is None:
            headers += _chosen(choice.reason)
        else:
            route = choice.stage.live.route
            headers += _chosen(choice.reason, choice.stage.workload.name, route.route_id, route.certificate_id)
            if draft.own_usage is not None:
                headers += _answered(choice.stage.model, estimated=draft.own_usage.estimated)
        if deployment is not None:
            headers += _asked(deployment.provider, deployment.name, len(draft.tried))
        if draft.setting.config.serve.explain:
            if choice.prediction is not None:
                headers.append((b"x-modicum-confidence", b"%.6f" % choice.prediction.confidence))
            if draft.cost_usd is not None:
                headers.append((b"x-modicum-cost-usd", str(draft.cost_usd).encode()))
        return headers


@lru_cache(256)
def _chosen(reason: str, workload: str = "", route_id: str = "", certificate_id: str = "") -> tuple[Header, ...]:
    said = (b"x-modicum-reason", text(reason))
    if not workload:
        return (said,)
    return (
        said,
        (b"x-modicum-workload", text(workload)),
        (b"x-modicum-route", text(route_id)),
        (b"x-modicum-certificate", text(certificate_id)),
    )


@lru_cache(256)
def _answered(model: str, *, estimated: bool) -> tuple[Header, ...]:
    said = (b"x-modicum-model", text(model))
    return (said, (b"x-modicum-usage", b"estimated")) if estimated else (said,)


@lru_cache(1024)
def _asked(provider: str, deployment: str, attempts: int) -> tuple[Header, ...]:
    return (
        (b"x-modicum-provider", text(provider)),
        (b"x-modicum-deployment", text(deployment)),
        (b"x-modicum-attempts", b"%d" % attempts),
    )
