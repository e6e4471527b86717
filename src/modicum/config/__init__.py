"""Every setting: one frozen record a section, from flag, `MODICUM_SECTION__KEY`, `modicum.toml`, default, in this order.

The only room that reads the environment. Secrets are named here (`api_key_env`), never written.
"""

from modicum.config.environment import hub, secret, use_one_thread
from modicum.config.load import load
from modicum.config.sections import (
    NAMED,
    PRICE_KEYS,
    SECTIONS,
    Config,
    DeploymentConfig,
    FitConfig,
    ModelConfig,
    PolicyConfig,
    ProviderConfig,
    RedactConfig,
    ReportConfig,
    RetryConfig,
    RouteConfig,
    ServeConfig,
    StoreConfig,
    TelemetryConfig,
    UpstreamConfig,
)
from modicum.config.watching import WatchConfig

__all__ = [
    "NAMED",
    "PRICE_KEYS",
    "SECTIONS",
    "Config",
    "DeploymentConfig",
    "FitConfig",
    "ModelConfig",
    "PolicyConfig",
    "ProviderConfig",
    "RedactConfig",
    "ReportConfig",
    "RetryConfig",
    "RouteConfig",
    "ServeConfig",
    "StoreConfig",
    "TelemetryConfig",
    "UpstreamConfig",
    "WatchConfig",
    "hub",
    "load",
    "secret",
    "use_one_thread",
]
