"""Every setting, one frozen record a section; the defaults are what holds with no file at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modicum.config.watching import WatchConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Where calls and decisions live."""

    home: Path = Path(".modicum")
    """Folder of everything that Modicum keeps (0700)."""
    keep_days: int = 90
    """Days after which the bodies of a call are dropped; its figures stay."""
    keep_bodies: Literal["redacted", "full", "none"] = "redacted"
    """redacted: secrets, card and identity numbers, addresses stand as numbered placeholders. none: only figures are kept."""
    durability: Literal["process", "strict"] = "process"
    """process: kill -9 loses nothing, power loss at most a second. strict: fdatasync before each reply."""
    on_failure: Literal["fail_open", "fail_closed"] = "fail_open"
    """Where the store cannot be written. fail_open: serve, count, alarm. fail_closed: answer 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactConfig:
    """What is taken out of bodies before they are stored, and before a specialist sees them."""

    table: Path | None = None
    """A TOML file of further identity numbers: country, pattern, checksum, source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """One provider, as `[providers.NAME]`; what is left out comes from the facts that are kept of its kind."""

    kind: str = ""
    """Whose facts hold: openai, azure, anthropic, gemini, vertex, bedrock, vllm, ...; the section's own name where empty."""
    url: str = ""
    """Base URL, where it is not the usual one."""
    auth: Literal["key", "forward", "none", "cloud"] = "key"
    """key: send the key that `api_key_env` or `api_key_file` names. forward: pass the caller's own to this host alone.
    cloud: the cloud's default chain (Entra, ADC, IAM roles)."""
    api_key_env: str = ""
    """The environment variable that holds the provider's key; the kind's usual one where empty."""
    api_key_file: Path | None = None
    """A file that holds the key; it is read again when it changes."""
    region: str = ""
    """Of a cloud's endpoint (Bedrock, Vertex)."""
    project: str = ""
    """The cloud's project (Vertex)."""
    api_version: str = ""
    """Of the provider's API (Azure, Anthropic), where it is not the usual one."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request to this provider."""
    connect_timeout_s: float = 10.0
    """Seconds to reach the provider."""
    first_byte_timeout_s: float = 600.0
    """Seconds that the provider may take to begin its reply."""
    read_timeout_s: float = 600.0
    """Seconds of silence within a reply after which a call fails."""
    ca_file: Path | None = None
    """Certificates to trust in place of the system's."""
    proxy: Literal["environment", "none"] = "environment"
    """environment: HTTPS_PROXY, HTTP_PROXY and NO_PROXY hold."""
    cache_control: Literal["off", "auto"] = "off"
    """auto (Anthropic): mark the static beginning of a known prompt for the provider's cache."""
    leave_out: tuple[str, ...] = ()
    """Fields of requests, by their names in the caller's dialect ("seed", "logit_bias"), that this provider is not told: without this
    what it has no words for is refused by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig(ProviderConfig):
    """The provider that takes every model which nothing else names."""

    kind: str = "openai"
    """Whose facts hold: openai, azure, anthropic, gemini, vertex, bedrock, vllm, ..."""
    url: str = "https://api.openai.com/v1"
    """Base URL."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the provider's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentConfig:
    """One place where a model can be had."""

    model: str
    """`provider/model`: the provider's name here, then what it calls the model."""
    weight: float = 1.0
    """Its share of the calls among the deployments of one model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A name that callers may ask for, as `[models."NAME"]`."""

    deployments: tuple[DeploymentConfig, ...] = ()
    """Where it can be had, each as "provider/model" or { model = "provider/model", weight = 2 }."""
    strategy: Literal["weighted", "least_busy", "ordered"] = "weighted"
    """How one of several deployments is chosen."""
    fallbacks: tuple[str, ...] = ()
    """Models to ask, in this order, where no deployment answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryConfig:
    """What happens when a provider fails before its first byte. After it nothing is tried again."""

    tries: int = 2
    """Most tries for each deployment."""
    total_timeout_s: float = 0.0
    """Seconds for all tries of a call together until the first byte; 0: no limit beside those of the providers."""
    longest_wait_s: float = 30.0
    """Most seconds that a provider's `retry-after` is waited for."""
    budget_share: float = 0.2
    """Most retries and fallbacks, as a share of the calls."""
    breaker_failures: int = 5
    """Failures in a row after which a deployment is left alone."""
    cool_down_s: float = 30.0
    """Seconds that it is left alone; then one call tries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """The gateway."""

    listen: str = "127.0.0.1:8321"
    """HOST:PORT; loopback only until keys exist (`modicum keys create`)."""
    hosts: tuple[str, ...] = ()
    """Names that callers may call this gateway by, beside this machine's own; empty with keys: any."""
    workers: int = 1
    """Processes that share the port."""
    scope: str = "default"
    """The scope of the calls that this gateway records."""
    explain: bool = False
    """Add x-modicum-confidence and x-modicum-cost-usd to replies."""
    observe: bool = False
    """Only record: no route answers."""
    max_body_bytes: int = 10 * 1024 * 1024
    """Longest request body; a longer one is answered with 413."""
    max_depth: int = 64
    """Deepest nesting of a request body."""
    max_connections: int = 4096
    """Connections of callers that one worker holds; further ones are answered with 503 and closed."""
    litellm_config: Path | None = None
    """A LiteLLM config.yaml whose model_list is served beside [models]."""
    admin: bool = True
    """Answer the admin API, for admin keys alone."""
    admin_key_env: str = "MODICUM_ADMIN_KEY"
    """The environment variable that may hold an admin key: `mk-` and 32 characters or more in all. It is kept nowhere."""
    tap: bool = True
    """Take in traces at /v1/traces and LiteLLM's callbacks at /v1/tap, as calls that were answered elsewhere."""
    header_timeout_s: float = 10.0
    """Seconds that a client may take for its request's head."""
    body_timeout_s: float = 30.0
    """Seconds that a client may take for its request's body."""
    drain_s: float = 30.0
    """Seconds that SIGTERM waits for replies under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """Who answers."""

    control_share: float = 0.05
    """Share of conversations that a recorded coin keeps with the incumbent once a route is on."""
    degraded: bool = False
    """In an outage of every provider, let a live route answer below its threshold, marked `degraded`."""
    slow_ms: float = 50.0
    """A stage that takes longer three times in a row rests for 10 s or more; its calls go to a provider. 0: it may take any time."""
    model_timeout_s: float = 10.0
    """Where a route's stage is another model: so long it may take to answer, then the call goes to the incumbent."""
    compare_usd_day: float = 5.0
    """Most dollars a day for asking other models what is only compared: in shadow, and for conversations that the coin keeps."""
    settle_minutes: float = 60.0
    """Conversations that are under way when a route takes a step forward stay where they were for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryConfig:
    """What is told to others about what happens here. Nothing is sent anywhere unless an endpoint is named."""

    otlp_endpoint: str = ""
    """Base URL of an OTLP/HTTP collector for traces and metrics; OTEL_EXPORTER_OTLP_ENDPOINT where empty."""
    content: bool = False
    """Put messages into traces (redacted as in the store)."""
    metrics: bool = True
    """Answer GET /metrics."""
    log: Literal["text", "json"] = "text"
    """How lines on standard error are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """What must hold before anything is proposed."""

    margin: float = 0.01
    """Most of the distinct requests that may get an answer that differs (A) or is worse (B)."""
    confidence: float = 0.95
    """How sure a certificate is, at least."""
    max_selective: float = 0.05
    """Most of the answered requests that may differ (A) or be worse (B)."""
    min_coverage: float = 0.10
    """Least share of the requests that a certificate must let the small model answer."""
    min_label_groups: int = 5
    """Labels with fewer certify groups go to the incumbent."""
    max_labels: int = 0
    """Ask people for at most so many labels, of differing requests drawn at random, which then speak for the rest; 0: for all that B can
    use, up to a tenth of the requests."""
    max_size_bytes: int = 4_000_000
    """Largest specialist without an encoder."""
    encoder: Path | None = None
    """Folder of a Hugging Face encoder (safetensors), or `hf:ORG/MODEL@COMMIT`. Where it is named, `fit` tries it, and a chain with it, if
    that may pay. Naming one of the hub's allows `fit` to ask the hub for it, once."""
    encoder_minutes: float = 0.0
    """Minutes that fine-tuning the encoder may take a workload, estimated for one core; 0: the encoder stays as it is."""
    max_encoder_bytes: int = 40_000_000
    """Largest specialist with an encoder."""
    drift_agreement: float = 0.98
    """Least share of requests on which an encoder in int8 must say what it says in full precision, else more bits are kept."""
    drift_loss: float = 0.004
    """Most of its right answers that fewer bits may cost."""
    objective: Literal["smallest", "cheapest", "fastest"] = "smallest"
    """Which candidate that would pass is tested: the smallest no larger one beats by `worth_usd_month`, what saves most, the quickest."""
    worth_usd_month: float = 10.0
    """Dollars a month that a larger specialist must save beyond a smaller one."""
    max_latency_ms: float = 0.0
    """Most CPU time of an answer, mean, in ms; 0: no limit."""
    min_quality: float = 0.0
    """Least share of the requests on which a candidate must say what the incumbent said."""
    expires_days: int = 90
    """Days after which a certificate no longer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """What this organisation allows."""

    may_receive: tuple[str, ...] = ()
    """Who may be sent recorded calls beside this machine: a provider's name in [providers], or a host; with "@SCOPE" behind it, calls of
    that scope alone."""
    approver: bool = False
    """Somebody other than its proposer must approve a route (`modicum route approve`) before callers get its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig:
    """How `modicum report` counts money. Prices are in dollars; a rate is never fetched."""

    currency: str = ""
    """Show money in this currency (ISO 4217: MYR, EUR); dollars where empty."""
    rate: str = ""
    """Units of it for one US dollar: "4.7"."""
    rate_source: str = ""
    """Where the rate is from; it stands beside the figures."""
    rate_as_of: str = ""
    """The day of the rate, YYYY-MM-DD."""
    threshold: str = ""
    """What a month may cost, with its currency: "MYR 3000"."""
    label_usd: str = "0.08"
    """What it costs to have one answer called right or wrong."""
    cpu_hour_usd: str = "0.05"
    """What an hour of one processor core costs: by it an answer of ours has a price."""
    hour_usd: str = "60"
    """What an hour of somebody's work costs."""
    agreed: tuple[str, ...] = ()
    """Providers whose terms this organisation has agreed to, as the price list names them (openai, groq); empty: not said."""
    own_only: bool = False
    """Shortlists: nothing may be sent to a provider that does not see it today."""
    region: str = ""
    """Where calls must stay, in the operator's words: "EU"."""
    target_ms: float = 0.0
    """An answer that takes longer does no good, where costs are by good answers; 0: any time will do."""
    target_error: float = 0.0
    """The share of answers that may be wrong, or of calls that may stay unresolved, there; 0: none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything together, and where each value came from."""

    store: StoreConfig = StoreConfig()
    redact: RedactConfig = RedactConfig()
    upstream: UpstreamConfig = UpstreamConfig()
    retry: RetryConfig = RetryConfig()
    serve: ServeConfig = ServeConfig()
    route: RouteConfig = RouteConfig()
    fit: FitConfig = FitConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    policy: PolicyConfig = PolicyConfig()
    watch: WatchConfig = WatchConfig()
    report: ReportConfig = ReportConfig()
    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    """[providers.NAME], beside `upstream`."""
    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    """[models."NAME"]: names that callers may ask for. Any other goes to `upstream`, or by its prefix `provider/`."""
    prices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """[prices."MODEL"], or "PROVIDER/MODEL", each also with "@TIER": input_usd_mtok, output_usd_mtok, cache_read_usd_mtok, ...
    (PRICE_KEYS), source, read (the day on which it was read)."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """section.key -> default, file, environment or flag."""

    @property
    def home(self) -> Path:
        return self.store.home


SECTIONS = {
    "store": StoreConfig,
    "redact": RedactConfig,
    "upstream": UpstreamConfig,
    "retry": RetryConfig,
    "serve": ServeConfig,
    "route": RouteConfig,
    "fit": FitConfig,
    "telemetry": TelemetryConfig,
    "policy": PolicyConfig,
    "watch": WatchConfig,
    "report": ReportConfig,
}
NAMED = {"providers": ProviderConfig, "models": ModelConfig}
"""Sections that hold one record a name."""
PRICE_KEYS = (
    "input_usd_mtok",
    "output_usd_mtok",
    "cache_read_usd_mtok",
    "cache_write_usd_mtok",
    "cache_write_1h_usd_mtok",
    "audio_input_usd_mtok",
    "audio_output_usd_mtok",
    "request_usd",
    "source",
    "read",
)
