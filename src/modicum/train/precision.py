"""An encoder's graph in fewer bits: int8, int8 but for the operators that bear it worst, float16, float32.

Float16 halves what is kept and not the time: weights are kept in it and widened when the graph is loaded, for a CPU has few kernels of it.
Needs onnx and onnxruntime's quantiser, imported where they are used.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modicum.errors import MissingExtraError

Precision = Literal["int8", "mixed", "fp16", "fp32"]
PRECISIONS: tuple[Precision, ...] = ("int8", "mixed", "fp16", "fp32")
"""From the smallest to the one that is exact."""
LEFT_OUT = 8
"""Of so many operators with weights one stays in float32 where the precision is mixed: the worst."""
QUANTISED = ("MatMul", "Gather", "Gemm")
SMALL = 1_024
"""Numbers of a tensor that is not worth its conversion."""

Floats = npt.NDArray[np.float32]


def lower(graph: bytes, precision: Precision, *, leave: Sequence[str] = ()) -> bytes:
    """A float32 graph in a precision; `leave` names the operators that stay as they are where it is mixed."""
    if precision == "fp32":
        return graph
    return _halved(graph) if precision == "fp16" else _int8(graph, leave=leave if precision == "mixed" else ())


def sensitive(graph: bytes, embed: Callable[[bytes], Floats]) -> list[str]:
    """The operators that should stay in float32, the worst first: each is quantised alone, and the vectors (texts, width) that `embed`
    gets from such a graph are compared with those of the whole."""
    exact = embed(graph)
    names = _weighted(graph)
    errors = {name: float(np.square(embed(_int8(graph, only=[name])) - exact).sum()) for name in names}
    worst = sorted(names, key=lambda name: (-errors[name], name))
    return worst[: -(-len(worst) // LEFT_OUT)]


def _int8(graph: bytes, *, leave: Sequence[str] = (), only: Sequence[str] = ()) -> bytes:
    """Weights in int8 with one scale a column, activations as they come. One scale a matrix costs four times the drift at the same size."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError:
        raise MissingExtraError.of("encoder-train", "quantising an encoder") from None
    with tempfile.TemporaryDirectory(prefix="modicum-") as folder:
        before, after = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        before.write_bytes(graph)
        level = logging.root.manager.disable
        logging.disable(logging.WARNING)  # it advises a step that changes nothing for these graphs
        try:
            quantize_dynamic(
                before,
                after,
                per_channel=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(leave) or None,
                nodes_to_quantize=list(only) or None,
            )
        finally:
            logging.disable(level)
        return after.read_bytes()


def _halved(graph: bytes) -> bytes:
    """Weights in float16, each widened before it is used."""
    onnx = _onnx()
    model = onnx.load_model_from_string(graph)
    kept, added = [], []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.data_type != onnx.TensorProto.FLOAT or values.size < SMALL or np.abs(values).max() > np.finfo(np.float16).max:
            kept.append(tensor)
            continue
        kept.append(onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_half"))
        added.append(onnx.helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*added, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    written: bytes = model.SerializeToString()
    return written


def _weighted(graph: bytes) -> list[str]:
    """Names of the operators that hold weights which int8 makes smaller."""
    model = _onnx().load_model_from_string(graph)
    large = {tensor.name for tensor in model.graph.initializer if int(np.prod(tensor.dims)) >= SMALL}
    return [node.name for node in model.graph.node if node.op_type in QUANTISED and node.name and large & set(node.input)]


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise MissingExtraError.of("encoder-train", "quantising an encoder") from None
    return onnx
