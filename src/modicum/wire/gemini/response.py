"""Gemini's GenerateContentResponse, both ways, with its usage and its reasons to stop.

`promptTokenCount` holds what was cached, `candidatesTokenCount` does not hold the thoughts; ours holds both. A stop that is no
answer (a malformed call, a missing signature) is an error of the provider. What only tells about an answer (safety ratings,
average log probabilities, grounding) ends here. Read in Google's API reference for v1beta, 2026-11-22.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields
from modicum.wire.gemini import parts
from modicum.wire.talk import Choice, Finish, Part, Refusal, Response, ToolUse

FINISHES: dict[str, Finish | None] = {
    "FINISH_REASON_UNSPECIFIED": None,
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ),
        "refusal",
    ),
}
"""All others say that no answer was made."""
_WRITTEN = {"stop": "STOP", "stop_sequence": "STOP", "tool_use": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}


def read(body: Mapping[str, Any]) -> Response:
    """Raises UpstreamError for what is no answer, UntranslatableError for parts that ours have no word for."""
    choices = []
    for number, candidate in enumerate(Fields(body, "", UpstreamError).each("candidates")):
        content = candidate.fields("content")
        calls: list[tuple[str, str]] = []
        found: list[Part] = [] if content is None else [ours for part in content.each("parts") for ours in parts.read(part, calls)]
        called = any(isinstance(part, ToolUse) for part in found)
        index = candidate.count("index")
        choices.append(
            (
                index if index is not None else number,
                Choice(parts=tuple(found), finish=finish(candidate, called=called), logprobs=logprobs(candidate)),
            )
        )
    if not choices:
        choices = [(0, Choice(parts=(Refusal(text=blocked(body)),), finish="refusal"))]
    return Response(
        id=text(body, "responseId") or "gemini-" + os.urandom(12).hex(),
        model=text(body, "modelVersion"),
        choices=tuple(choice for _, choice in sorted(choices, key=lambda pair: pair[0])),
        usage=usage(body.get("usageMetadata")),
    )


def text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def blocked(body: Mapping[str, Any]) -> str:
    """Why the prompt was not answered at all. Raises UpstreamError where the response does not say."""
    feedback = body.get("promptFeedback")
    reason = text(feedback, "blockReason") if isinstance(feedback, dict) else ""
    if not reason or not isinstance(feedback, dict):
        raise UpstreamError("Gemini answered without a candidate")
    return text(feedback, "blockReasonMessage") or f"The prompt was blocked: {reason}"


def finish(candidate: Fields, *, called: bool) -> Finish | None:
    """Why a candidate stopped. Raises UpstreamError for the reasons that are failures."""
    reason, message = candidate.text("finishReason"), candidate.text("finishMessage")
    if reason is None:
        return None
    if reason not in FINISHES:
        raise UpstreamError(f"Gemini stopped without an answer: {reason[:80]}" + (f", {message[:500]}" if message else ""))
    found = FINISHES[reason]
    return "tool_use" if called and found == "stop" else found


def logprobs(candidate: Fields) -> dict[str, Any] | None:
    """`logprobsResult` in the form of a chat completion."""
    result = candidate.fields("logprobsResult")
    if result is None:
        return None
    tops = [[_token(one) for one in top.each("candidates")] for top in result.each("topCandidates")]
    chosen = [_token(one) for one in result.each("chosenCandidates")]
    return {"content": [token | {"top_logprobs": tops[n] if n < len(tops) else []} for n, token in enumerate(chosen)]}


def _token(one: Fields) -> dict[str, Any]:
    token = one.text("token") or ""
    return {"token": token, "logprob": one.number("logProbability") or 0.0, "bytes": list(token.encode("utf-8", "replace"))}


def usage(counts: Any) -> Usage:
    """`usageMetadata` as ours; what is absent or absurd is unknown."""
    if not isinstance(counts, dict) or not counts:
        return Usage()
    prompt, tools = _count(counts, "promptTokenCount"), _count(counts, "toolUsePromptTokenCount")
    thoughts, said = _count(counts, "thoughtsTokenCount"), _count(counts, "candidatesTokenCount")
    total = _count(counts, "totalTokenCount")
    inputs = None if prompt is None else prompt + (tools or 0)
    if said is not None:
        outputs = said + (thoughts or 0)
    elif total is not None and inputs is not None and total >= inputs:
        outputs = total - inputs  # counts that are zero are not sent
    else:
        outputs = None
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        cache_read_tokens=_count(counts, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
        audio_input_tokens=_audio(counts.get("promptTokensDetails")),
        audio_output_tokens=_audio(counts.get("candidatesTokensDetails")),
    )


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def _audio(details: Any) -> int | None:
    if not isinstance(details, list) or not details:
        return None
    return sum(_count(one, "tokenCount") or 0 for one in details if isinstance(one, dict) and one.get("modality") == "AUDIO")


def write(response: Response) -> dict[str, Any]:
    """Raises UntranslatableError for what Gemini has no word for."""
    candidates = []
    for index, choice in enumerate(response.choices):
        content = {"role": "model", "parts": parts.write(choice.parts, {}, unsigned=False, where=f"choices[{index}]")}
        candidate: dict[str, Any] = {"content": content, "index": index}
        if choice.finish is not None:
            candidate["finishReason"] = write_finish(choice.finish)
        if choice.logprobs is not None:
            candidate["logprobsResult"] = write_logprobs(choice.logprobs)
        candidates.append(candidate)
    counts = write_usage(response.usage)
    return {"candidates": candidates, "responseId": response.id, "modelVersion": response.model} | (
        {"usageMetadata": counts} if counts else {}
    )


def write_finish(reason: Finish) -> str:
    if reason not in _WRITTEN:
        raise untranslatable(f"finish = '{reason}'", "Gemini has no words for it")
    return _WRITTEN[reason]


def write_logprobs(logprobs: Mapping[str, Any]) -> dict[str, Any]:
    tokens = logprobs.get("content") or []
    return {
        "chosenCandidates": [{"token": one["token"], "logProbability": one["logprob"]} for one in tokens],
        "topCandidates": [
            {"candidates": [{"token": top["token"], "logProbability": top["logprob"]} for top in one.get("top_logprobs") or ()]}
            for one in tokens
        ],
    }


def write_usage(usage: Usage) -> dict[str, Any]:
    """What is unknown is left out."""
    thoughts = usage.reasoning_tokens
    counts: dict[str, Any] = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "thoughtsTokenCount": thoughts,
        "candidatesTokenCount": None if usage.output_tokens is None else max(0, usage.output_tokens - (thoughts or 0)),
    }
    if usage.input_tokens is not None and usage.output_tokens is not None:
        counts["totalTokenCount"] = usage.input_tokens + usage.output_tokens
    for name, audio in (("promptTokensDetails", usage.audio_input_tokens), ("candidatesTokensDetails", usage.audio_output_tokens)):
        counts[name] = None if audio is None else [{"modality": "AUDIO", "tokenCount": audio}]
    return {name: value for name, value in counts.items() if value is not None}
