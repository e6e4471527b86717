"""From the name that a caller asks for to the deployments that may answer, by the operator's word alone.

In this order: an alias of `[models]`, a `model_name` of a LiteLLM file, `provider/model` by the prefix, and whatever is left goes
to `[upstream]` under its own name.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modicum.backends import litellm
from modicum.backends.facts import CONVERSATIONS, Facts, all_facts
from modicum.backends.provider import LONGEST_MODEL, Provider, has_key, open_provider
from modicum.config import Config, ModelConfig, ProviderConfig, UpstreamConfig
from modicum.errors import ConfigError, MissingExtraError, NotFoundError
from modicum.types import Endpoint

Strategy = Literal["weighted", "least_busy", "ordered"]
MOST_RECENT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One place where a model can be had."""

    provider: str
    """Its name in the configuration."""
    kind: str
    model: str
    """What the provider calls it."""
    weight: float = 1.0
    facts: Facts = field(repr=False, compare=False)
    name: str = field(init=False, repr=False, compare=False)
    """`provider/model`"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.provider}/{self.model}")

    @property
    def prices(self) -> str:
        """The provider's name in the price list; its own where it is not in there."""
        return self.facts.prices or self.provider

    @property
    def genai(self) -> str:
        """`gen_ai.provider.name`."""
        return self.facts.genai or self.kind

    def speaks(self, endpoint: Endpoint) -> Endpoint | None:
        """Where the provider answers what is asked at `endpoint`: there (bytes pass), elsewhere (translate), or not at all."""
        if endpoint in self.facts.endpoints:
            return endpoint
        if endpoint in CONVERSATIONS and self.facts.chat:
            return self.facts.chat  # type: ignore[return-value]  # facts are checked when they are read
        return None

    def streams(self, endpoint: Endpoint) -> bool:
        """The provider streams at its endpoint; otherwise ask for a plain answer and tell it as a stream."""
        return "no_stream" not in self.facts.quirks


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a name stands for."""

    name: str
    deployments: tuple[Deployment, ...]
    strategy: Strategy = "weighted"
    fallbacks: tuple[Target, ...] = ()
    """Asked in this order where no deployment answers; each name once, however they point at each other."""


class Names:
    """Every name that the operator gave, and the providers behind them."""

    def __init__(self, config: Config) -> None:
        self.warnings: list[str] = []
        """What a LiteLLM file says that is not used here."""
        self.retry = config.retry
        self._configured = {name: open_provider(name, row) for name, row in config.providers.items()}
        self._implied: dict[str, Provider] = {}
        self.upstream = self._open_upstream(config)
        if self.upstream is not None:
            self._configured[self.upstream.name] = self.upstream
        self.providers: Mapping[str, Provider] = self._implied | self._configured
        """By name, those included that need no section because their usual key is set."""
        self._models: dict[str, ModelConfig] = dict(config.models)
        self._targets = {name: self._declared(name, row) for name, row in config.models.items()}
        if config.serve.litellm_config is not None:
            self._import(config.serve.litellm_config, config)
        self._patterns = sorted((name for name in self._targets if name.endswith("*")), key=len, reverse=True)
        self._ones: dict[tuple[str, str], Target] = {}
        self._recent: dict[str, Target] = {}
        """What names that were asked for stand for. Few: they come from callers."""
        for name, row in self._models.items():
            self._targets[name] = self._with_fallbacks(name, row)
        self._recent.clear()  # made before every fallback was known

    def target(self, model: str) -> Target:
        """What `model` stands for. Raises NotFoundError with the near name."""
        recent = self._recent.get(model)
        if recent is None:
            recent = self._target(model)
            if len(self._recent) >= MOST_RECENT:
                self._recent.clear()
            self._recent[model] = recent
        return recent

    def _target(self, model: str) -> Target:
        found = self._targets.get(model)
        if found is not None and not model.endswith("*"):
            return found
        if model and len(model) <= LONGEST_MODEL and model.isprintable():
            for pattern in self._patterns:
                if model.startswith(pattern[:-1]):
                    return _narrowed(self._targets[pattern], model, model[len(pattern) - 1 :])
            provider, rest = self._by_prefix(model)
            if provider is not None:
                return Target(name=model, deployments=(deployment(provider, rest),))
        near = difflib.get_close_matches(model[:LONGEST_MODEL], self._targets, 1)
        hint = f"did you mean '{near[0]}'?" if near else "GET /v1/models lists what there is"
        raise NotFoundError(f"unknown model {model[:64]!r}", hint=hint)

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._targets if not name.endswith("*"))

    def one(self, provider: str, model: str) -> Target:
        """A model of a provider by its configured name, whatever `[models]` calls it. Raises NotFoundError."""
        found = self._ones.get((provider, model))
        if found is None:
            if provider not in self.providers:
                raise NotFoundError(f"no provider '{provider}' is configured", hint=f"[providers.{provider}]")
            made = deployment(self.providers[provider], model)
            found = self._ones[provider, model] = Target(name=made.name, deployments=(made,))
        return found

    def default(self) -> Deployment:
        """`[upstream]`, where a request names no model. Raises NotFoundError where there is none."""
        if self.upstream is None:
            raise NotFoundError("there is no [upstream] for requests that name no model", hint="configure [upstream]")
        return deployment(self.upstream, "")

    def _by_prefix(self, model: str) -> tuple[Provider | None, str]:
        prefix, slash, rest = model.partition("/")
        if slash and rest:
            if (found := self._configured.get(prefix)) is not None and (found is not self.upstream or is_named_service(found)):
                return found, rest
            if (implied := self._implied.get(prefix)) is not None:
                return implied, rest
        return self.upstream, model

    def _open_upstream(self, config: Config) -> Provider | None:
        """`[upstream]`; None where nobody set it and it has no key, or a LiteLLM file says which models there are."""
        upstream, known = config.upstream, all_facts()
        name = upstream.kind if upstream.kind not in config.providers else "upstream"
        named = config.serve.litellm_config is not None
        unset = upstream == UpstreamConfig() and (named or not has_key(upstream, known["openai"]))
        made = None if unset else open_provider(name, upstream)
        # Where the upstream's own names may hold slashes (a proxy, a server of one's own), a prefix is part of the name.
        if not named and (made is None or is_named_service(made)):
            self._imply({kind: row for kind, row in known.items() if kind not in config.providers and kind != name})
        if made is None and not (named or config.providers or self._implied):
            made = open_provider(name, upstream)  # raises: nothing is there that could be asked
        return made

    def _imply(self, kinds: Mapping[str, Facts]) -> None:
        """Kinds whose usual key is set need no section of their own."""
        for kind, row in kinds.items():
            if row.url and row.key_env and row.needs_key and has_key(ProviderConfig(), row):
                try:
                    self._implied[kind] = open_provider(kind, ProviderConfig(kind=kind))
                except ConfigError:
                    continue  # it wants a region or a project, so it must be configured

    def _import(self, path: Path, config: Config) -> None:
        """Take in a LiteLLM file; what cannot be opened is left out and said."""
        found = litellm.read(path, taken=frozenset(self.providers), retry=config.retry)
        self.warnings, self.retry = list(found.warnings), found.retry
        opened: dict[str, Provider] = {}
        for name, row in found.providers.items():
            try:
                opened[name] = open_provider(name, row, key=found.keys.get(name, ""), aws=found.aws.get(name))
            except (ConfigError, MissingExtraError) as error:
                self.warnings.append(f"provider '{name}' is left out: {error.message}")
        self.providers = {**self.providers, **opened}
        for name, model in found.models.items():
            able = tuple(one for one in model.deployments if one.model.partition("/")[0] in opened)
            if name in self._models:
                self.warnings.append(f"model '{name}' is left out: [models] names it too")
            elif not able and not model.fallbacks:
                self.warnings.append(f"model '{name}' is left out: none of its providers can be asked")
            else:
                self._models[name] = dataclasses.replace(model, deployments=able)
                self._targets[name] = self._declared(name, self._models[name])
        if not self._targets:
            raise ConfigError(f"{path} leaves no model that can be served", hint="; ".join(self.warnings[:3]))

    def _declared(self, name: str, row: ModelConfig) -> Target:
        if not row.deployments and not row.fallbacks:
            raise ConfigError(f'[models."{name}"] names no deployments', hint='deployments = ["provider/model"]')
        made: dict[str, Deployment] = {}
        for one in row.deployments:
            prefix, _, model = one.model.partition("/")
            provider = self.providers.get(prefix)
            if provider is None or not model:
                near = difflib.get_close_matches(prefix, self.providers, 1)
                known = f"write provider/model; providers: {', '.join(sorted(self.providers)) or 'none'}"
                raise ConfigError(
                    f"[models.\"{name}\"] deployment '{one.model}' names no provider that is configured",
                    hint=f"did you mean '{near[0]}/...'?" if near else known,
                )
            again = made.get(one.model)
            made[one.model] = deployment(provider, model, one.weight + (again.weight if again else 0.0))
        if made and not any(one.weight > 0 for one in made.values()):
            raise ConfigError(f'[models."{name}"] every deployment has weight 0')
        return Target(name=name, deployments=tuple(made.values()), strategy=row.strategy)

    def _with_fallbacks(self, name: str, row: ModelConfig) -> Target:
        """The target with every target behind it, breadth first, each once."""
        found: dict[str, Target] = {}
        waiting = list(row.fallbacks)
        while waiting:
            one = waiting.pop(0)
            if one == name or one in found:
                continue
            try:
                declared = self._targets.get(one) or self.target(one)
            except NotFoundError as error:
                raise ConfigError(f"[models.\"{name}\"] fallback '{one}' is no model that is known", hint=error.hint) from None
            found[one] = dataclasses.replace(declared, fallbacks=())
            if one in self._models:
                waiting.extend(self._models[one].fallbacks)
        own, others = self._targets[name].deployments, tuple(one for one in found.values() if one.deployments)
        if not own:  # a name that is only its fallbacks: the first of them is where it can be had
            own, others = (others[0].deployments, others[1:]) if others else ((), ())
        if not own:
            raise ConfigError(f'[models."{name}"] leads to no deployment', hint='deployments = ["provider/model"]')
        return dataclasses.replace(self._targets[name], deployments=own, fallbacks=others)


def _narrowed(pattern: Target, name: str, rest: str) -> Target:
    """A target with `*` in its name for one name that it matches."""
    deployments = tuple(dataclasses.replace(one, model=one.model.replace("*", rest)) for one in pattern.deployments)
    return dataclasses.replace(pattern, name=name, deployments=deployments)


def is_named_service(provider: Provider) -> bool:
    """It is the service that its kind names, and that service's own names of models hold no slashes."""
    return provider.url == provider.facts.url.rstrip("/") and not provider.facts.slashed


def deployment(provider: Provider, model: str, weight: float = 1.0) -> Deployment:
    return Deployment(provider=provider.name, kind=provider.facts.kind, model=model, weight=weight, facts=provider.facts)
