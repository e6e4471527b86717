"""Texts as sets of shingles: hashes of three tokens in a row, digits masked, both ends of a text visible.

Tokens: a run of letters, digits and `_`; one character of a script written without spaces; a run of newlines; one other
character. Tokens that hold a digit are one symbol. Spaces do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from modicum.workload.letters import MARKS, UNSPACED

RUN = rf"[^\W{UNSPACED}]+(?:[{MARKS}]+[^\W{UNSPACED}]*)*"
"""Letters, digits and `_`, each with the marks that belong to it."""
TOKEN = re.compile(rf"[{UNSPACED}]|{RUN}|\n+|\S")
_DIGIT = re.compile(r"\d")
_CHUNK = 400_000
"""Tokens held as Python objects at a time."""
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_START, _END, _NUMBER = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_MIX = tuple(np.uint64(value) for value in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53, 0x2545F4914F6CDD1D, 0xD6E8FEB86659FD93))


class _Hashes(dict[str, int]):
    """Token -> 64-bit hash, the same on every machine and in every order."""

    def __missing__(self, token: str) -> int:
        if _DIGIT.search(token):
            return _NUMBER
        value = int.from_bytes(blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        if len(self) < 500_000:
            self[token] = value
        return value


def shingle(texts: Iterable[str | tuple[str, str]], tag: int) -> tuple[U64, I64]:
    """(hash, text number) of each distinct shingle of each text, by text; `tag` keeps segments apart. A pair is read as two texts in one.

    Hashes have 32 bits: a chance meeting of a rare shingle with a frequent one is one in a million.
    """
    hashes = _Hashes()
    codes: list[U64] = []
    flat: list[int] = []
    lengths: list[int] = []
    base = 0
    for text in texts:
        before = len(flat)
        for part in (text,) if isinstance(text, str) else text if text[0] != text[1] else text[:1]:
            flat += (_START, _START)
            flat += map(hashes.__getitem__, TOKEN.findall(part))
            flat += (_END, _END)
        lengths.append(len(flat) - before)
        if len(flat) >= _CHUNK:
            codes.append(_codes(flat, lengths, base, tag))
            base += len(lengths)
            flat, lengths = [], []
    codes.append(_codes(flat, lengths, base, tag))
    joined = np.concatenate(codes)
    return joined & np.uint64(0xFFFFFFFF), (joined >> np.uint64(32)).astype(np.int64)


def _codes(flat: list[int], lengths: list[int], base: int, tag: int) -> U64:
    """Distinct (text number << 32 | hash)."""
    if len(flat) < 3:
        return np.empty(0, np.uint64)
    tokens = np.array(flat, dtype=np.uint64)
    owner = np.repeat(np.arange(base, base + len(lengths), dtype=np.uint64), lengths)
    a, b, c = tokens[:-2], tokens[1:-1], tokens[2:]
    mixed = (a * _MIX[0]) ^ (b * _MIX[1] + (b >> np.uint64(29))) ^ (c * _MIX[2] + np.uint64(tag))
    mixed ^= mixed >> np.uint64(31)
    mixed *= _MIX[3]
    mixed >>= np.uint64(32)
    # a window that runs from one text into the next holds an end before a start
    inside = (
        (owner[:-2] == owner[2:])
        & ~((a == np.uint64(_END)) & (c == np.uint64(_START)))
        & ~((b == np.uint64(_END)) & (c == np.uint64(_START)))
    )
    return _distinct((owner[:-2][inside] << np.uint64(32)) | mixed[inside])


def _distinct(values: U64) -> U64:
    """Sorted distinct values; sorting is faster here than the hash table of np.unique."""
    values = np.sort(values)
    return values[np.r_[True, values[1:] != values[:-1]]] if len(values) else values


def draws(call_ids: Iterable[str]) -> Iterator[bytes]:
    """24 random bytes a call, from its id alone: results do not depend on the order of the log."""
    for call_id in call_ids:
        yield blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=24, key=b"modicum minhash").digest()
