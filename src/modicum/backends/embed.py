"""Texts to vectors by an exported encoder: a tokenizer, an ONNX graph, pooling. One thread, no network, no torch.

The graph gives one vector a token (batch, tokens, width); pooling and length are done here. Needs the extra `encoder`
(onnxruntime, tokenizers), which is imported when an encoder is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.errors import ArtefactError, MissingExtraError

GRAPH_FILE = "encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"
MAX_TOKENS = 8_192
MAX_WIDTH = 16_384
KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")

Floats = npt.NDArray[np.float32]


class Embedding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the graph of an artefact is to be used."""

    pooling: Literal["mean", "cls"]
    """The mean of all tokens' vectors, or the first token's."""
    max_tokens: int
    """Longer texts are read from their beginning and, where `tail` is set, from their end."""
    width: int
    tail: bool = True
    prefix: str = ""
    """Stands before each text, where the encoder was trained so (`query: `)."""


class Embedder:
    """An encoder, loaded and checked. Raises ArtefactError where the files are none, MissingExtraError without the extra."""

    def __init__(self, artefact: Artefact, how: Embedding) -> None:
        if not (4 <= how.max_tokens <= MAX_TOKENS and 1 <= how.width <= MAX_WIDTH):
            raise ArtefactError(f"encoder of {artefact.digest}: {how.max_tokens} tokens, width {how.width}: out of range")
        for name in (GRAPH_FILE, TOKENIZER_FILE):
            if name not in artefact.files:
                raise ArtefactError(f"artefact {artefact.digest} has no {name}")
        self.how = how
        self._tokenizer = _tokenizer(artefact)
        self._session = _session(artefact)
        self._inputs = [one.name for one in self._session.get_inputs()]
        if not set(self._inputs) <= set(KNOWN_INPUTS) or "input_ids" not in self._inputs:
            raise ArtefactError(f"{GRAPH_FILE} of {artefact.digest}: inputs {self._inputs} are not those of an encoder")

    def embed(self, text: str) -> Floats:
        """The vector of one text, shape (width,), of length 1. Raises ArtefactError where the graph is not what it says."""
        ids = self._ids(text)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.arange(ids.shape[1], dtype=np.int64)[None],
        }
        try:
            tokens = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        except Exception as error:  # onnxruntime raises classes of its own, by what went wrong inside
            raise ArtefactError(f"{GRAPH_FILE}: {str(error)[:200]}") from None
        if tokens.ndim != 3 or tokens.shape[2] != self.how.width:
            raise ArtefactError(f"{GRAPH_FILE} gives {tokens.shape}, not (1, tokens, {self.how.width})")
        vector = tokens[0, 0] if self.how.pooling == "cls" else tokens[0].mean(axis=0, dtype=np.float32)
        return unit(np.asarray(vector, dtype=np.float32))

    def embed_many(self, texts: Sequence[str]) -> Floats:
        """The vectors of many, shape (texts, width): each as `embed` gives it, to the last bit.

        One by one: in a batch an int8 graph rounds by the batch's largest value, and padding changes sums.
        """
        vectors = np.empty((len(texts), self.how.width), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self.embed(text)
        return vectors

    def _ids(self, text: str) -> npt.NDArray[np.int64]:
        """Token ids, shape (1, tokens): all of them, or the head and the tail of a text that is too long."""
        encoded = self._tokenizer.encode(self.how.prefix + text)
        ids: list[int] = encoded.ids
        most = self.how.max_tokens
        if len(ids) > most:
            # The marks at both ends are kept: what is cut is text.
            ids = ids[: most // 2] + ids[len(ids) - (most - most // 2) :] if self.how.tail else [*ids[: most - 1], ids[-1]]
        return np.array([ids or [0]], dtype=np.int64)


def unit(vector: Floats) -> Floats:
    """The same direction at length 1; a vector of zeros stays."""
    length = float(np.sqrt(vector @ vector))
    return vector / np.float32(length) if length > 0 else vector


def _tokenizer(artefact: Artefact) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError.of("encoder", "running an encoder") from None
    try:
        tokenizer = Tokenizer.from_str(artefact.files[TOKENIZER_FILE].decode())
    except Exception as error:  # the library raises plain Exception
        raise ArtefactError(f"{TOKENIZER_FILE} of {artefact.digest}: {str(error)[:200]}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(artefact: Artefact) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError.of("encoder", "running an encoder") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(artefact.files[GRAPH_FILE], options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own
        raise ArtefactError(f"{GRAPH_FILE} of {artefact.digest}: {str(error)[:200]}") from None
