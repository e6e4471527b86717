"""Read an answer by its workload's contract. Never raises on an answer, whatever it holds.

The same function reads for training, for certifying and for shadow comparison, so that all three mean the same by
"the incumbent's answer".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.types import Contract
from modicum.wire.chat import Answer
from modicum.workload import record, spoken
from modicum.workload.bare import bare, fold, light, refuses, strip_affix
from modicum.workload.letters import UNSPACED, WORD
from modicum.workload.number import number

_CUT = ("length", "max_tokens", "content_filter")
_HEDGE = re.compile(r"\s*(?:,\s*)?(?:(?:or|oder|ou|o|atau|или|أو|या|அல்லது|/)\s|(?:または|或者?)\s?)")
_OR = frozenset(("or", "oder", "ou", "o", "atau", "/", "and/or", "أو", "अथवा", "या", "அல்லது"))
_NO_SPACES = re.compile(f"[{UNSPACED}]")
_NAMED = 4_000


@dataclass(frozen=True, slots=True)
class _Lookup:
    labels: dict[str, str]
    named: re.Pattern[str] | None
    """Any label in a folded text, the longest first."""


def read(contract: Contract, answer: Answer, slots: Sequence[tuple[str, str]] = ()) -> str | None:
    """The canonical value of an answer, or None where it is unread, a refusal or cut off.

    label: as spelled in `contract.labels`. number: canonical digits. object: JSON with sorted keys, compact.
    tool: JSON {"name", "arguments"}, a list of them where there are several. text: the content itself.
    """
    if contract.kind == "tool":
        return _read_tool(answer)
    text = answer.content
    if not text or answer.refusal or answer.tool_calls:
        return None
    cut = answer.finish_reason in _CUT
    match contract.kind:
        case "label":
            return _read_label(contract, text, slots, cut)
        case "number":
            return None if cut else _read_number(contract, text)
        case "object":
            return None if cut else _read_object(contract, text)
        case _:
            return None if cut else text


def classifiable(contract: Contract) -> str | None:
    """None where a classifier over `contract.labels` can serve the contract, else why not: free_text, spans, tools, open_numbers."""
    if contract.kind == "tool":
        return "tools"
    if contract.kind == "text":
        return "free_text"
    if contract.labels:
        return None
    if contract.kind == "number":
        return "open_numbers"
    kinds = {field.kind for field in contract.fields}
    if "span" in kinds:
        return "spans"
    return "open_numbers" if "number" in kinds and "text" not in kinds else "free_text"


def _read_tool(answer: Answer) -> str | None:
    if not answer.tool_calls or answer.finish_reason in _CUT:
        return None
    calls = []
    for name, arguments in answer.tool_calls:
        parsed = record.parse(arguments)
        calls.append({"arguments": arguments if parsed is None else parsed, "name": name})
    return record.canonical(calls[0] if len(calls) == 1 else calls)


def _read_number(contract: Contract, text: str) -> str | None:
    value = _number_at(contract, text)
    if value is None or not contract.labels or value in contract.labels:
        return value
    return None


def _number_at(contract: Contract, text: str) -> str | None:
    text = strip_affix(text, contract.form)
    pieces = [bare(text) if len(text) <= 400 else ""]
    if contract.reader == "first":
        pieces += [spoken.first(text) or ""]
    elif contract.reader in ("last", "search"):
        pieces += [spoken.last(text) or ""]
    elif contract.reader == "emphasis":
        pieces += [spoken.emphasis(text) or ""]
    return next((found for piece in pieces if (found := number(piece)) is not None), None)


def _read_object(contract: Contract, text: str) -> str | None:
    found = record.parse(strip_affix(text, contract.form))
    if found is None:
        found = record.parse(text)
    if found is None:
        return None
    value = record.canonical(found)
    return _lookup(contract.labels, True).labels.get(value.casefold(), value)


def _read_label(contract: Contract, text: str, slots: Sequence[tuple[str, str]], cut: bool) -> str | None:
    lookup = _lookup(contract.labels, False)
    labels = lookup.labels
    stripped = strip_affix(text, contract.form)
    value = labels.get(fold(light(stripped[:1000]))) or labels.get(fold(spoken.whole(stripped) or ""))
    if value is not None:
        return None if cut else value  # a label that fills the answer may be the start of a longer one
    if contract.reader in ("first", "search"):
        value = _first(stripped, labels)
        if value is not None:
            return value
    if refuses(text):
        return None
    if contract.reader == "last" or (contract.reader == "search" and not cut):
        value = labels.get(fold(spoken.last(stripped) or ""))
        if value is not None:
            return value
    if contract.reader in ("emphasis", "search"):
        value = _emphasised(stripped, labels, slots)
        if value is not None:
            return value
    return _search(contract, stripped, lookup) if contract.reader == "search" else None


def _first(text: str, labels: dict[str, str]) -> str | None:
    for opening in spoken.clauses(text):
        value = labels.get(fold(opening))
        if value is not None:
            return value
    words = fold(bare(text[:400])[:160]).split(" ")
    for count in range(min(spoken.MOST_WORDS, len(words) - 1), 0, -1):
        value = labels.get(" ".join(words[:count]).strip("*\"'`.:;,…"))
        if value is not None:
            return None if words[count] in _OR else value
    return None


def _emphasised(text: str, labels: dict[str, str], slots: Sequence[tuple[str, str]]) -> str | None:
    found = {value for snippet in spoken.snippets(text) if (value := labels.get(fold(snippet))) is not None}
    if len(found) == 1:
        return found.pop()
    first = spoken.emphasis(text, slots)
    return labels.get(fold(first)) if first and len(found) > 1 else None


def _search(contract: Contract, text: str, lookup: _Lookup) -> str | None:
    """The only label named; else the one behind a cue. Two offered as alternatives are none."""
    if lookup.named is None:
        return None
    folded = fold(text[:_NAMED])
    found = list(lookup.named.finditer(folded))
    named = {match[0] for match in found}
    if len(named) == 1:
        return lookup.labels.get(named.pop())
    for cue in contract.cues:
        behind = [match for match in found if folded[: match.start()].rstrip(" \"'*`:“‘「").endswith(cue)]
        if behind:
            chosen = behind[-1]
            if _HEDGE.match(folded[chosen.end() :]):
                return None
            return lookup.labels.get(chosen[0])
    return None


@functools.lru_cache(maxsize=256)
def _lookup(labels: tuple[str, ...], records: bool) -> _Lookup:
    if records:
        return _Lookup({label.casefold(): label for label in labels}, None)
    table: dict[str, str] = {}
    for label in labels:
        table.setdefault(fold(label), label)
    table.pop("", None)
    if not table:
        return _Lookup({}, None)
    pattern = "|".join(map(_edged, sorted(table, key=len, reverse=True)))
    return _Lookup(table, re.compile(f"(?:{pattern})"))


def _edged(label: str) -> str:
    """The label as a whole word. A script without spaces has no edges of words to look for."""
    before = "" if _NO_SPACES.match(label[0]) else f"(?<!{WORD})"
    after = "" if _NO_SPACES.match(label[-1]) else f"(?!{WORD})"
    return f"{before}{re.escape(label)}{after}"


def named(contract_labels: tuple[str, ...], text: str) -> list[str]:
    """Folded labels in the order in which a text names them."""
    lookup = _lookup(contract_labels, False)
    return [match[0] for match in lookup.named.finditer(fold(text[:_NAMED]))] if lookup.named else []
