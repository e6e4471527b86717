"""Scripts that travel with an exported specialist and run it without this program.

They are written to a bundle as they stand and import nothing of this package; the tests hold their answers to those of `backends`, to the
last bit.
"""

from __future__ import annotations

from pathlib import Path

_RECORD = ("run_record.py", "run_pieces.py", "run_letters.py", "run_linear.py", "run_reader.py")
_SCRIPTS = {
    "linear": ("run_linear.py",),
    "encoder": ("run_encoder.py", "run_linear.py"),
    "chain": ("run_chain.py", "run_encoder.py", "run_linear.py"),
    "extractor": ("run_extractor.py", *_RECORD),
    "caller": ("run_caller.py", "run_extractor.py", *_RECORD),
    "ladder": ("run_ladder.py", "run_caller.py", "run_extractor.py", *_RECORD),
}
_ENCODER = "numpy, onnxruntime and tokenizers"
_PERHAPS = "numpy; where it has an encoder, onnxruntime and tokenizers"
_NEEDS = {"linear": "numpy", "encoder": _ENCODER, "chain": _ENCODER, "extractor": _PERHAPS, "caller": _PERHAPS, "ladder": _ENCODER}


def scripts(kind: str) -> dict[str, bytes]:
    """What runs a specialist of this kind, by file name, the one to start first; nothing where no script can."""
    return {name: (Path(__file__).parent / name).read_bytes() for name in _SCRIPTS.get(kind, ())}


def needs(kind: str) -> str:
    """What its script needs, in words."""
    return _NEEDS.get(kind, "")
