"""Modicum: the smallest model that passes, for every kind of call you make to a large language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modicum.version import __version__

if TYPE_CHECKING:
    from modicum.gateway.library import Answer, Modicum

__all__ = ["Answer", "Modicum", "__version__"]


def __getattr__(name: str) -> Any:
    """The library front, loaded when it is first asked for: importing this package loads nothing."""
    if name in ("Answer", "Modicum"):
        from modicum.gateway import library

        return getattr(library, name)
    raise AttributeError(f"module 'modicum' has no attribute {name!r}")
