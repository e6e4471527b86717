"""What every request of one worker shares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from modicum.backends.hosted import Hosted
from modicum.config import Config, secret
from modicum.gateway.alarm import Alarm
from modicum.gateway.asgi import Header, text
from modicum.gateway.live import Live
from modicum.gateway.record import Draft, Recorder, Writer
from modicum.gateway.tidy import tidy


@dataclass(slots=True, kw_only=True)
class Day:
    """One worker's open things."""

    config: Config
    upstream: Hosted
    live: Live
    recorder: Recorder
    alarm: Alarm
    key: str | None
    """The provider's key, where `auth = "key"`."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def forwards_key(self) -> bool:
        return self.config.upstream.auth == "forward"

    @classmethod
    def open(cls, config: Config, writer: Writer, *, alarm: Alarm | None = None) -> Day:
        """Read the snapshot and make the client; nothing is sent."""
        alarm = alarm or Alarm()
        live = Live(config.home, config.serve.scope, alarm)
        live.now = live.load()
        return cls(
            config=config,
            upstream=Hosted(
                config.upstream.url,
                connect_timeout_s=config.upstream.connect_timeout_s,
                read_timeout_s=config.upstream.read_timeout_s,
            ),
            live=live,
            recorder=Recorder(writer, alarm, strict=config.store.durability == "strict"),
            alarm=alarm,
            key=secret(config.upstream.api_key_env) if config.upstream.auth == "key" else None,
        )

    def start(self) -> None:
        """Watch the snapshot, sync the records and tidy the home, in the running loop."""
        tidying = tidy(self.config.home, self.config.store.keep_days, self.alarm)
        self.tasks = [asyncio.create_task(work) for work in (self.live.watch(), self.recorder.sync(), tidying)]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.upstream.close()
        self.recorder.close()

    def headers(self, draft: Draft) -> list[Header]:
        """What every reply says about itself."""
        headers = [(b"x-request-id", draft.call_id.encode())]
        choice = draft.choice
        if choice is None:
            return headers
        headers.append((b"x-modicum-reason", choice.reason.encode()))
        if choice.stage is not None:
            live = choice.stage.live
            headers.append((b"x-modicum-workload", text(choice.stage.workload.name)))
            headers.append((b"x-modicum-route", text(live.route.route_id)))
            headers.append((b"x-modicum-certificate", text(live.route.certificate_id)))
            if draft.own_usage is not None:
                headers.append((b"x-modicum-model", text(choice.stage.model)))
                headers.append((b"x-modicum-usage", b"estimated"))
        if self.config.serve.explain:
            if choice.prediction is not None:
                headers.append((b"x-modicum-confidence", b"%.6f" % choice.prediction.confidence))
            if draft.cost_usd is not None:
                headers.append((b"x-modicum-cost-usd", str(draft.cost_usd).encode()))
        return headers
