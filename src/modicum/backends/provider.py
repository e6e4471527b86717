"""One configured provider: where it is, what it may be told of the caller's headers, and how a request to it is made.

The operator's settings and the kind's facts choose the host. A model's name comes from a caller, so where it stands in a path it
is checked and percent-encoded; nothing else of a request touches the address.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from modicum.backends.cloud import Signed, default_chain
from modicum.backends.credentials import Credential, Headers, Key, Nothing, origin_of, shown
from modicum.backends.facts import Facts, facts
from modicum.backends.hosted import check, is_loopback
from modicum.backends.signing import AwsKeys
from modicum.config import ProviderConfig, UpstreamConfig, secret
from modicum.errors import ConfigError, RequestError, UntranslatableError
from modicum.types import Endpoint

TOLD = frozenset(
    ("accept", "user-agent", "idempotency-key", "traceparent", "tracestate", "x-client-request-id"),
)
"""Headers of the caller's that every provider sees."""
CREDENTIALS = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
ACCOUNTS = frozenset(("openai-organization", "openai-project"))
"""They name whose account pays, so they go only where the caller's own key goes: under `auth = "forward"`."""
PREFIX = "mk-"
OURS = re.compile(r"(?<![A-Za-z0-9])mk-[A-Za-z0-9_-]{29}")
"""Keys of our own look so, the shortest that are taken too; they are shown to no provider, wherever a caller put one."""

IN_BODY: frozenset[str] = frozenset(
    ("chat_completions", "responses", "completions", "embeddings", "rerank", "messages", "count_tokens")
    + ("generate_content", "converse", "predictions")
)
"""Endpoints whose bodies are JSON objects that may name a model."""
IN_PATH = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@/+ -]*[A-Za-z0-9])?", re.ASCII)
LONGEST_MODEL = 256
NOTHING: Mapping[str, str] = MappingProxyType({})
MOST_NAMES = 256
OF_THE_CONNECTION = frozenset(("host", "connection", "content-length", "transfer-encoding", "accept-encoding"))
"""No provider is ever told these of a caller's, nor what begins with `x-modicum-`."""
SUFFIX = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._:@-]*)*(?:\?[A-Za-z0-9._~=&%\[\]+:,-]*)?", re.ASCII)
"""What may follow the path of files, batches and models: an id, a word like `content`, a query."""

_UPSTREAM_DEFAULTS = UpstreamConfig()


class Provider:
    """One provider by its name in the configuration. Made by `open_provider`; holds no secret itself."""

    def __init__(self, *, name: str, config: ProviderConfig, facts: Facts, url: str, credential: Credential) -> None:
        self.name = name
        self.config = config
        self.facts = facts
        """Those of its kind, with what the configuration decides put in."""
        self.url = url
        self.credential = credential
        self.forwards = config.auth == "forward"
        self._fixed = {name.lower(): value for name, value in facts.headers.items()}
        self._own = {name.lower(): value for name, value in config.headers.items()}
        self._silent: set[bytes] = set()
        """Names of callers' headers that it is not told. Few are kept: they come from callers."""

    def __repr__(self) -> str:
        return f"Provider({self.name!r}, kind={self.facts.kind!r}, url={self.url!r})"

    def address(self, endpoint: Endpoint, model: str, *, stream: bool = False, suffix: str = "") -> str:
        """The URL to ask. Raises UntranslatableError for an endpoint that it has not, RequestError for a name that no path may hold."""
        path = (self.facts.streams.get(endpoint) if stream else None) or self.facts.endpoints.get(endpoint)
        if path is None:
            raise UntranslatableError(f"{self.facts.name} ('{self.name}') has no {endpoint}")
        if "{model}" in path:
            path = path.replace("{model}", in_path(model))
        if not suffix:
            return self.url + path
        if PREFIX in suffix and OURS.search(suffix):
            raise RequestError("a key of this gateway's stands in the address", hint="send it in a header: `authorization: Bearer mk-...`")
        if not SUFFIX.fullmatch(suffix):
            raise RequestError(f"{suffix!r} cannot follow {path!r}")
        path, mark, query = path.partition("?")
        if mark and "?" in suffix:
            suffix, _, more = suffix.partition("?")
            query += "&" + more
        return f"{self.url}{path}{suffix}{mark}{query}"

    def model_in_path(self, endpoint: Endpoint) -> bool:
        return "{model}" in self.facts.endpoints.get(endpoint, "")

    def takes_as_is(self, endpoint: Endpoint) -> bool:
        """A body that names the right model needs no change."""
        return self.facts.model_field == "model" and not self.facts.adds and not self.model_in_path(endpoint)

    def headers(self, caller: Mapping[bytes, bytes], *, endpoint: Endpoint, has_body: bool = True) -> Headers:
        """What the provider is told: an allow-list of the caller's headers, the kind's and the operator's; no key of ours.

        `caller`: names in lower case.
        """
        told = {"content-type": "application/json"} if has_body else {}
        told["accept-encoding"] = "identity"
        told |= self._fixed
        key: tuple[str, str] | None = None
        for each in [each for each in caller if each not in self._silent]:
            name, value = each.decode("latin-1"), caller[each].decode("latin-1")
            if name in CREDENTIALS and self.forwards:
                if (found := self._forwarded(name, value)) and (key is None or name == self.facts.key_header):
                    key = found
            elif name == "content-type":
                if has_body and endpoint not in IN_BODY and _fits(value):
                    told[name] = value
            elif not self._tells(name):
                if len(self._silent) < MOST_NAMES:
                    self._silent.add(each)
            elif _fits(value):
                told[name] = value
        told |= self._own
        return [*told.items(), key] if key else list(told.items())

    def _tells(self, name: str) -> bool:
        """The provider is told this header of the caller's."""
        if name in TOLD:
            return True
        if name in CREDENTIALS or name in OF_THE_CONNECTION or name.startswith("x-modicum-"):
            return False
        if self.forwards and name in ACCOUNTS:
            return True
        return any(name == one or (one.endswith("*") and name.startswith(one[:-1])) for one in self.facts.passes)

    def _forwarded(self, name: str, value: str) -> tuple[str, str] | None:
        """The caller's own key as this provider wants to see it."""
        key = value[7:].strip() if value[:7].lower() == "bearer " else value.strip()
        if not key or key.startswith(PREFIX) or not _fits(value):
            return None
        if name == "authorization" and value[:7].lower() != "bearer ":
            return name, value
        return shown(key, self.facts.key_header, self.facts.key_prefix, self.facts.bearer_tokens)


def open_provider(name: str, config: ProviderConfig, *, key: str = "", aws: AwsKeys | None = None) -> Provider:
    """Read the facts and the settings together. `key`, `aws`: what a file of others' holds itself. Nothing is sent.

    Raises ConfigError for an unknown kind, an address that may not be used, or a place in it that nothing fills.
    """
    known = facts(config.kind or name)
    stands = "upstream" if isinstance(config, UpstreamConfig) else f"providers.{name}"
    url, names = config.url, [config.api_key_env] if config.api_key_env else list(known.key_env)
    if isinstance(config, UpstreamConfig) and known.kind != "openai":  # the section's defaults are OpenAI's
        url = "" if url == _UPSTREAM_DEFAULTS.url else url
        names = list(known.key_env) if config.api_key_env == _UPSTREAM_DEFAULTS.api_key_env else names
    region = config.region or next((found for one in known.region_env if (found := secret(one))), "") or known.region
    project = config.project or next((found for one in known.project_env if (found := secret(one))), "")
    places = {
        "region": region,
        "region_host": "" if region == "global" else f"{region}-" if region else "",
        "project": project,
        "api_version": config.api_version or known.api_version,
    }
    url = _filled(url or known.url, places, stands)
    if not url:
        raise ConfigError(
            f"[{stands}] names no url, and {known.name} has none that is everybody's", hint='url = "http://127.0.0.1:8000/v1"'
        )
    check(url)
    url = url.rstrip("/")
    # A kind's usual key is for the kind's own address: it goes to another one only where the operator says so.
    elsewhere = known.needs_key and bool(known.url) and bool(config.url) and url != _filled(known.url, places, stands)
    unnamed = not config.api_key_env or (
        stands == "upstream" and known.kind != "openai" and config.api_key_env == _UPSTREAM_DEFAULTS.api_key_env
    )
    if elsewhere and unnamed:
        known, names = dataclasses.replace(known, cloud_first=False), []
    endpoints = known.dated if known.dated and config.api_version not in ("", "v1", "preview") else known.endpoints
    known = dataclasses.replace(
        known,
        endpoints={one: _filled(path, places, stands) for one, path in endpoints.items()},
        streams={one: _filled(path, places, stands) for one, path in known.streams.items()},
        headers={one: _filled(value, places, stands) for one, value in known.headers.items()},
    )
    if aws is not None and known.cloud == "aws":
        credential: Credential = Signed(origin_of(url), region, aws)
    else:
        credential = _credential(stands, config, known, url, region, names, key)
    return Provider(name=name, config=config, facts=known, url=url, credential=credential)


def has_key(config: ProviderConfig, known: Facts) -> bool:
    """There is something to show: a key in the environment or a file."""
    return config.api_key_file is not None or any(map(secret, [config.api_key_env] if config.api_key_env else known.key_env))


def _credential(stands: str, config: ProviderConfig, known: Facts, url: str, region: str, names: Sequence[str], key: str) -> Credential:
    origin = origin_of(url)
    if config.auth in ("none", "forward"):
        return Nothing(origin)
    keyless = not key and not config.api_key_file and not config.api_key_env and not any(map(secret, names))
    if config.auth == "cloud" or (known.cloud_first and keyless):
        if not known.cloud:
            raise ConfigError(f'[{stands}] auth = "cloud": {known.name} takes no credentials of a cloud', hint='auth = "key"')
        return default_chain(known.cloud, origin, region)
    made = Key(
        origin,
        header=known.key_header,
        prefix=known.key_prefix,
        bearer_tokens=known.bearer_tokens,
        bearer_below=url + known.bearer_below if known.bearer_below else "",
        names=names,
        file=config.api_key_file,
        value=key,
        needed=known.needs_key and not is_loopback(url),
    )
    if made.read() or not made.needed:
        return made
    if not names and known.key_env:
        raise ConfigError(
            f"no key for {url}: it is not {known.name}'s own address, so {known.key_env[0]} goes there only where you say so",
            hint=f'{stands}.api_key_env = "{known.key_env[0]}"',
        )
    raise ConfigError(
        f"no key for {url}: the environment variable {' or '.join(names) or 'api_key_env'} is not set",
        hint=f'set it, name a file in {stands}.api_key_file, or pass the callers\' own keys on with auth = "forward"',
    )


def _filled(text: str, places: dict[str, str], stands: str) -> str:
    """The places but {model} filled with what the operator said."""
    for name, value in places.items():
        if "{" + name + "}" in text:
            if not value and name != "region_host":
                raise ConfigError(f"[{stands}] names no {name}", hint=f'{name} = "..."')
            if not re.fullmatch(r"[A-Za-z0-9._-]*", value):
                raise ConfigError(f"[{stands}] {name} = {value!r} cannot stand in an address")
            text = text.replace("{" + name + "}", value)
    return text


def in_path(model: str) -> str:
    """A model's name as one segment of a path. Raises RequestError for one that cannot be a name."""
    model = model.removeprefix("models/")
    if len(model) > LONGEST_MODEL or not IN_PATH.fullmatch(model) or ".." in model or "//" in model:
        raise RequestError(f"{model[:64]!r} is no model's name")
    return quote(model, safe="")


def rewrite_model(body: bytes, model: str, *, name: str = "model", keep: bool = True, adds: Mapping[str, str] = NOTHING) -> bytes:
    """The body with `model` in its top-level field; the same bytes where it stands there already.

    Every other value keeps its bytes and its place; white space between the top-level fields goes. With `keep` false the field
    is taken out: the path names the model. `adds`: fields that it gets where it lacks them. Raises RequestError where the body is
    no JSON object.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise RequestError("the body is not a JSON object") from None
    wanted = {one: msgspec.json.encode(value) for one, value in adds.items() if one not in fields}
    if keep and bytes(fields.get(name, b"")) != (encoded := msgspec.json.encode(model)):
        wanted[name] = encoded
    dropped = None if keep else fields.pop(name, None)
    if not wanted and dropped is None:
        return body
    return msgspec.json.encode(fields | {one: msgspec.Raw(value) for one, value in wanted.items()})


def _fits(value: str) -> bool:
    return value.isascii() and value.isprintable() and not (PREFIX in value and OURS.search(value))
