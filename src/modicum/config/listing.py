"""Every setting as it may be shown: its value and where it came from, and no secret that somebody wrote into one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from modicum.config.sections import SECTIONS, Config

HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it holds."""

    name: str
    value: str
    origin: str
    """flag, environment variable NAME, a file, or default."""


def listing(config: Config) -> Iterator[Setting]:
    """Every setting of every section; of providers and models what was written, of prices each figure."""
    for section, record in SECTIONS.items():
        for field in dataclasses.fields(record):
            name = f"{section}.{field.name}"
            yield Setting(name=name, value=_shown(getattr(getattr(config, section), field.name)), origin=config.origins[name])
    for section, named in (("providers", config.providers), ("models", config.models)):
        for title, row in named.items():
            for field in dataclasses.fields(row):
                name = f"{section}.{title}.{field.name}"
                if name in config.origins:
                    yield Setting(name=name, value=_shown(getattr(row, field.name)), origin=config.origins[name])
    for model, prices in config.prices.items():
        for key, value in prices.items():
            yield Setting(name=f'prices."{model}".{key}', value=value, origin="file")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):  # headers to a provider: their values may be keys
        return ", ".join(f"{name}: {HIDDEN}" for name in value)
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return ", ".join(f"{one.model} ({one.weight:g})" for one in value)
    text = str(value)
    return _without_login(text) if "://" in text and "@" in text else text


def _without_login(url: str) -> str:
    """A URL without what stands before its host."""
    try:
        found = urlsplit(url)
        return found._replace(netloc=f"{HIDDEN}@{found.netloc.rpartition('@')[2]}").geturl() if "@" in found.netloc else url
    except ValueError:
        return HIDDEN
