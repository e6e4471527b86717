"""How fast a model answers on a machine, by its roofline: a step takes as long as the slower of reading its bytes and doing its sums.

    prefill of T tokens    the larger of 2 x parameters at work x T over the arithmetic, and the weights over the bandwidth; attention over
                           the causal half of the context comes on top
    one step of B tokens   the larger of the weights over the bandwidth and 2 x parameters at work x B over the arithmetic; each sequence's
                           cache over the bandwidth comes on top, a call per layer, and a turn per sequence in the engine
    a round                B prefills and as many steps as an answer has tokens, B tokens each: its throughput is that of the whole
    a batch with an end    places stay full while calls wait, then empty: the last long answers are alone with the weights

(https://arxiv.org/abs/2402.16363; https://arxiv.org/abs/2211.05102.) No machine reaches its data sheet: the shares that engines do reach
are in `EFFICIENCY`, fitted on one half of published measurements and tested on the other (`benchmarks/roofline.py`, docs/plan.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from modicum.plan.machines import Machine
from modicum.plan.memory import CHUNK, cache_bytes
from modicum.plan.precision import Precision, is_gguf
from modicum.plan.shape import Shape

Engine = Literal["vllm", "tensorrt-llm", "llama.cpp"]
"""`vllm` stands for SGLang too, `llama.cpp` for what is built on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """What an engine reaches of a data sheet."""

    bandwidth: float
    compute: float
    layer_us: float
    """A step's launches, a layer."""
    sequence_us: float
    """A step's scheduling and sampling, a sequence."""
    experts: float = 0.62
    """Of `compute`, where a token goes to a few of many experts: small matrices keep a card less busy."""
    beside: float | None = None
    """Of the data sheet's arithmetic, what the further sequences of a step get where they do not ride along with the first: kernels for
    few columns at once, between those for one and those for a prompt."""


EFFICIENCY: dict[tuple[Engine, str], Efficiency] = {
    ("vllm", "ampere"): Efficiency(bandwidth=0.86, compute=0.56, layer_us=30, sequence_us=50),
    ("vllm", "ada"): Efficiency(bandwidth=0.86, compute=0.57, layer_us=30, sequence_us=50),
    ("vllm", "hopper"): Efficiency(bandwidth=0.86, compute=0.29, layer_us=30, sequence_us=50),
    ("tensorrt-llm", "any"): Efficiency(bandwidth=0.83, compute=0.71, layer_us=51, sequence_us=1),
    ("llama.cpp", "cuda"): Efficiency(bandwidth=0.81, compute=0.68, layer_us=85, sequence_us=100, beside=0.63),
    ("llama.cpp", "metal"): Efficiency(bandwidth=0.64, compute=0.55, layer_us=165, sequence_us=100, beside=0.30),
    ("llama.cpp", "rocm"): Efficiency(bandwidth=0.70, compute=0.41, layer_us=76, sequence_us=100, beside=0.30),
    ("llama.cpp", "vulkan"): Efficiency(bandwidth=0.70, compute=0.25, layer_us=49, sequence_us=100, beside=0.30),
    ("llama.cpp", "cpu"): Efficiency(bandwidth=0.70, compute=0.29, layer_us=58, sequence_us=100, beside=0.30),
}


BESIDE_MEASURED = frozenset({"cuda", "metal"})
"""Where llama.cpp was measured with several callers; elsewhere `beside` is the worse of these two."""
TESTED = (141, 0.14, 0.82)
"""(rows, median size of the error, share within 30 %) on published measurements that the factors were not fitted on; a test holds them to
`benchmarks/roofline.toml`."""


def measured_as(engine: Engine, machine: Machine) -> tuple[Engine, str]:
    """Which measurements stand for this engine on this machine: vLLM's go by the generation of the chip (one that was not measured is taken
    as Hopper), those of llama.cpp by its way to the chip."""
    if engine == "llama.cpp":
        return engine, machine.stack
    if engine == "tensorrt-llm":
        return engine, "any"
    return engine, machine.architecture if (engine, machine.architecture) in EFFICIENCY else "hopper"


def engine_for(machine: Machine, precision: Precision) -> Engine:
    """The engine that one would take: a serving engine where it runs (CUDA, ROCm in a datacentre) on formats that it reads."""
    serves = machine.stack == "cuda" or (machine.stack == "rocm" and machine.kind == "datacentre")
    return "vllm" if serves and not is_gguf(precision) else "llama.cpp"


def read_bytes(shape: Shape, precision: Precision, tokens: int) -> float:
    """Bytes of weights that a step over so many tokens reads: of experts those that any of the tokens is sent to, taken as independent."""
    read = float(shape.active if tokens <= 1 else _touched(shape, tokens)) - shape.looked_up
    if precision.tables is None:
        return read * precision.bits / 8
    return (read - shape.head) * precision.bits / 8 + shape.head * precision.tables / 8


def _touched(shape: Shape, tokens: int) -> float:
    if shape.dense:
        return float(shape.parameters)
    every, taken = shape.experts, shape.experts_active
    if every and taken and every > taken:
        one = (shape.parameters - shape.active) / (every - taken)
        fixed = shape.active - taken * one
        return fixed + one * every * (1 - (1 - taken / every) ** tokens)
    return shape.parameters * (1 - (1 - shape.active / shape.parameters) ** tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """One model on one machine, or on several cards that share each layer."""

    shape: Shape
    machine: Machine
    precision: Precision
    engine: Engine
    reached: Efficiency
    cache: str = "fp16"
    cards: int = 1

    @property
    def _bandwidth(self) -> float:
        return self.machine.bandwidth_gbs * 1e9 * self.reached.bandwidth * self.cards

    def _flops(self, arithmetic: str) -> float:
        reached = self.reached.compute * (1 if self.shape.dense else self.reached.experts)
        return self.machine.peak_flops(arithmetic) * reached * self.cards

    def prefill_s(self, tokens: float, *, before: float = 0) -> float:
        """Seconds to read a prompt of so many tokens alone, so many others standing before them in the cache."""
        return self._reading_s(1, tokens, before)

    def _reading_s(self, prompts: float, tokens: float, before: float = 0) -> float:
        """Seconds to read so many prompts of so many tokens, together in chunks."""
        shape, every = self.shape, prompts * tokens
        # The output layer is asked for the last token alone.
        linear = 2.0 * (shape.active - shape.looked_up - shape.head) * every
        seen = tokens / 2 + before
        full, sliding = shape.layers - shape.windowed_layers, shape.windowed_layers
        attention = 4.0 * self._wide * every * (full * seen + sliding * min(seen, shape.window or seen))
        chunks = max(1.0, every / CHUNK)
        weights = chunks * read_bytes(shape, self.precision, max(1, int(min(every, CHUNK)))) / self._bandwidth
        work = linear / self._flops(self.precision.arithmetic) + attention / self._flops("fp16")
        return max(work, weights) + chunks * self._launches

    def step_s(self, sequences: float, context: float) -> float:
        """Seconds for one more token of each sequence, so many tokens standing before it."""
        shape = self.shape
        work = 2.0 * (shape.active - shape.looked_up) * sequences / self._flops(self.precision.arithmetic)
        weights = read_bytes(shape, self.precision, max(1, round(sequences))) / self._bandwidth
        kept = sequences * cache_bytes(shape, round(context), self.cache) / self._bandwidth
        launched = self._launches + sequences * self.reached.sequence_us * 1e-6
        return max(work, weights) + kept + launched + self._beside_s * max(0.0, sequences - 1)

    @property
    def _beside_s(self) -> float:
        shape, share = self.shape, self.reached.beside
        if share is None:
            return 0.0
        return 2.0 * (shape.active - shape.looked_up) / (self.machine.peak_flops(self.precision.arithmetic) * share * self.cards)

    def calls_a_second(self, sequences: float, input_tokens: float, output_tokens: float) -> float:
        """Calls answered a second with so many at once."""
        return sequences / self.round_s(sequences, input_tokens, output_tokens)

    def round_s(self, sequences: float, input_tokens: float, output_tokens: float) -> float:
        """Seconds from start to end of a call with so many at once: theirs all are read, theirs all are written."""
        reading = self._reading_s(sequences, input_tokens) if input_tokens >= 1 else 0.0
        return reading + max(1.0, output_tokens) * self.step_s(sequences, input_tokens + output_tokens / 2)

    def batch_s(self, calls: int, sequences: float, input_tokens: float, output_tokens: float) -> float:
        """Seconds until the last of so many calls that come together is answered, `sequences` at once at most, answers of mixed length.

        Lengths are taken as exponential with mean `output_tokens`: while calls wait, all places are full; then places empty, and with b
        calls left the next ends after mean / b steps. The last are alone for long: 1,000 calls take 7.5 means of steps to end.
        """
        at_once = max(1, min(calls, int(sequences)))
        middle = input_tokens + output_tokens / 2
        reading = self._reading_s(calls, input_tokens) if input_tokens >= 1 else 0.0
        full = (calls - at_once) / at_once * self.step_s(at_once, middle)
        emptying = math.fsum(self.step_s(left, middle) / left for left in range(1, at_once + 1))
        return reading + max(1.0, output_tokens) * (full + emptying)

    @property
    def _wide(self) -> float:
        """Width of all query heads together."""
        shape = self.shape
        if shape.latent is not None:
            return float((shape.heads or 128) * shape.latent)
        return float((shape.heads * shape.head_size) if shape.heads else (shape.hidden or shape.kv_heads * shape.head_size))

    @property
    def _launches(self) -> float:
        return self.shape.layers * self.reached.layer_us * 1e-6


def roofline(
    shape: Shape,
    machine: Machine,
    precision: Precision,
    *,
    engine: Engine | None = None,
    cache: str = "fp16",
    cards: int = 1,
    reached: Efficiency | None = None,
) -> Roofline:
    """With the engine that one would take, unless one is named."""
    taken = engine or engine_for(machine, precision)
    return Roofline(
        shape=shape,
        machine=machine,
        precision=precision,
        engine=taken,
        reached=reached or EFFICIENCY[measured_as(taken, machine)],
        cache=cache,
        cards=cards,
    )
