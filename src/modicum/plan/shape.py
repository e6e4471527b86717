"""What of a language model decides its memory and its speed: how many parameters, how many work on one token, and what a token leaves in
the cache. Built from numbers or from a card of the catalogue; `hub` builds it from a `config.json`.

Only shapes: nothing here knows what a model can do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from modicum.catalog.card import Card
from modicum.errors import InputError

LARGEST = 10**15
"""No figure of a shape is larger; what is, is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A transformer, as far as memory and time go. None is unknown, and what needs it is then left out and said."""

    name: str
    parameters: int
    """All of them."""
    active: int
    """Those that work on one token: all, unless there are experts."""
    layers: int
    """Layers whose attention keeps keys and values. Recurrent layers, which keep a state of fixed size, do not count."""
    kv_heads: int
    head_size: int
    latent: int | None = None
    """Multi-head latent attention: numbers kept a token and layer in the place of keys and values (its rank plus the rotary part)."""
    window: int | None = None
    """Tokens that a sliding-window layer looks back."""
    windowed_layers: int = 0
    """How many of the layers slide."""
    heads: int | None = None
    """Query heads."""
    hidden: int | None = None
    inner: int | None = None
    """Width of the feed-forward network, of all the experts that one token passes."""
    vocabulary: int | None = None
    tied: bool = False
    """The table of embeddings is also the output layer."""
    experts: int | None = None
    experts_active: int | None = None
    context: int | None = None
    """Tokens that it was made for."""
    precision: str | None = None
    """What its weights are published in."""

    def __post_init__(self) -> None:
        for field in ("parameters", "active", "layers", "head_size"):
            if not 0 < getattr(self, field) <= LARGEST:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}, which no model has")
        if self.active > self.parameters:
            raise InputError(f"{self.name}: more parameters work on a token ({self.active:,}) than there are ({self.parameters:,})")
        if self.kv_heads < 1 and self.latent is None:
            raise InputError(f"{self.name}: neither key-value heads nor a latent size")
        if not 0 <= self.windowed_layers <= self.layers:
            raise InputError(f"{self.name}: {self.windowed_layers} of {self.layers} layers slide")
        if self.windowed_layers and not self.window:
            raise InputError(f"{self.name}: layers slide, and no window is given")

    @property
    def embedding(self) -> int:
        """Parameters of one table of embeddings, 0 where unknown."""
        return (self.vocabulary or 0) * (self.hidden or 0)

    @property
    def head(self) -> int:
        """Parameters of the output layer: as many as the table has."""
        return self.embedding

    @property
    def looked_up(self) -> int:
        """Parameters that are only looked up, a row a token: a table of embeddings that is not the output layer too."""
        return 0 if self.tied else self.embedding

    @property
    def dense(self) -> bool:
        return self.active == self.parameters


def from_card(card: Card) -> Shape:
    """What the catalogue knows. Raises InputError where that is too little to say anything."""
    weights = card.weights
    if weights is None:
        raise InputError(
            f"the weights of {card.id} are not open: it runs at its provider alone",
            hint="`modicum plan --here` lists what this machine can run, `modicum models list --open` all open weights",
        )
    layers = weights.kv_layers or weights.layers
    latent = None if weights.latent_size is None else weights.latent_size + (weights.rope_size or 0) + (weights.index_size or 0)
    missing = [
        name
        for name, value in (
            ("parameters", weights.parameters),
            ("layers", layers),
            ("kv_heads", weights.kv_heads or latent),
            ("head_size", weights.head_size or latent),
        )
        if not value
    ]
    if (missing or not weights.parameters or not layers) and card.kind not in ("llm", "guard"):
        article = "an" if card.kind[0] in "aeiou" else "a"
        raise InputError(
            f"{card.id} is {article} {card.kind}: plans are of models that write",
            hint="it keeps nothing of what it read, and needs little more than the bytes of its weights",
        )
    if missing or not weights.parameters or not layers:
        raise InputError(
            f"the catalogue does not know {', '.join(missing)} of {card.id}", hint="give its config.json, or its numbers: 8b:32x8x128"
        )
    sliding = min(weights.window_layers or 0, layers) if weights.window_tokens else 0
    wide = widths().get(card.id, {})
    experts = wide.get("experts")
    return Shape(
        name=card.id,
        parameters=weights.parameters,
        active=weights.active_parameters or _active(weights.parameters, weights.layers or layers, wide),
        layers=layers,
        kv_heads=weights.kv_heads or 0,
        head_size=weights.head_size or (latent or 1),
        latent=latent,
        window=weights.window_tokens if sliding else None,
        windowed_layers=sliding,
        heads=wide.get("heads"),
        hidden=wide.get("hidden"),
        inner=wide["inner"] * wide.get("taken", 1) if "inner" in wide else None,
        vocabulary=wide.get("vocabulary"),
        tied=bool(wide.get("tied")),
        experts=experts,
        experts_active=wide.get("taken") if experts else None,
        context=card.limits.context_tokens if card.limits else None,
        precision=weights.precision,
    )


def _active(parameters: int, layers: int, wide: Mapping[str, int]) -> int:
    """What works on one token where the card does not say: all but the experts that it passes by; all where their widths are unknown.

    Taken as if every layer had experts, of three matrices each.
    """
    if not {"experts", "taken", "hidden", "inner"} <= wide.keys():
        return parameters
    return parameters - layers * 3 * wide["hidden"] * wide["inner"] * (wide["experts"] - wide["taken"])


@lru_cache(maxsize=1)
def widths() -> Mapping[str, Mapping[str, int]]:
    """Widths by the id of a card, from `widths.toml`, which says where they were read."""
    text = (resources.files("modicum.plan") / "widths.toml").read_text(encoding="utf-8")
    return {model: row for read in tomllib.loads(text)["read"] for model, row in read["models"].items()}


def from_numbers(text: str) -> Shape:
    """`8b:32x8x128` is 8 billion parameters, 32 layers, 8 key-value heads of size 128; `30b/3b:48x4x128` has 3 billion at work.

    Raises InputError.
    """
    size, _, rest = text.partition(":")
    total, _, at_work = size.partition("/")
    try:
        layers, kv_heads, head_size = (int(part) for part in rest.split("x"))
        parameters = _count(total)
        active = _count(at_work) if at_work else parameters
    except ValueError:
        raise InputError(
            f"'{text[:80]}' is no model in numbers", hint="8b:32x8x128 is parameters:layers x key-value heads x head size"
        ) from None
    return Shape(name=text, parameters=parameters, active=active, layers=layers, kv_heads=kv_heads, head_size=head_size)


def looks_like_numbers(text: str) -> bool:
    size, colon, _ = text.partition(":")
    return bool(colon) and size[:1].isdigit()


def _count(text: str) -> int:
    """8b, 1.5b, 500m or a plain number. Raises ValueError."""
    scale = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}.get(text[-1:].lower())
    value = float(text[:-1]) * scale if scale else float(text)
    if not 0 < value <= LARGEST:
        raise ValueError(text)
    return int(value)
