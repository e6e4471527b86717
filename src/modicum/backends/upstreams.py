"""All providers of one worker: what a name stands for, who is asked next, and the sending.

The operator's configuration alone chooses hosts. Everything here belongs to one event loop; what it knows of deployments is
what its own calls found out.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from modicum.backends.attempts import Attempts, Ledger
from modicum.backends.client import Client, Reply, Timeouts
from modicum.backends.names import MOST_RECENT, Deployment, Names, Target
from modicum.backends.provider import IN_BODY, Provider, rewrite_model
from modicum.backends.waiting import until_done
from modicum.config import Config, ProviderConfig
from modicum.errors import UntranslatableError, UpstreamTimeoutError
from modicum.types import Endpoint

__all__ = ["Attempts", "Deployment", "Target", "Upstreams"]


class Upstreams:
    """Open it once a worker."""

    def __init__(self, names: Names, client: Client, ledger: Ledger) -> None:
        self._names, self._client, self._ledger = names, client, ledger
        self._known: dict[tuple[str, Endpoint], _Able] = {}
        self._errands: dict[tuple[str, str, Endpoint, bool], _Errand] = {}

    @classmethod
    def open(cls, config: Config, client: Client) -> Upstreams:
        """Check all that the operator said of providers and models. Nothing is sent. Raises ConfigError."""
        names = Names(config)
        return cls(names, client, Ledger(retry=names.retry))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know of a LiteLLM file: each thing in it that is not used here."""
        return tuple(self._names.warnings)

    @property
    def addresses(self) -> Mapping[str, str]:
        """Base URL of each provider, by name."""
        return {name: one.url for name, one in self._names.providers.items()}

    def target(self, model: str) -> Target:
        """What a caller's model stands for. Raises NotFoundError with the near name."""
        return self._names.target(model)

    def one(self, provider: str, model: str) -> Target:
        """A model of a provider by its configured name, without fallbacks. Raises NotFoundError where there is no such provider."""
        return self._names.one(provider, model)

    def default(self) -> Deployment:
        """`[upstream]`, for what names no model: files, batches, the list of models. Raises NotFoundError where there is none."""
        return self._names.default()

    def names(self) -> tuple[str, ...]:
        """The names that the operator gave, as the list of models shows them."""
        return self._names.names()

    def forwards(self, provider: str) -> bool:
        """The caller's own key goes to this provider."""
        return self._provider(provider).forwards

    def settings(self, provider: str) -> ProviderConfig:
        """What the operator set for a provider (cache_control, ...)."""
        return self._provider(provider).config

    def attempts(self, target: Target, endpoint: Endpoint) -> Attempts:
        """The tries of one call. Raises UntranslatableError where no deployment answers at `endpoint`."""
        able = self._able(target, endpoint)
        if not able.rounds:
            found = ", ".join(sorted({one.facts.name for each in (target, *target.fallbacks) for one in each.deployments}))
            raise UntranslatableError(f"'{target.name}' has no {endpoint}: {found} does not answer there")
        if endpoint in ("files", "batches"):  # asking twice could make two
            first, deployments = able.rounds[0]
            return Attempts(target, [(first, deployments[:1])], self._ledger, tries=1)
        return Attempts(target, able.rounds, self._ledger)

    def places(self, target: Target, endpoint: Endpoint) -> Sequence[tuple[str, str]]:
        """(provider, model) of all that may answer: whoever does must be within a budget."""
        return self._able(target, endpoint).places

    def _able(self, target: Target, endpoint: Endpoint) -> _Able:
        able = self._known.get((target.name, endpoint))
        if able is None or able.target is not target:
            able = _Able(target, endpoint)
            if len(self._known) >= MOST_RECENT:
                self._known.clear()
            self._known[target.name, endpoint] = able
        return able

    def send(
        self,
        deployment: Deployment,
        endpoint: Endpoint,
        body: bytes | None,
        *,
        caller: Mapping[bytes, bytes] = MappingProxyType({}),
        stream: bool = False,
        method: str = "POST",
        path_suffix: str = "",
        deadline: float | None = None,
        asked: str = "",
    ) -> Coroutine[Any, Any, Reply]:
        """Ask one deployment at the provider's own `endpoint` and wait for the head of its reply.

        The deployment's model takes the place of the body's. Of `caller`, headers by their names in lower case, those pass that this
        provider may be told. `path_suffix` follows the path of files, batches and models ("/file-1/content"). `deadline`: on the monotonic
        clock (`Attempts.deadline`). `asked`: the model that the body names, where that is known: if it is the deployment's, the body
        is not looked at. Raises UpstreamError, UpstreamTimeoutError; RequestError for a name or a suffix that no path may
        hold.
        """
        errand = self._errand(deployment, endpoint, stream)
        if body is not None and endpoint in IN_BODY and not (errand.as_is and asked == deployment.model):
            provider = errand.provider
            known, keep = provider.facts, not provider.model_in_path(endpoint)
            body = rewrite_model(body, deployment.model, name=known.model_field, keep=keep, adds=known.adds)
        timeouts = errand.timeouts
        if deadline is not None:
            timeouts = _shorter(timeouts, deadline - time.monotonic())
        first = errand.run(self._client, method, path_suffix, body, caller, timeouts)
        if not errand.waits:
            return first

        def again(method: str, suffix: str) -> Coroutine[Any, Any, Reply]:
            return errand.run(self._client, method, suffix, None, caller, timeouts)

        return until_done(first, again, timeouts.first_byte_s)

    def _errand(self, deployment: Deployment, endpoint: Endpoint, stream: bool) -> _Errand:
        """Raises RequestError, UntranslatableError."""
        key = (deployment.provider, deployment.model, endpoint, stream)
        errand = self._errands.get(key)
        if errand is None:
            errand = _Errand(self._provider(deployment.provider), deployment.model, endpoint, stream)
            if len(self._errands) >= MOST_RECENT:
                self._errands.clear()
            self._errands[key] = errand
        return errand

    def _provider(self, name: str) -> Provider:
        return self._names.providers[name]


class _Able:
    """Who of a target and its fallbacks answers at an endpoint."""

    __slots__ = ("places", "rounds", "target")

    def __init__(self, target: Target, endpoint: Endpoint) -> None:
        self.target = target
        every = ((one, [each for each in one.deployments if each.speaks(endpoint) is not None]) for one in (target, *target.fallbacks))
        self.rounds = [(one, deployments) for one, deployments in every if deployments]
        self.places = tuple((one.provider, one.model) for _, deployments in self.rounds for one in deployments)


class _Errand:
    """One model of one provider asked at one endpoint: what is the same in every call."""

    __slots__ = ("_ca_file", "_endpoint", "_model", "_proxied", "_stream", "_url", "as_is", "provider", "timeouts", "waits")

    def __init__(self, provider: Provider, model: str, endpoint: Endpoint, stream: bool) -> None:
        config = provider.config
        self.provider = provider
        self.as_is = provider.takes_as_is(endpoint)
        self.waits = "waits" in provider.facts.quirks
        self.timeouts = Timeouts(config.connect_timeout_s, config.first_byte_timeout_s, config.read_timeout_s)
        self._model, self._endpoint, self._stream = model, endpoint, stream
        self._url = provider.address(endpoint, model, stream=stream)
        self._ca_file, self._proxied = config.ca_file, config.proxy == "environment"

    async def run(
        self,
        client: Client,
        method: str,
        suffix: str,
        body: bytes | None,
        caller: Mapping[bytes, bytes],
        timeouts: Timeouts,
    ) -> Reply:
        provider, url = self.provider, self._url
        if suffix:
            url = provider.address(self._endpoint, self._model, stream=self._stream, suffix=suffix)
        headers = provider.headers(caller, endpoint=self._endpoint, has_body=body is not None)
        headers += await provider.credential.headers(method, url, headers, body)
        return await client.send(method, url, headers, body, timeouts=timeouts, ca_file=self._ca_file, proxied=self._proxied)


def _shorter(timeouts: Timeouts, left: float) -> Timeouts:
    if left <= 0:
        raise UpstreamTimeoutError("no provider answered in time", hint="retry.total_timeout_s says how long to wait in all")
    return Timeouts(
        min(timeouts.connect_s or left, left),
        min(timeouts.first_byte_s or left, left),
        timeouts.read_s,
    )
