"""The client is tested on both loops that it may run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    plain = {"asyncio": asyncio.new_event_loop}
    return (
        plain | {"uvloop": uvloop.new_event_loop} if item.nodeid.partition("::")[0].rpartition("/")[2].startswith("test_client") else plain
    )
