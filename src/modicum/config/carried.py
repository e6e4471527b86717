"""The settings as bytes, for another process of ours on this machine. They may hold what must not be written to a disk."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from modicum.config.sections import Config


def pack(config: Config) -> bytes:
    """All of it, origins too."""
    return msgspec.json.encode(config, enc_hook=_out)


def unpack(body: bytes) -> Config:
    """What `pack` gave."""
    return msgspec.json.decode(body, type=Config, dec_hook=_in)


def _out(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, MappingProxyType):
        return dict(value)
    raise NotImplementedError(type(value))


def _in(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
