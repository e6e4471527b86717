"""Prometheus's text format 0.0.4, read: samples by name and labels. What a line means is for others to say.

Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modicum.errors import InputError

MOST_BYTES = 16 * 1024 * 1024
MOST_SAMPLES = 200_000
LONGEST_LINE = 20_000
Labels = tuple[tuple[str, str], ...]
"""Sorted by their names."""
Samples = Mapping[str, Mapping[Labels, float]]

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(,|(?=\}))')
_VALUE = re.compile(r"\s+([+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|Inf|inf|NaN|nan))(?:\s+-?\d+)?\s*")
_ESCAPED = re.compile(r"\\(.)")


def samples(body: bytes) -> Samples:
    """The samples of a scrape; of two with one name and labels the later one. Raises InputError where it is none."""
    if len(body) > MOST_BYTES:
        raise InputError(f"more than {MOST_BYTES:,} bytes of figures")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the figures are not text") from None
    found: dict[str, dict[Labels, float]] = {}
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        count += 1
        if len(line) > LONGEST_LINE or count > MOST_SAMPLES:
            raise InputError(f"line {number} of the figures is longer, or one more, than is read")
        name, labels, value = _sample(line, number)
        found.setdefault(name, {})[labels] = value
    return found


def _sample(line: str, number: int) -> tuple[str, Labels, float]:
    named = _NAME.match(line)
    if named is None:
        raise InputError(f"line {number} of the figures is no sample")
    at, labels = named.end(), {}
    if line[at : at + 1] == "{":
        at += 1
        while line[at : at + 1] != "}":
            pair = _LABEL.match(line, at)
            if pair is None:
                raise InputError(f"line {number} of the figures has labels that are none")
            labels[pair[1]] = _ESCAPED.sub(_one, pair[2])
            at = pair.end()
        at += 1
    value = _VALUE.fullmatch(line, at)
    if value is None:
        raise InputError(f"line {number} of the figures has no value")
    return named[0], tuple(sorted(labels.items())), float(value[1])


def _one(escaped: re.Match[str]) -> str:
    return "\n" if escaped[1] == "n" else escaped[1]
