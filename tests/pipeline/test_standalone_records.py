"""The scripts that travel with an extractor or a tool caller answer as the program does, in a process without it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends import pieces
from modicum.backends.specialist import load
from modicum.pipeline import standalone
from modicum.train import call, extract, ladder
from modicum.train.export import in_memory
from modicum.train.joining import Part
from modicum.train.linear import Trained
from modicum.workload import number
from tests.train import test_call
from tests.train.orders import as_samples, orders
from tests.train.test_reading import learnt, read, taught

TEXTS = (
    "",
    "Please send me 1,200.50 lamps, this is Ann Berg from Osaka <EMAIL_1>",
    "٣٫٥ lamps\n8５ Größen, 卡片 \ud800",
    "send back lamps " * 600,
)


@cache
def called() -> call.Learnt:
    samples = test_call.samples(200)
    return call.learn(samples, test_call.CONTRACT, groups=range(200), max_size_bytes=600_000, seed=1)


MADE = {
    "extractor": lambda: extract.assemble(learnt()),
    "extractor with an encoder": lambda: extract.assemble(learnt(), Part.whole(taught(learnt()), len(learnt().samples))),
    "caller": lambda: call.assemble(called()),
    "caller with an encoder": lambda: call.assemble(called(), taught(called())),
    "ladder": lambda: ladder.fit(extract.assemble(learnt()), read(), learnt().samples, max_size_bytes=10_000_000),
}


@pytest.mark.parametrize("name", MADE)
def test_scripts_answer_as_we_do(tmp_path: Path, name: str) -> None:
    trained: Trained = MADE[name]()
    kind = name.split()[0]
    for file, data in {**trained.files, **standalone.scripts(kind)}.items():
        (tmp_path / file).write_bytes(data)
    asked = [dict(one.slots) for one in (*as_samples(orders(25, seed=5)), *test_call.samples(15, seed=6))]
    asked += [{"user.0": text} for text in TEXTS]
    ours = "import sys; sys.modules['modicum'] = None; import runpy; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{ours}; runpy.run_path(sys.argv[0], run_name='__main__')",
            str(tmp_path),
            str(tmp_path / f"run_{kind}.py"),
        ],
        input="\n".join(map(json.dumps, asked)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    specialist = load(in_memory(trained.files))
    for slots, line in zip(asked, done.stdout.splitlines(), strict=True):
        told = specialist.predict(tuple(slots.items()))
        assert json.loads(line) == {"value": told.value, "confidence": told.confidence}, slots


@cache
def scripts() -> ModuleType:
    """`run_pieces`, imported as it stands in a bundle."""
    sys.path.insert(0, str(Path(standalone.__file__).parent))
    try:
        import run_pieces  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    found: ModuleType = run_pieces
    return found


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="aA0 19.,-%$€\u0301\u4e00\u0e01\n\u00a0٣８", max_size=60))
def test_scripts_read_texts_as_we_do(text: str) -> None:
    ours, theirs = pieces.cut(text), scripts().cut(text)
    assert [(one.start, one.end, one.folded) for one in ours] == theirs
    assert pieces.look(text, ours, "s") == scripts().look(text, theirs, "s")
    assert number.number(text) == scripts().number(text)
