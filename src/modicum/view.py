"""The canonical text that discover, train and serve all see, versioned.

Today it is the identity; redaction will live here. A certificate names the view it was made under, and a request seen
through another one defers.
"""

from __future__ import annotations

VIEW_VERSION = "1"


def view(text: str) -> str:
    """The text as every model of ours sees it."""
    return text
