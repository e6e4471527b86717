"""The readers of label answers: where in an answer the label stands. Each gives the piece, not yet looked up.

`whole`: the answer is the label. `first`: it comes first, reasons follow. `last`: it comes last. `emphasis`: it is the
first bold, quoted or coded snippet that is no copy of a slot. `search` looks for known labels (read.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modicum.workload.bare import bare, light

MOST_WORDS = 8
_MOST_CHARS = 80
_CLAUSE = re.compile(r"\n|[.!?;](?=\s|$)|[:,](?=\s)| [-–—] | \(|[。！？；：，、（،؛؟।۔]| because | since | sebab | kerana | karena ")
_SNIPPET = re.compile(
    r"\*\*([^*\n]{1,80})\*\*|`([^`\n]{1,80})`|\"([^\"\n]{1,80})\"|“([^”\n]{1,80})”|[「【『《]([^」】』》\n]{1,80})[」】』》]|(?<!\w)'([^'\n]{1,80})'(?!\w)"
)


def short(text: str) -> str | None:
    """The text where it could be a label: one line of at most 8 words and 80 characters."""
    return text if text and len(text) <= _MOST_CHARS and "\n" not in text and text.count(" ") < MOST_WORDS else None


def whole(text: str) -> str | None:
    return short(bare(text[:400])) if len(text) <= 400 else None


def clauses(text: str) -> Iterator[str]:
    """The openings of a text: its first line, then up to each of the first six clause ends, shortest last."""
    text = light(text[:4000])[:400]
    line = text.split("\n", 1)[0]
    yield bare(line)
    body = bare(text)
    ends = [found.start() for found, _ in zip(_CLAUSE.finditer(body), range(6), strict=False)]
    for end in reversed(ends):
        yield bare(body[:end])


def first(text: str) -> str | None:
    """The first line where it is short and has no inner clause, else the first clause."""
    head = bare(light(text[:4000])[:400])
    found = _CLAUSE.search(head)
    return short(bare(head[: found.start()] if found else head))


def last_line(text: str) -> str:
    return text[-2000:].strip().strip("`").rstrip().rpartition("\n")[2].strip()


def last(text: str) -> str | None:
    """Emphasis in the last line, else what stands after its lead or last colon."""
    line = last_line(text)
    if len(line) > 400:
        return None
    snippets = [found for found in _snippets(line) if not found.endswith(":")]
    if snippets and not short(bare(line)):
        return short(bare(snippets[-1]))
    value = bare(line)
    _, colon, behind = value.rpartition(": ")
    return short(bare(behind)) if colon else short(value)


def emphasis(text: str, slots: Sequence[tuple[str, str]] = ()) -> str | None:
    """The first emphasised snippet that no slot holds word for word."""
    for snippet in _snippets(text[:4000]):
        if not any(snippet in value for _, value in slots):
            value = short(bare(snippet))
            if value:
                return value
    return None


def snippets(text: str) -> list[str]:
    """All emphasised, quoted and coded snippets, bare."""
    return [bare(found) for found in _snippets(text[:4000])]


def _snippets(text: str) -> list[str]:
    return [next(filter(None, found.groups()), "") for found in _SNIPPET.finditer(text)]
