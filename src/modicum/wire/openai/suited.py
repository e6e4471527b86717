"""A chat request that was translated, in the words that one provider takes: what its API refuses, and what means the same to it.

Speakers of OpenAI's dialect differ in little things, and most refuse a whole request for one of them. What is left out here says
who asks, hints at a cache or repeats what the model thought; what asks for another answer is told in the nearest word or refused.

Read in the providers' references and in errors that their users report, 2026-11-22: Mistral answers 422 to every field that it does
not know (`user`, `store`, `metadata`, `reasoning_content`) and to ids of tool calls that are not nine letters and digits; Groq
refuses `cache_control` and `reasoning_content`; OpenAI refuses both, and ids of over 40 characters; templates of open models
know no developer and one system message at the start; DeepSeek and older servers want a text as one string.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Any

from modicum.wire.fields import untranslatable
from modicum.wire.openai.parts import REASONING

LONGEST_ID = 40
"""Characters of a tool call's id that OpenAI takes."""
_NINE = re.compile(r"[a-zA-Z0-9]{9}\Z")
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_THINKS_ON_WISH = re.compile(r"gpt-5\.[1-9]|gpt-[6-9]")
"""Models of OpenAI's that take the effort `none`."""
_ENDS_AT_HIGH = re.compile(r"(?:^|[^a-z0-9])o[134](?:-|$)|gpt-5(?:-|$)|gpt-5\.1(?:$|-(?!codex-max))")
"""Models of OpenAI's that know no effort past `high`."""


def suit(body: dict[str, Any], quirks: Collection[str]) -> dict[str, Any]:
    """A request that `write_request` made, a new object; `quirks` as the facts on providers name them.

    `max_completion_tokens`: it is OpenAI itself, which wants the limit under that name. `own_words`: it refuses what is not OpenAI's.
    `few_words`: and much of what is. `cache_marks`: it knows hints to caches and signed thoughts, as routers to other providers do.
    `no_stream_options`: it refuses that field. Raises UntranslatableError for a user's name where there is no place for one.
    """
    openai, few, marks = "max_completion_tokens" in quirks, "few_words" in quirks, "cache_marks" in quirks
    own = dict(body)
    if not openai:
        own = {("max_tokens" if name == "max_completion_tokens" else name): value for name, value in own.items()}
        if own.get("store") is False:
            del own["store"]
    left_out = {"stream_options"} if "no_stream_options" in quirks else set()
    if few:
        left_out |= {"user", "metadata"}
        if "seed" in own:
            own["random_seed"] = own.pop("seed")
    if not own.get("tools"):
        left_out |= {"parallel_tool_calls", "tool_choice"}
    own = {name: value for name, value in own.items() if name not in left_out}
    if "reasoning_effort" in own and (openai or "own_words" in quirks):
        effort = _effort(own.pop("reasoning_effort"), own["model"], openai=openai)
        own |= {"reasoning_effort": effort} if effort is not None else {}
    unknown = () if marks else ("cache_control", *(REASONING if openai or "own_words" in quirks else ("thinking_blocks",)))
    messages = [_message(message, unknown, few=few, longest=None if marks else 9 if few else LONGEST_ID) for message in own["messages"]]
    own["messages"] = messages if openai else _one_system(messages)
    if not marks and own.get("tools"):
        own["tools"] = [_without(tool, unknown) for tool in own["tools"]]
    return own


def _message(message: dict[str, Any], unknown: Collection[str], *, few: bool, longest: int | None) -> dict[str, Any]:
    own = _without(message, unknown)
    if few and "name" in own:
        if own["role"] == "user":
            raise untranslatable("messages.name")
        del own["name"]  # an assistant's says no more than its role
    if isinstance(content := own.get("content"), list):
        parts = [_without(part, unknown) for part in content]
        texts = [part["text"] for part in parts if part.keys() == {"type", "text"}]
        own["content"] = "\n".join(texts) if len(texts) == len(parts) else parts
    if longest is not None:
        if "tool_calls" in own:
            own["tool_calls"] = [_without(call, unknown) | {"id": call_id(call["id"], longest)} for call in own["tool_calls"]]
        if "tool_call_id" in own:
            own["tool_call_id"] = call_id(own["tool_call_id"], longest)
    return own


def _without(value: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in names}


def _one_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No developer, and all that the system says at the start in one message, where it is text."""
    told = [message | {"role": "system"} if message["role"] == "developer" else message for message in messages]
    start = next((n for n, message in enumerate(told) if message["role"] != "system"), len(told))
    texts = [message["content"] for message in told[:start]]
    if start < 2 or not all(isinstance(text, str) for text in texts):
        return told
    return [{"role": "system", "content": "\n\n".join(texts)}, *told[start:]]


def call_id(told: str, longest: int) -> str:
    """An id of a tool call that the provider takes, the same for the call and its result. A limit of nine means nine letters and digits."""
    if longest == 9:
        number = int.from_bytes(hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()[:8])
        return told if _NINE.match(told) else "".join(_LETTERS[number // 62**place % 62] for place in range(9))
    return told if len(told) <= longest else "call_" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _effort(effort: str, model: str, *, openai: bool) -> str | None:
    """The nearest word that the model knows; None where it thinks of its own, or cannot at all."""
    if effort == "none":
        if openai and _THINKS_ON_WISH.search(model):
            return effort
        return "minimal" if openai and re.search(r"gpt-5(?:-|$)", model) else None
    if effort in ("xhigh", "max"):
        return "high" if not openai or _ENDS_AT_HIGH.search(model) else "xhigh"
    return effort if openai or effort != "minimal" else "low"
