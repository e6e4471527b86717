"""A Hugging Face encoder on disk to what `backends.embed` runs: an ONNX graph in the precision asked for, and its tokenizer.

Weights are read from safetensors only and no code of the model's repository is run. Needs torch, transformers and onnx, each
imported where it is used.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modicum.backends.embed import GRAPH_FILE, TOKENIZER_FILE, Embedding
from modicum.errors import InputError, MissingExtraError
from modicum.train.base_names import name_of
from modicum.train.precision import Precision, lower

OPSET = 17
WEIGHTS = "model.safetensors"
LONGEST_PREFIX, LONGEST_CARD = 400, 65_536
E5 = re.compile(r"(multilingual-)?e5-(small|base|large)(-v2)?$")
SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0"}
"""The hub's words for licences that have an SPDX name of another spelling."""
MAX_HEADER_BYTES = 16 * 1024 * 1024
MAX_TOKENS = 256
"""Of longer texts the head and the tail are read, unless more is asked for: cost grows with the square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An encoder as it was found: nothing of it is loaded yet."""

    folder: Path
    name: str
    """Hub id, or what the folder tells (`base_names`)."""
    revision: str
    """Commit on the hub; empty for a folder."""
    weights_sha256: str
    parameters: int
    """Without its largest table, which is that of its words: what the work of reading a token follows from."""
    width: int
    pooling: Literal["mean", "cls"]
    max_tokens: int
    prefix: str = ""
    licence: str = ""
    """SPDX, or the hub's word; empty: unknown."""

    @property
    def embedding(self) -> Embedding:
        """How its graph is to be used."""
        return Embedding(pooling=self.pooling, max_tokens=self.max_tokens, width=self.width, prefix=self.prefix)

    def about(self) -> dict[str, Any]:
        """What a manifest says of it."""
        said = {"base": self.name, "base_revision": self.revision, "base_weights_sha256": self.weights_sha256}
        return said | ({"base_licence": self.licence} if self.licence else {})


def find(folder: Path, *, name: str = "", revision: str = "", max_tokens: int = MAX_TOKENS, sha256: str | None = None) -> Base:
    """The encoder in a folder as transformers and sentence-transformers write it. Raises InputError where there is none.

    `sha256`: what its weights must be.
    """
    weights, tokenizer = folder / WEIGHTS, folder / TOKENIZER_FILE
    for file in (folder / "config.json", weights, tokenizer):
        if not file.is_file():
            raise InputError(f"{folder} holds no {file.name}", hint="an encoder with safetensors weights and a fast tokenizer is needed")
    config = _json(folder / "config.json")
    width, positions = config.get("hidden_size") or config.get("dim"), config.get("max_position_embeddings", 512)
    if not isinstance(width, int) or not isinstance(positions, int):
        raise InputError(f"{folder}/config.json does not say how wide the encoder is")
    with weights.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if sha256 is not None and found != sha256:
        raise InputError(f"{weights} has sha256 {found}, not {sha256}", hint="the weights are not those that were pinned")
    name = name or name_of(folder)
    pooled = _json(folder / "1_Pooling" / "config.json") if (folder / "1_Pooling" / "config.json").is_file() else {}
    return Base(
        folder=folder,
        name=name,
        revision=revision,
        weights_sha256=found,
        parameters=_parameters(weights),
        width=width,
        pooling="cls" if pooled.get("pooling_mode_cls_token") is True else "mean",
        max_tokens=min(max_tokens, positions - 2),
        prefix=_prefix(folder, name),
        licence=_licence(folder / "README.md"),
    )


def load(base: Base) -> Any:
    """The encoder as a torch module without its pooler, ready to be trained or exported. Raises InputError, MissingExtraError."""
    try:
        import transformers
    except ImportError:
        raise MissingExtraError.of("encoder-train", "training an encoder") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    settings: dict[str, Any] = {
        "use_safetensors": True,
        "trust_remote_code": False,
        "local_files_only": True,
        "attn_implementation": "eager",
    }
    try:
        try:
            return transformers.AutoModel.from_pretrained(base.folder, add_pooling_layer=False, **settings).float().eval()
        except TypeError:  # an architecture that never has one
            return transformers.AutoModel.from_pretrained(base.folder, **settings).float().eval()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{base.folder} cannot be loaded as an encoder: {str(error)[:300]}") from None


def export(model: Any, base: Base, precision: Precision = "int8") -> dict[str, bytes]:
    """The files of an `Embedder`: the graph of `model`, as `load` gives it, and the tokenizer of its folder."""
    graph = _graph(model)
    return {GRAPH_FILE: lower(graph, precision), TOKENIZER_FILE: (base.folder / TOKENIZER_FILE).read_bytes()}


def _graph(model: Any) -> bytes:
    """In float32: token ids in, one vector a token out."""
    import torch

    takes = ["input_ids", "attention_mask"]
    if getattr(model.config, "type_vocab_size", 0):
        takes.append("token_type_ids")

    class Tokens(torch.nn.Module):  # type: ignore[misc]  # torch is not looked into
        """Positional inputs and one output, which is what the exporter can name."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(takes, values, strict=True)), return_dict=True).last_hidden_state

    sample = torch.ones((1, 8), dtype=torch.int64)
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own successor
        torch.onnx.export(
            Tokens().eval(),
            tuple(torch.zeros_like(sample) if name == "token_type_ids" else sample for name in takes),
            written,
            input_names=takes,
            output_names=["tokens"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*takes, "tokens")},
            opset_version=OPSET,
            dynamo=False,
        )
    return written.getvalue()


def _prefix(folder: Path, name: str) -> str:
    """What stands before a text that is to be classified: as sentence-transformers notes it, or as the family of E5 was trained."""
    noted = folder / "config_sentence_transformers.json"
    said = _json(noted) if noted.is_file() else {}
    prompts = said.get("prompts")
    prompt = prompts.get(said.get("default_prompt_name") or "query") if isinstance(prompts, dict) else None
    if isinstance(prompt, str) and len(prompt) <= LONGEST_PREFIX:
        return prompt
    return "query: " if E5.match(name.rsplit("/", 1)[-1].lower()) else ""


def _licence(card: Path) -> str:
    """From the front matter of a model card."""
    try:
        with card.open(encoding="utf-8", errors="replace") as opened:
            head = opened.read(LONGEST_CARD).split("\n---", 1)[0]
    except OSError:
        return ""
    found = (
        re.search(r"^license:[ \t]*[\"']?([A-Za-z0-9][A-Za-z0-9.+-]{0,60})[\"']?[ \t\r]*$", head, re.MULTILINE)
        if head.startswith("---")
        else None
    )
    return SPDX.get(found[1].lower(), found[1]) if found else ""


def _parameters(weights: Path) -> int:
    """From the header of a safetensors file: 8 bytes of its length, and JSON. Raises InputError where it is none."""
    with weights.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        try:
            header: dict[str, Any] = json.loads(opened.read(min(length, MAX_HEADER_BYTES)))
            sizes: list[int] = [math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, AttributeError, KeyError, TypeError):
            raise InputError(f"{weights} is no safetensors file") from None
    return sum(sizes) - max(sizes, default=0)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {error}") from None
    return found if isinstance(found, dict) else {}
