"""Lines of a stream, never more in memory than the longest allowed."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from modicum.intake.lines import lines


@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=12), st.integers(1, 9), st.booleans())
def test_lines_do_not_depend_on_how_the_stream_is_cut(some: list[bytes], step: int, ended: bool) -> None:
    body = b"\n".join(some) + (b"\n" if ended and some else b"")
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    numbered = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line]
    found = list(lines(pieces, longest=8))
    assert [number for number, _, _ in found] == [number for number, _ in numbered]
    assert [line for _, line, _ in found] == [
        None if len(line) > 8 else line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line for number, line in numbered
    ]
    assert all(has_end for _, _, has_end in found[:-1])


def test_a_line_that_is_too_long_takes_no_memory() -> None:
    pieces = (b"x" * 65_536 for _ in range(2_000))
    tracemalloc.start()
    try:
        assert [(number, line) for number, line, _ in lines(pieces, longest=1 << 20)] == [(1, None)]
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()
