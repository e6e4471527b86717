"""Whom a trial asks: one deployment of one model, where its calls would go, and whether the operator lets them.

Nothing is sent here. A loopback address is this machine; anything else must be named in `[policy] may_receive`, for the scope that the
calls are of.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from modicum.backends.asking import can_constrain
from modicum.backends.constrain import CHOICES, can_choose
from modicum.backends.destination import host_of, may_receive
from modicum.backends.facts import all_facts
from modicum.backends.model import ModelStage
from modicum.backends.names import Names
from modicum.backends.upstreams import Deployment, Target
from modicum.catalog.card import Card
from modicum.catalog.cards import Cards
from modicum.config import Config, RetryConfig
from modicum.errors import ConfigError, NotFoundError
from modicum.store.calls import Calls
from modicum.types import Contract
from modicum.workload import render
from modicum.workload.schema import answer_schema

MOST_CHOICES = 500
"""A longer list is no list that a grammar is made of."""
PATIENCE = RetryConfig(tries=6, total_timeout_s=0.0, longest_wait_s=120.0, budget_share=100.0, breaker_failures=10**9)
"""A trial has time: what a gateway gives up on, it waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model at one place."""

    asked: str
    """As the operator named it."""
    target: Target
    url: str
    host: str
    """Where calls go; empty: nowhere, it is this machine."""
    card: Card | None
    """What the catalogue knows of it."""

    @property
    def deployment(self) -> Deployment:
        return self.target.deployments[0]

    @property
    def here(self) -> bool:
        return not self.host

    def may_receive(self, allowed: Iterable[str], scope: str) -> bool:
        """May calls of this scope be sent to it?"""
        return may_receive(allowed, self.deployment.provider, self.host, scope)

    def stage(self, contract: Contract, *, constrain: bool, whole: bool = False) -> ModelStage:
        """How it is asked in place of an incumbent with this contract."""
        schema = answer_schema(contract) if constrain and self.constrains else None
        choices = [render(contract, label) for label in contract.labels] if contract.kind == "label" else []
        chooses = constrain and self.deployment.kind in CHOICES and len(choices) <= MOST_CHOICES and can_choose(choices)
        return ModelStage(
            provider=self.deployment.provider,
            provider_kind=self.deployment.kind,
            url=self.url,
            model=self.deployment.model,
            answer_schema=schema,
            answer_choices=choices if chooses else [],
            whole_bodies=whole,
            labels=list(contract.labels),
        )

    @property
    def constrains(self) -> bool:
        """It can be held to a schema; where the catalogue says that it cannot, it is not."""
        abilities = self.card.abilities if self.card is not None else None
        return can_constrain(self.deployment) and not (abilities is not None and abilities.structured is False)

    def cannot(self, *, images: bool, tools: bool, longest_tokens: int, schema: bool) -> tuple[str, ...]:
        """What calls of a workload want and the catalogue says that it cannot do. Nothing where the catalogue does not know it."""
        if self.card is None:
            return ("a schema",) if schema and not self.constrains else ()
        found, abilities, limits = [], self.card.abilities, self.card.limits
        longest = limits.longest_input_tokens if limits is not None else None
        if longest is not None and longest_tokens > longest:
            found.append(f"context of {longest_tokens:,} tokens (takes {longest:,})")
        if images and abilities is not None and "image" not in abilities.inputs:
            found.append("images")
        if tools and abilities is not None and abilities.tools is False:
            found.append("tools")
        if schema and not self.constrains:
            found.append("a schema")
        return tuple(found)


def _unserved(name: str) -> ConfigError:
    """A model of the hub's is served by a program that is made for that; what to start, with the revision pinned."""
    model, at, revision = name.partition("@")
    if not (at and revision):
        return ConfigError(f"'hf:{name}' names no revision", hint=f"hf:{model}@COMMIT: what a branch points at changes")
    return ConfigError(
        f"'hf:{name}' is not served by Modicum itself: start a server, and name that",
        hint=f"vllm serve {shlex.quote(model)} --revision {shlex.quote(revision)}     [providers.vllm] url, modicum try vllm/{model}\n"
        f"  a GGUF of it (`hf download {shlex.quote(model)} --revision {shlex.quote(revision)}`): llama-server -m FILE.gguf"
        "     modicum try llamacpp/any-name",
    )


def _only_upstream(names: Names, model: str, target: Target) -> bool:
    """A name with a slash that nobody configured: `[upstream]` would take it whole, as it takes a caller's.

    Where that is a service whose own names hold slashes, such a name is one of its own.
    """
    upstream = names.upstream
    if "/" not in model or upstream is None or model in names.names():
        return False
    if upstream.facts.slashed and upstream.facts.url and upstream.url == upstream.facts.url.rstrip("/"):
        return False
    return all(one.provider == upstream.name and one.model == model for one in target.deployments)


def _recorded(config: Config) -> set[str | None]:
    """The names that recorded calls were asked for by, or answered by."""
    if not config.home.exists():
        return set()
    return {name for row in Calls(config.home).usage() for name in (row.request_model, row.response_model)}


def _unknown_provider(names: Names, kind: str, model: str) -> ConfigError:
    others = sorted(name for name in names.providers if names.upstream is None or name != names.upstream.name)
    known = f"providers that are configured: {', '.join(others[:8])}" if others else f"[providers.{kind}]  (docs/providers.md)"
    own = (
        ""
        if names.upstream is None
        else f'\n  a name of [upstream]\'s own: [models."{model}"] deployments = ["{names.upstream.name}/{model}"]'
    )
    return ConfigError(f"no provider '{kind}' is configured, and no recorded call names '{model}'", hint=known + own)


def find_candidate(config: Config, model: str) -> Candidate:
    """The one deployment that a name stands for. Raises ConfigError, NotFoundError."""
    if model.startswith("hf:"):
        raise _unserved(model.removeprefix("hf:"))
    kind, slash, _ = model.partition("/")
    names = Names(config)
    if slash and kind in all_facts() and kind not in names.providers and model not in names.names():
        raise ConfigError(f"no provider '{kind}' is configured", hint=f"[providers.{kind}]  (docs/providers.md has what each needs)")
    try:
        target = names.target(model)
    except NotFoundError as error:
        if not error.hint.startswith("GET "):
            raise  # a near name
        known = ", ".join(sorted(names.providers)[:5]) or "none"
        raise NotFoundError(error.message, hint=f"PROVIDER/MODEL, of the providers that are configured: {known} (docs/try.md)") from None
    if _only_upstream(names, model, target) and model not in _recorded(config):
        raise _unknown_provider(names, kind, model)
    if len(target.deployments) != 1:
        listed = ", ".join(one.name for one in target.deployments)
        raise ConfigError(f"'{model}' stands for {len(target.deployments)} deployments, and a trial is of one", hint=f"say one of {listed}")
    deployment = target.deployments[0]
    url = names.providers[deployment.provider].url
    return Candidate(
        asked=model,
        target=dataclasses.replace(target, name=deployment.name, fallbacks=()),
        url=url,
        host=host_of(deployment, url),
        card=Cards.open(config.home, config.prices).of(deployment.kind, deployment.model),
    )
