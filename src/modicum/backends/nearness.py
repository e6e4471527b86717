"""Texts as small whole-number vectors, how near two of them are, and what must be the same in two texts that mean the same.

Without an encoder a text's words, pairs of words and character n-grams are hashed into a vector of fixed width; with one its vector is
rounded. All sums are of whole numbers, so two machines find the same neighbours.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter

import numpy as np
import numpy.typing as npt

from modicum.backends.features import extract, fold
from modicum.workload.sameness import composed

HASH_WIDTH = 1024
LARGEST = 127
MOST_WIDTH = (1 << 24) // (LARGEST * LARGEST)
"""Up to this width a product of two vectors is exact in float32: 1,040."""

Vector = npt.NDArray[np.float32]
"""Whole numbers from -127 to 127."""

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_TURNS = frozenset(
    "no not never none nothing nobody neither nor without cannot except unless stop undo "
    "kein keine keinen nicht nie niemals ohne nein pas non sans jamais aucun aucune ni ne sin nunca jamás ningún ninguna tampoco "
    "não nao nunca sem nem senza mai nessun niet geen zonder nooit tidak bukan jangan tanpa nie bez "
    "above below before after over under more less fewer greater smaller higher lower increase decrease raise reduce up down on off "
    "enable disable activate deactivate open close start begin end add remove buy sell accept reject approve deny allow block lock unlock "
    "hot cold first last earlier later maximum minimum most least incoming outgoing in out from to until since".split()
)
"""Words that turn what a sentence says: negations of some languages, and the halves of common English opposites."""


def hashed(text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The buckets that a text's features fall into, and each bucket's signed count."""
    words, grams, _ = extract(text)
    found: dict[int, int] = {}
    for feature, times in Counter(words + grams).items():
        number = zlib.crc32(feature.encode())
        bucket, sign = number % HASH_WIDTH, 1 if number & 0x8000_0000 else -1
        found[bucket] = found.get(bucket, 0) + sign * times
    return np.fromiter(found, np.int64, len(found)), np.fromiter(found.values(), np.float64, len(found))


def weighed(buckets: npt.NDArray[np.int64], counts: npt.NDArray[np.float64], rarity: npt.NDArray[np.float64]) -> Vector:
    """The vector of hashed features; `rarity` is a weight for each bucket."""
    whole = np.zeros(len(rarity))
    whole[buckets] = np.sign(counts) * np.log1p(np.abs(counts)) * rarity[buckets]
    return rounded(whole)


def rounded(vector: npt.NDArray[np.floating]) -> Vector:
    """The same direction in whole numbers, the largest of which is 127; a vector of zeros stays."""
    largest = float(np.abs(vector).max(initial=0.0))
    return np.rint(vector * (LARGEST / largest)).astype(np.float32) if largest > 0 else np.zeros(len(vector), np.float32)


def nearness(vectors: Vector, lengths: npt.NDArray[np.float64], vector: Vector) -> npt.NDArray[np.float64]:
    """Cosines of `vector`, or of its rows, to the rows of `vectors`, whose Euclidean lengths are `lengths`; 0 where one has none."""
    products = (vector @ vectors.T).astype(np.float64)
    scale = np.sqrt((vector * vector).sum(axis=-1, keepdims=True, dtype=np.float64)) * lengths
    near: npt.NDArray[np.float64] = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    return near


def turns(text: str, *, numbers: bool) -> int:
    """A hash of what must be the same in two texts that are to mean the same: words that turn it, and its numbers. Never raises."""
    text = composed(fold(text)[0], "NFKC").replace("\u2019", "'")
    found = []
    for word in _WORD.findall(text):
        if word.endswith("n't") or word in ("dont", "doesnt", "didnt", "cant", "wont", "isnt", "arent", "wasnt"):
            found.append("not")
        elif word in _TURNS:
            found.append(word)
    if numbers:
        found += sorted(_NUMBER.findall(text))
    return zlib.crc32("\0".join(found).encode())
