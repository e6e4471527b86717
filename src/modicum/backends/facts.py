"""What is known of each kind of provider, one TOML file a kind in `providers/`: where it is, what it speaks, how it is asked.

Facts only: which key, which region and which models an operator has stands in the configuration. Nothing here is fetched.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from typing import Any, Literal

from modicum.errors import ConfigError
from modicum.types import Endpoint

ENDPOINTS: frozenset[str] = frozenset(typing.get_args(Endpoint))
CONVERSATIONS: frozenset[str] = frozenset(("chat_completions", "messages", "responses"))
"""What callers ask a conversation at; each can be told in another provider's dialect."""
SPOKEN: frozenset[str] = CONVERSATIONS | {"generate_content", "converse", "predictions"}
"""The dialects that a conversation can be told in."""
PLACES = ("model", "region", "region_host", "project", "api_version")

QUIRKS = {
    "usage_always": "streams tell usage unasked",
    "no_stream_options": "refuses the field stream_options",
    "no_stream": "has no stream that is asked for by one request: a plain answer is asked for and told as a stream",
    "max_completion_tokens": "its newer models refuse max_tokens and want max_completion_tokens",
    "own_words": "refuses fields that are not OpenAI's own",
    "few_words": "refuses some of OpenAI's fields too, and ids of tool calls that are not nine letters and digits",
    "cache_marks": "knows hints to caches (cache_control) and signed thoughts, as a router to other providers does",
    "needs_max_tokens": "refuses a request without a limit of output tokens",
    "waits": "may answer before it is done; the answer is asked for again until it is",
}
"""Ways in which a provider differs within its dialect, by the names that files use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One kind of provider."""

    kind: str
    name: str
    """For people."""
    url: str = ""
    """Base URL, with {region}, {region_host} and {project}; empty: the operator names it."""
    chat: str = ""
    """The endpoint at which it is told conversations that it does not take in the caller's dialect; empty: none."""
    endpoints: Mapping[str, str]
    """Endpoint -> path below the base URL, with {model} where the model stands in it."""
    streams: Mapping[str, str] = field(default_factory=dict)
    """The same for streams, where they are asked for elsewhere."""
    dated: Mapping[str, str] = field(default_factory=dict)
    """The same in place of `endpoints` where the operator sets `api_version` (with {api_version})."""
    model_field: str = "model"
    """The top-level field of a body that names the model, where the path does not."""
    adds: Mapping[str, str] = field(default_factory=dict)
    """Top-level fields that a body gets where it lacks them."""
    key_header: str = "authorization"
    key_prefix: str = "Bearer "
    key_env: tuple[str, ...] = ()
    """Environment variables that usually hold the key; the first one that is set counts."""
    bearer_tokens: str = ""
    """Keys with this beginning go as `authorization: Bearer`, whatever `key_header` says."""
    bearer_below: str = ""
    """Paths with this beginning are shown the key as `authorization: Bearer`."""
    needs_key: bool = True
    """False: one's own server, which may ask for none."""
    cloud: Literal["", "aws", "google", "entra"] = ""
    """Whose default chain of credentials `auth = "cloud"` takes."""
    cloud_first: bool = False
    """Where no key is named or set, `auth = "key"` means the cloud's chain too."""
    region: str = ""
    """Used where neither the operator nor `region_env` names one."""
    region_env: tuple[str, ...] = ()
    project_env: tuple[str, ...] = ()
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request; {api_version} is put in."""
    passes: tuple[str, ...] = ()
    """Headers of the caller's that it is told, beside those that every provider is; `*` at the end matches the rest."""
    slashed: bool = False
    """Its own names of models hold slashes."""
    quirks: tuple[str, ...] = ()
    prices: str = ""
    """Its name in the price list (`genai-prices`); empty: it is not in there."""
    genai: str = ""
    """Its `gen_ai.provider.name` of OpenTelemetry's conventions, or what comes next to one."""
    read: tuple[str, ...]
    """Where and when this was read."""


@functools.cache
def all_facts() -> Mapping[str, Facts]:
    """Every kind, by its name. Raises ConfigError where a file is wrong, which a test sees first."""
    found = (resources.files("modicum.backends") / "providers").iterdir()
    rows = (facts_of(file.name.removesuffix(".toml"), file.read_text("utf-8")) for file in found if file.name.endswith(".toml"))
    return types.MappingProxyType({row.kind: row for row in sorted(rows, key=lambda row: row.kind)})


def facts(kind: str) -> Facts:
    """The facts of one kind. Raises ConfigError with the near name."""
    known = all_facts()
    if kind not in known:
        near = difflib.get_close_matches(kind, known, 1)
        hint = (
            f"did you mean '{near[0]}'?"
            if near
            else f"any other that speaks OpenAI's dialect: kind = 'openai_compatible'; known: {', '.join(known)}"
        )
        raise ConfigError(f"unknown kind of provider '{kind}'", hint=hint)
    return known[kind]


def facts_of(kind: str, text: str) -> Facts:
    """Read one file. Raises ConfigError for a key, an endpoint, a quirk or a place that is not known, or a value of a wrong type."""
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"providers/{kind}.toml is not TOML: {error}") from None
    hints = _hints()
    values: dict[str, Any] = {}
    for key, value in body.items():
        if key not in hints or key == "kind":
            raise ConfigError(f"providers/{kind}.toml: unknown key '{key}'")
        values[key] = _value(hints[key], value, f"providers/{kind}.toml: {key}")
    lacking = [f.name for f in fields(Facts) if f.name in ("name", "endpoints", "read") and f.name not in values]
    if lacking:
        raise ConfigError(f"providers/{kind}.toml lacks {' and '.join(lacking)}")
    made = Facts(kind=kind, **values)
    _check(made)
    return made


@functools.cache
def _hints() -> dict[str, Any]:
    return typing.get_type_hints(Facts)


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if hint == Mapping[str, str] and isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return types.MappingProxyType(dict(value))
    if typing.get_origin(hint) is Literal and value in typing.get_args(hint):
        return value
    if hint in (str, bool) and type(value) is hint:
        return value
    raise ConfigError(f"{where} has the wrong type or an unknown value")


def _check(made: Facts) -> None:
    where = f"providers/{made.kind}.toml"
    for paths in (made.endpoints, made.streams, made.dated):
        for endpoint, path in paths.items():
            if endpoint not in ENDPOINTS:
                raise ConfigError(f"{where}: unknown endpoint '{endpoint}'")
            if not path.startswith("/"):
                raise ConfigError(f"{where}: the path of '{endpoint}' does not begin with a slash")
    for text in (made.url, *made.endpoints.values(), *made.streams.values(), *made.dated.values(), *made.headers.values()):
        for piece in text.split("{")[1:]:
            if piece.partition("}")[0] not in PLACES:
                raise ConfigError(f"{where}: unknown place in '{text}'")
    if made.chat and (made.chat not in SPOKEN or made.chat not in made.endpoints):
        raise ConfigError(f"{where}: chat = '{made.chat}' is no conversation that it takes")
    if unknown := set(made.quirks) - set(QUIRKS):
        raise ConfigError(f"{where}: unknown quirk '{min(unknown)}'")
    if not made.read:
        raise ConfigError(f"{where}: `read` says nowhere where this was read")
