"""What a request and an answer look like, in numbers: length, figures, arithmetic that holds or does not, an end that was cut off.

Read by the scorer beside its words. General to text of any subject; nothing here knows a task. Linear in the text, of which only the head
and the tail are read, and never raises.
"""

from __future__ import annotations

import math
import re

from modicum.backends.features import clip

TRAITS_VERSION = 1
MOST = 1e15
"""Figures beyond are read as this: their logarithm is what counts."""
REACH = 80
"""Characters before an equals sign that may be its sum."""
CLOSE = 0.006
"""How far a result may be from what its terms give, of itself: two decimals of rounding."""

_FIGURE = re.compile(r"(?:(?<=[\s(=+*/×÷$€£<>])-)?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_TERM = r"[$€£]?\d[\d,]*(?:\.\d+)?%?"
_SUM = re.compile(rf"(?:{_TERM}\s*[-+*/×÷x]\s*)+{_TERM}\s*$")
_RESULT = re.compile(r"\s*[<$€£]*\s*(-?[$€£]?\d[\d,]*(?:\.\d+)?)(?![\d.,]*\s*[-+*/×÷x]\s*[$€£]?\d)")
"""No result is followed by an operator: `3 + 4 = 5 + 2` says of neither side what it gives."""
_PART = re.compile(r"(\d[\d,]*(?:\.\d+)?)(%?)|([-+*/×÷x])")
_SENTENCE = re.compile(r"[.!?。！？]+(?:\s|$)")
_WORD = re.compile(r"\w+")
_BRACKETS = ("()", "[]", "{}", "<>")

OF_A_TEXT = (
    *("characters", "words", "sentences", "lines", "figures", "distinct figures", "largest figure", "smallest figure", "broken figures"),
    *("percent signs", "currency signs", "commas", "brackets", "equals signs", "question marks", "capitals", "length of a word"),
    *("length of a sentence", "length of a line", "share of distinct words"),
)
OF_AN_ANSWER = (
    *("length against the request", "request's words used", "request's figures used", "new figures", "sums that hold", "sums that do not"),
    *("share of sums that hold", "last figure", "last figure is whole", "last figure is negative", "last figure stands in the request"),
    *("last figure stood before", "last figure is a sum's result", "last figure against the request's largest", "ends a sentence"),
    *("ends in a figure", "words of the last line", "brackets left open", "marks a result"),
)


def of_request(text: str) -> list[float]:
    """The traits of a request, as named by `OF_A_TEXT`."""
    return _shape(clip(text))


def of_answer(request: str, answer: str) -> list[float]:
    """The traits of an answer: `OF_A_TEXT`, then what it is beside its request, `OF_AN_ANSWER`."""
    asked, told = clip(request), clip(answer)
    return _shape(told) + _beside(asked, told)


def figures(text: str) -> list[float]:
    """The numbers that are written in a text, in order."""
    return [_figure(found) for found in _FIGURE.findall(text)]


def sums(text: str) -> list[tuple[float, float]]:
    """(what the terms give, what is written as their result) of each sum such as `3 * 4 + 1 = 13`."""
    found = []
    for at in (place for place, mark in enumerate(text) if mark == "="):
        terms = _SUM.search(text, max(at - REACH, 0), at)
        result = _RESULT.match(text, at + 1, at + REACH)
        value = _value(terms.group()) if terms and result else None
        if value is not None and result is not None:
            found.append((value, _figure(result.group(1))))
    return found


def _shape(text: str) -> list[float]:
    found, words = figures(text), text.split()
    sizes = [abs(one) for one in found]
    sentences, lines = max(len(_SENTENCE.findall(text)), 1), [line for line in text.split("\n") if line.strip()]
    return [
        math.log1p(len(text)),
        math.log1p(len(words)),
        float(sentences),
        float(len(lines)),
        float(len(found)),
        float(len(set(found))),
        math.log1p(max(sizes, default=0.0)),
        math.log1p(min(sizes, default=0.0)),
        float(sum(one != math.floor(one) for one in found)),
        float(text.count("%")),
        float(sum(map(text.count, "$€£¥"))),
        float(text.count(",")),
        float(text.count("(")),
        float(text.count("=")),
        float(text.count("?") + text.count("？")),
        float(sum(word[0].isupper() for word in words)),
        sum(map(len, words)) / max(len(words), 1),
        len(words) / sentences,
        len(text) / max(len(lines), 1),
        len(set(words)) / max(len(words), 1),
    ]


def _beside(asked: str, told: str) -> list[float]:
    given, found, worked = figures(asked), figures(told), sums(told)
    words, said = set(_WORD.findall(asked.lower())), set(_WORD.findall(told.lower()))
    holds = sum(_near(value, result) for value, result in worked)
    last = found[-1] if found else 0.0
    end = told.rstrip()
    final = end.rsplit("\n", 1)[-1]
    return [
        math.log1p(len(told)) - math.log1p(len(asked)),
        len(words & said) / max(len(words), 1),
        len(set(given) & set(found)) / max(len(set(given)), 1),
        float(len(set(found) - set(given))),
        float(holds),
        float(len(worked) - holds),
        holds / len(worked) if worked else 0.5,
        math.log1p(abs(last)),
        float(bool(found) and last == math.floor(last)),
        float(last < 0),
        float(last in given),
        float(last in found[:-1]),
        float(any(_near(last, result) for _, result in worked)),
        math.log1p(abs(last)) - math.log1p(max(map(abs, given), default=0.0)),
        float(end[-1:] in (".", "!", "?", "。", "！", "？", ")", '"')) if end else 0.0,
        float(end[-1:].isdigit()),
        float(len(final.split())),
        float(sum(abs(told.count(pair[0]) - told.count(pair[1])) for pair in _BRACKETS)),
        float(final[:1] in ("#", "*", "=", ">") or ":" in final),
    ]


def _figure(text: str) -> float:
    value = float(text.replace(",", "").translate(_NO_SIGNS))
    return max(-MOST, min(value, MOST))


_NO_SIGNS = str.maketrans("", "", "$€£")


def _near(value: float, other: float) -> bool:
    return abs(value - other) <= CLOSE * max(1.0, abs(other))


def _value(terms: str) -> float | None:
    """What terms joined by + - * / give, products first; None where something is divided by nothing."""
    total, product, sign, by = 0.0, 0.0, 1.0, ""
    for figure, percent, operator in _PART.findall(terms):
        if figure:
            term = _figure(figure) / (100 if percent else 1)
            if by == "/" and term == 0:
                return None
            product = product / term if by == "/" else product * term if by == "*" else term
        elif operator in "+-":
            total, sign, by = total + sign * product, 1.0 if operator == "+" else -1.0, ""
        else:
            by = "/" if operator in "/÷" else "*"
    value = total + sign * product
    return value if math.isfinite(value) else None
