"""A LiteLLM config.yaml used as it is: its deployments, names, fallbacks and prices as settings of ours.

What has no meaning here is listed by name as a warning and never dropped in silence. Keys that stand in the file are accepted as
LiteLLM accepts them; they are kept in memory, beside the settings and never in them. Facts on the format:
docs.litellm.ai/docs/proxy/configs and docs.litellm.ai/docs/proxy/config_settings, read 2026-11-22.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, cast

from modicum.backends.litellm_file import load, resolver, variable
from modicum.backends.litellm_names import DROPPED, split_model
from modicum.backends.signing import AwsKeys
from modicum.config import DeploymentConfig, ModelConfig, ProviderConfig, RetryConfig, secret
from modicum.errors import ConfigError

PRICES = {
    "input_cost_per_token": "input_usd_mtok",
    "output_cost_per_token": "output_usd_mtok",
    "cache_read_input_token_cost": "cache_read_usd_mtok",
    "cache_creation_input_token_cost": "cache_write_usd_mtok",
}
UNDERSTOOD = frozenset(
    (
        "model",
        "api_base",
        "base_url",
        "api_key",
        "api_version",
        "weight",
        "rpm",
        "tpm",
        "timeout",
        "organization",
        "extra_headers",
        "headers",
    )
    + ("aws_region_name", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "vertex_project", "vertex_location")
    + ("custom_llm_provider", "litellm_credential_name", "drop_params", "additional_drop_params", *PRICES)
)
DESCRIBES = frozenset(
    ("id", "mode", "base_model", "description", "version", "metadata", "max_tokens", "max_input_tokens", "max_output_tokens")
)
"""Of `model_info`: tells people or LiteLLM about the model and asks for nothing; so does everything that begins with `supports_`."""
STRATEGIES: Mapping[str, Literal["weighted", "least_busy"]] = {"simple-shuffle": "weighted", "least-busy": "least_busy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file says, in our words."""

    providers: Mapping[str, ProviderConfig]
    models: Mapping[str, ModelConfig]
    prices: Mapping[str, Mapping[str, str]]
    """As `[prices]` has them: US dollars per million tokens, by `provider/model`."""
    retry: RetryConfig
    warnings: tuple[str, ...]
    keys: Mapping[str, str] = field(repr=False)
    """Provider -> the key that stands in the file itself."""
    aws: Mapping[str, AwsKeys] = field(repr=False)


def read(path: Path, *, taken: frozenset[str] = frozenset(), retry: RetryConfig | None = None) -> Imported:
    """Read a file. `taken`: names that providers may not get. Raises ConfigError, MissingExtraError."""
    return understand(load(path), str(path), taken=taken, retry=retry)


def understand(body: Mapping[str, Any], where: str, *, taken: frozenset[str] = frozenset(), retry: RetryConfig | None = None) -> Imported:
    """What a file's body means. Raises ConfigError where a part that counts has another form than LiteLLM's."""
    return _Reading(where, taken).read(body, retry or RetryConfig())


class _Reading:
    """One file being read."""

    def __init__(self, where: str, taken: frozenset[str]) -> None:
        self.where, self.taken = where, taken
        self.providers: dict[str, ProviderConfig] = {}
        self.names: dict[tuple[Any, ...], str] = {}
        self.keys: dict[str, str] = {}
        self.aws: dict[str, AwsKeys] = {}
        self.deployments: dict[str, list[DeploymentConfig]] = {}
        self.prices: dict[str, dict[str, str]] = {}
        self.unused: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.resolve: Callable[[Any], Any] = lambda value: value
        self.credentials: dict[str, Mapping[str, Any]] = {}
        self.timeout_s: float | None = None
        self.drops: Any = None
        """`drop_params` of the whole file."""

    def read(self, body: Mapping[str, Any], retry: RetryConfig) -> Imported:
        self.resolve = resolver(_mapping(body.get("environment_variables")))
        for row in _rows(body.get("credential_list")):
            self.credentials[str(row.get("credential_name"))] = _mapping(row.get("credential_values"))
        router, library = _mapping(body.get("router_settings")), _mapping(body.get("litellm_settings"))
        general = _mapping(body.get("general_settings"))
        self.timeout_s = self._number(router.get("timeout", library.get("request_timeout")))
        self.drops = library.get("drop_params")
        entries = _rows(body.get("model_list"))
        if not entries:
            raise ConfigError(f"{self.where} has no model_list", hint="model_list:\n  - model_name: ...")
        for entry in entries:
            self._entry(entry)
        models = self._models(router, library)
        retry = self._retry(router, library, retry)
        if "master_key" in general:
            self.warnings.append("general_settings.master_key is not used: keys are made with `modicum keys create`")
        self._unused("general_settings", general, {"master_key"})
        self._unused(
            "", body, {"model_list", "router_settings", "litellm_settings", "general_settings", "environment_variables", "credential_list"}
        )
        for name, times in sorted(self.unused.items()):
            self.warnings.append(f"{name} is not used" + (f" ({times} times)" if times > 1 else ""))
        return Imported(
            providers=self.providers,
            models=models,
            prices=self.prices,
            retry=retry,
            warnings=tuple(self.warnings),
            keys=self.keys,
            aws=self.aws,
        )

    def _entry(self, entry: Mapping[str, Any]) -> None:
        name, given = entry.get("model_name"), _mapping(entry.get("litellm_params"))
        if not isinstance(name, str) or not name or not isinstance(given.get("model"), str):
            raise ConfigError(f"{self.where}: an entry of model_list lacks model_name or litellm_params.model")
        params = {**self.credentials.get(str(given.get("litellm_credential_name")), {}), **given}
        info = _mapping(entry.get("model_info"))
        base = self.resolve(params.get("api_base") or params.get("base_url")) or ""
        kind, model, region = split_model(params["model"], str(params.get("custom_llm_provider") or ""), str(base))
        if not kind:
            self.warnings.append(f"model '{name}' is left out: {params['model']!r} is of no provider that is known here")
            return
        provider = self._provider(kind, str(base), params, region)
        weight = next((found for key in ("weight", "rpm", "tpm") if (found := self._number(params.get(key))) is not None), 1.0)
        self.deployments.setdefault(name, []).append(DeploymentConfig(model=f"{provider}/{model}", weight=weight))
        prices = {ours: price for theirs, ours in PRICES.items() if (price := _mtok(self.resolve(params.get(theirs, info.get(theirs)))))}
        if prices:
            self.prices[f"{provider}/{model}"] = prices | {"source": self.where}
        self._unused("litellm_params", params, UNDERSTOOD)
        self._unused("model_info", {k: v for k, v in info.items() if not k.startswith("supports_")}, DESCRIBES | set(PRICES))
        self._unused("model_list", entry, {"model_name", "litellm_params", "model_info"})

    def _provider(self, kind: str, base: str, params: Mapping[str, Any], region: str) -> str:
        """The name of the provider with these settings; equal settings are one provider."""
        key = params.get("api_key")
        named, literal = variable(key) or "", ""
        if key is not None and not (named and (secret(named) or self.resolve(key) is None)):
            named, literal = "", str(self.resolve(key))  # it stands in the file, or in the file's own environment_variables
        text = {one: str(found) for one in params if one in UNDERSTOOD and (found := self.resolve(params[one])) is not None}
        headers = {
            str(k).lower(): str(self.resolve(v)) for one in ("headers", "extra_headers") for k, v in _mapping(params.get(one)).items()
        }
        if "organization" in text:
            headers["openai-organization"] = text["organization"]
        drops = self.resolve(params.get("drop_params", self.drops)) is True
        leave_out = (*(DROPPED.get(kind, ()) if drops else ()), *_names(params.get("additional_drop_params") or []))
        timeout = self._number(params.get("timeout"))
        timeout = timeout if timeout is not None else self.timeout_s
        config = ProviderConfig(
            kind=kind,
            url=_base(kind, base),
            api_key_env=named,
            region=text.get("aws_region_name") or text.get("vertex_location") or region,
            project=text.get("vertex_project", ""),
            api_version=text.get("api_version", "") if kind == "azure" else "",
            headers=headers,
            leave_out=leave_out,
            first_byte_timeout_s=ProviderConfig().first_byte_timeout_s if timeout is None else timeout,
        )
        aws = (text.get("aws_access_key_id", ""), text.get("aws_secret_access_key", ""), text.get("aws_session_token", ""))
        identity: tuple[Any, ...] = (config.kind, config.url, config.api_key_env, config.region, config.project, config.api_version)
        identity += (tuple(sorted(headers.items())), config.first_byte_timeout_s, leave_out, literal, aws)
        if identity in self.names:
            return self.names[identity]
        name, number = kind, 1
        while name in self.providers or name in self.taken:
            number += 1
            name = f"{kind}-{number}"
        self.names[identity], self.providers[name] = name, config
        if literal:
            self.keys[name] = literal
        if aws[0] and aws[1]:
            self.aws[name] = AwsKeys(access_key=aws[0], secret_key=aws[1], token=aws[2])
        return name

    def _models(self, router: Mapping[str, Any], library: Mapping[str, Any]) -> dict[str, ModelConfig]:
        strategy = str(router.get("routing_strategy", "simple-shuffle"))
        if strategy not in STRATEGIES:
            self.warnings.append(f"router_settings.routing_strategy = '{strategy}' is not known here: weights decide")
        falls: dict[str, tuple[str, ...]] = {}
        for row in (*_rows(library.get("fallbacks")), *_rows(router.get("fallbacks"))):
            falls |= {str(name): _names(then) for name, then in row.items()}
        always = _names(router.get("default_fallbacks") or library.get("default_fallbacks") or [])
        models = {}
        for name, deployments in self.deployments.items():
            then = self._fallbacks(name, falls.pop(name, always))
            models[name] = ModelConfig(deployments=tuple(deployments), strategy=STRATEGIES.get(strategy, "weighted"), fallbacks=then)
        for alias, name in _mapping(router.get("model_group_alias")).items():
            target = name if isinstance(name, str) else _mapping(name).get("model")
            if target in models and alias not in models:
                models[str(alias)] = models[cast(str, target)]
            elif target not in models:
                self.warnings.append(f"router_settings.model_group_alias '{alias}' points at no model of model_list")
        for name in falls:
            self.warnings.append(f"fallbacks of '{name}' are not used: it is not in model_list")
        return models

    def _fallbacks(self, name: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
        known = []
        for one in wanted:
            if one in self.deployments or any(each.endswith("*") and one.startswith(each[:-1]) for each in self.deployments):
                known += [one] if one != name else []
            else:
                self.warnings.append(f"fallback '{one}' of '{name}' is not used: it is not in model_list")
        return tuple(known)

    def _retry(self, router: Mapping[str, Any], library: Mapping[str, Any], retry: RetryConfig) -> RetryConfig:
        """Ours where the operator set it, else the file's."""
        ours, wanted = RetryConfig(), {}
        if (retries := self._number(router.get("num_retries", library.get("num_retries")))) is not None:
            wanted["tries"] = int(retries) + 1
        if (fails := self._number(router.get("allowed_fails", library.get("allowed_fails")))) is not None:
            wanted["breaker_failures"] = max(1, int(fails))
        if (cool := self._number(router.get("cooldown_time"))) is not None:
            wanted["cool_down_s"] = int(cool)
        self._unused(
            "router_settings",
            router,
            {
                "routing_strategy",
                "fallbacks",
                "default_fallbacks",
                "model_group_alias",
                "num_retries",
                "allowed_fails",
                "cooldown_time",
                "timeout",
            },
        )
        self._unused(
            "litellm_settings",
            library,
            {"fallbacks", "default_fallbacks", "num_retries", "allowed_fails", "request_timeout", "drop_params"},
        )
        return dataclasses.replace(retry, **{key: value for key, value in wanted.items() if getattr(retry, key) == getattr(ours, key)})

    def _unused(self, section: str, body: Mapping[str, Any], understood: frozenset[str] | set[str]) -> None:
        self.unused.update(f"{section}.{key}" if section else str(key) for key in body if key not in understood)

    def _number(self, value: Any) -> float | None:
        value = self.resolve(value)
        if value is None or isinstance(value, bool):
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.warnings.append("a value that should be a number is not used")
            return None
        return number if 0 <= number < float("inf") else None


def _base(kind: str, base: str) -> str:
    """The base URL as we write it, from what LiteLLM takes for one."""
    base = base.rstrip("/")
    if not base:
        return ""
    if kind == "anthropic":
        return base.removesuffix("/v1/messages").removesuffix("/v1")
    if kind == "azure":
        return base.partition("/openai")[0]
    if kind == "ollama" and not base.endswith("/v1"):
        return base.removesuffix("/api") + "/v1"
    return base


def _mtok(value: Any) -> str:
    """Dollars a token -> dollars per million, as text; empty where it is no price."""
    if value is None or isinstance(value, bool):
        return ""
    try:
        price = Decimal(str(value)) * 1_000_000
    except InvalidOperation:
        return ""
    return format(price.normalize(), "f") if price.is_finite() and price >= 0 else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _names(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else (value,) if isinstance(value, str) else ()
