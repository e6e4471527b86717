"""What an ONNX graph may hold: nothing that reaches beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from modicum.artefact.onnx import check_onnx
from modicum.errors import ArtefactError
from tests.backends.tiny_encoder import tiny_files

GOOD = tiny_files(["one", "two"])["encoder.onnx"]


def changed(change: Any) -> bytes:
    model = ModelProto()
    model.ParseFromString(GOOD)
    change(model)
    return bytes(model.SerializeToString())


def external(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def within(model: ModelProto) -> None:
    """An external tensor in the constant of a graph in the branch of an operator."""
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [0.0])
    external(tensor)
    inner = helper.make_graph([helper.make_node("Constant", [], ["hidden"], value=tensor)], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["x"], then_branch=inner, else_branch=inner))


def nested(model: ModelProto) -> None:
    graph = helper.make_graph([], "deepest", [], [])
    for _ in range(12):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["x"], then_branch=graph)], "around", [], [])
    model.graph.node.extend(graph.node)


def function(model: ModelProto) -> None:
    model.functions.append(
        helper.make_function("local", "f", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])], [helper.make_opsetid("", 17)])
    )


HOSTILE = {
    "external weights": lambda m: external(m.graph.initializer[0]),
    "external, by its place alone": lambda m: setattr(m.graph.initializer[0], "data_location", 1),
    "external within": within,
    "deep": nested,
    "functions": function,
    "training": lambda m: m.training_info.add(),
    "loop": lambda m: m.graph.node.append(helper.make_node("Loop", ["n", "c"], ["x"])),
    "scan": lambda m: m.graph.node.append(helper.make_node("Scan", ["n"], ["x"])),
    "domain": lambda m: m.graph.node.append(helper.make_node("PyOp", ["a"], ["b"], domain="ai.onnx.contrib")),
    "unknown operator of a known domain": lambda m: m.graph.node.append(
        helper.make_node("CallPython", ["a"], ["b"], domain="com.microsoft")
    ),
    "sparse": lambda m: external(m.graph.sparse_initializer.add().values),
    "no graph": lambda m: m.ClearField("graph"),
}


def test_a_plain_graph_passes() -> None:
    check_onnx(GOOD)
    check_onnx(changed(lambda m: m.graph.node.append(helper.make_node("Gelu", ["a"], ["b"], domain="com.microsoft"))))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_beyond_the_graph_is_refused(name: str) -> None:
    with pytest.raises(ArtefactError):
        check_onnx(changed(HOSTILE[name]))


BYTES = st.one_of(
    st.binary(max_size=200),
    st.integers(0, len(GOOD)).map(lambda at: GOOD[:at]),
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda put: GOOD[: put[0]] + put[1] + GOOD[put[0] + len(put[1]) :]
    ),
)


@settings(max_examples=200, deadline=None)
@given(BYTES)
def test_any_bytes_pass_or_are_refused(data: bytes) -> None:
    try:
        check_onnx(data)
    except ArtefactError as error:
        assert error.message
