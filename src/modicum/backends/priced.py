"""What prices hold for a configuration: the operator's own, those of a LiteLLM file, and which list each provider has. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from modicum.backends import litellm
from modicum.catalog.daily import Overrides, kinds_of
from modicum.config import Config, UpstreamConfig


def priced(config: Config) -> tuple[Overrides, Mapping[str, str | None]]:
    """Prices as `[prices]` has them, and each provider's name in the list of prices. Raises ConfigError, MissingExtraError."""
    if config.serve.litellm_config is None:
        return config.prices, kinds_of(config)
    taken = set(config.providers)
    if config.upstream != UpstreamConfig():
        taken.add(config.upstream.kind if config.upstream.kind not in taken else "upstream")
    found = litellm.read(config.serve.litellm_config, taken=frozenset(taken), retry=config.retry)
    others = {name: row for name, row in found.prices.items() if name.partition("/")[2] not in config.prices}
    return {**others, **config.prices}, kinds_of(config, found.providers)
