"""The samples of a workload: priced as the report prices calls."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config, StoreConfig
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from tests.pipeline import traffic


def test_a_usage_that_cannot_be_prices_no_sample(tmp_path: Path) -> None:
    rows = [row for row, _ in traffic.sorted_messages(60)]
    for number, tokens in ((3, 10**12), (4, 300_000)):
        rows[number]["response"]["usage"] = {"prompt_tokens": tokens, "completion_tokens": 1}
    (tmp_path / "log.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    config = Config(store=StoreConfig(home=tmp_path / "home"))
    bring_in(config, [tmp_path / "log.jsonl"])
    (workload,) = find(config)
    control = Control(config.home)
    found = gather(
        Calls(config.home), workload, recogniser_of(control, workload.scope), Catalogue(*priced(config)), Views.open(config)
    ).samples
    assert len(found) == 60
    assert sum(one.cost_usd is None for one in found) == 2
    assert all(one.cost_usd < 1 for one in found if one.cost_usd is not None)
