"""Which prices hold for a configuration."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config, ProviderConfig, ServeConfig, UpstreamConfig

DAY = datetime(2026, 10, 15, tzinfo=UTC).date()
FILE = """
model_list:
  - model_name: mini
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-1}
  - model_name: own
    litellm_params: {model: openai/gpt-4o-mini, api_base: "http://127.0.0.1:9/v1", api_key: sk-2, input_cost_per_token: 0.000001}
  - model_name: claude
    litellm_params: {model: anthropic/claude-opus-4-1, api_key: sk-3}
"""


def test_upstream_is_known_by_the_name_of_its_kind() -> None:
    _, kinds = priced(Config())
    assert kinds["openai"] == kinds["upstream"] == "openai"
    own = UpstreamConfig(url="http://127.0.0.1:9/v1")
    assert priced(Config(upstream=own))[1]["openai"] == ""  # the name of the model must say whose price it is
    section = {"openai": ProviderConfig()}
    _, kinds = priced(Config(upstream=own, providers=section))
    assert (kinds["openai"], kinds["upstream"]) == ("openai", "")
    assert priced(Config(upstream=UpstreamConfig(kind="vllm", url="http://127.0.0.1:9/v1")))[1]["vllm"] is None


def test_what_runs_at_ones_own_server_has_no_list_price() -> None:
    catalogue = Catalogue(*priced(Config(upstream=UpstreamConfig(kind="vllm", url="http://127.0.0.1:9/v1"))))
    assert catalogue.price("gpt-4o", DAY, provider="vllm") is None
    assert catalogue.price("gpt-4o", DAY, provider="openai") is not None


def test_a_litellm_file_says_its_prices_and_who_its_providers_are(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(FILE)
    own, kinds = priced(Config(serve=ServeConfig(litellm_config=file), prices={"claude-opus-4-1": {"input_usd_mtok": "7"}}))
    assert own["openai_compatible/gpt-4o-mini"]["input_usd_mtok"] == "1" and own["claude-opus-4-1"] == {"input_usd_mtok": "7"}
    assert (kinds["openai"], kinds["anthropic"], kinds["openai_compatible"]) == ("openai", "anthropic", None)
    catalogue = Catalogue(own, kinds)
    prices = [catalogue.price("gpt-4o-mini", DAY, provider=name) for name in ("openai", "openai_compatible")]
    assert [price and price.input_usd_mtok for price in prices] == [Decimal("0.15"), Decimal(1)]
