"""Scripts that travel with an exported specialist and run it without this program.

They are written to a bundle as they stand and import nothing of this package; the tests hold their answers to those of `backends`, to the
last bit.
"""

from __future__ import annotations

from pathlib import Path

_SCRIPTS = {
    "linear": ("run_linear.py",),
    "encoder": ("run_encoder.py", "run_linear.py"),
    "chain": ("run_chain.py", "run_encoder.py", "run_linear.py"),
}
_NEEDS = {"linear": "numpy", "encoder": "numpy, onnxruntime and tokenizers", "chain": "numpy, onnxruntime and tokenizers"}


def scripts(kind: str) -> dict[str, bytes]:
    """What runs a specialist of this kind, by file name, the one to start first; nothing where no script can."""
    return {name: (Path(__file__).parent / name).read_bytes() for name in _SCRIPTS.get(kind, ())}


def needs(kind: str) -> str:
    """What its script needs, in words."""
    return _NEEDS.get(kind, "")
