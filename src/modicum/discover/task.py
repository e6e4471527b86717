"""The kind of task, told from the contract and the words of the instruction. A hint for readers: nothing is decided by it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modicum.types import Contract, TaskKind

_GROUND = "(?:passages?|context|documents?|sources?|excerpts?|knowledge base)"
_CUES: tuple[tuple[TaskKind, re.Pattern[str]], ...] = (
    ("translate", re.compile(r"\btranslat|\bübersetz|\btradu[cizs]|翻译|翻訳|ترجم", re.IGNORECASE)),
    (
        "summarise",
        re.compile(r"\bsummar|\btl;?dr\b|\bcondense|\bshorten|zusammenfass|\brésum|\bresum[ei]|要約|总结|摘要|لخص", re.IGNORECASE),
    ),
    (
        "retrieve-and-answer",
        re.compile(
            rf"\b{_GROUND}\b.{{0,200}}\b(?:answer|question|cite)|\b(?:answer|question|cite).{{0,200}}\b{_GROUND}\b",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    ("extract", re.compile(r"\bextract|\bkeywords?\b|\bentit(?:y|ies)\b|\bcopy the\b|抽出|提取|استخرج", re.IGNORECASE)),
)
_SCORE = re.compile(r"\b(?:rate|rating|score|grade|scale|stars?)\b|\bbewert|\bnot[ae]\b|\bpuntu|评分|採点|قيّم", re.IGNORECASE)


def tell_task(contract: Contract, literals: Sequence[str]) -> TaskKind:
    """The kind of task of a workload."""
    words = " ".join(literal[:4_000] for literal in literals)
    if contract.kind == "tool":
        return "tool"
    if contract.kind == "label":
        return "classify"
    if contract.kind == "number":
        return "score" if contract.labels or _SCORE.search(words) else "generate"
    cue = next((kind for kind, pattern in _CUES if pattern.search(words)), None)
    if contract.kind == "object":
        kinds = {field.kind for field in contract.fields}
        if kinds <= {"label", "boolean"}:
            return "classify"
        if kinds <= {"number"} and _SCORE.search(words):
            return "score"
        return "extract" if "span" in kinds or cue == "extract" else cue or "generate"
    return cue or "generate"
