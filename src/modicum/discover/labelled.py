"""What a log itself calls a call: the name of a prompt or a step in the request's metadata, a tag, the application that called."""

from __future__ import annotations

import functools
import re
from typing import Any

from modicum.types import Call
from modicum.workload.letters import WORD, spell

_MOST = 8
"""Labels of one call that are looked at."""
_LONGEST = 40
_KEYS = (
    "prompt_name generation_name span_name trace_name prompt task task_name feature use_case workflow operation step node route agent "
    "agent_name job tool name component function app application service project"
).split()
"""Fields of metadata, and of tags such as `feature=search`, that name what was asked for; the closer to the prompt, the earlier."""
_RANK = {key: place for place, key in enumerate(_KEYS)}
_TAG, _CLIENT = len(_KEYS), len(_KEYS) + 1
WHO = _RANK["app"]
"""From here on a label says who calls, or may: an application, a tag, a client."""
_PAIR = re.compile(r"\s*([A-Za-z][\w .-]{0,30}?)\s*[=:]\s*(\S.*)", re.DOTALL)
_SPACES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s./:|#-]+")
_APART = re.compile(rf"(?:(?!{WORD})[\s\S]|_)+")
_IDENTITY = re.compile(r"(?:[0-9a-f]{8,}|[\d-]+|v?\d[\w.-]*|(?=\w*\d\w*\d\w*\d)\w{12,}|\w{32,})")
_COMMON = frozenset(
    "prod production dev development staging stage test tests testing default main latest live user users api llm ai gpt chat openai "
    "open ai lite lang fuse graph anthropic litellm langfuse langchain langgraph runnable sequence chain run none null unknown true false "
    "call completion "
    "acompletion embedding aembedding generation request internal external".split()
)

Label = tuple[int, str]
"""How far from the prompt (the smaller, the better), and the name as it is shown."""


def labels_of(call: Call, request: dict[str, Any]) -> tuple[Label, ...]:
    """What a call is labelled with, the best first."""
    found: list[Label] = []
    metadata = request.get("metadata")
    if isinstance(metadata, dict):
        for key, value in metadata.items():
            if isinstance(value, str) and len(key) <= _LONGEST and (place := _RANK.get(_key(key))) is not None:
                found.append((place, value))
    found += (label for tag in call.tags if (label := _of_tag(tag)) is not None)
    if call.client_id:
        found.append((_CLIENT, call.client_id))
    named = sorted((place, name) for place, text in found if (name := slug(text)))
    return tuple(dict.fromkeys(named[:_MOST]))


@functools.lru_cache(maxsize=4_096)
def slug(text: str) -> str:
    """A label as a name: lower case, words of any script joined with `-`; "" for what is no name: ids, numbers, mail addresses, stages."""
    text = text.strip()
    if not text or len(text) > 3 * _LONGEST or "@" in text or "://" in text:
        return ""
    words = [word for word in _APART.split(spell(_SPACES.sub(" ", text)).lower()) if word]
    if any(_IDENTITY.fullmatch(word) and len(word) > 7 for word in words):
        return ""
    words = [word for word in words if not _IDENTITY.fullmatch(word)]
    while words and len("-".join(words)) > _LONGEST:
        words.pop()
    name = "-".join(words)
    return name if sum(map(str.isalpha, name)) >= 2 and not all(word in _COMMON for word in words) else ""


@functools.lru_cache(maxsize=4_096)
def _of_tag(tag: str) -> Label | None:
    pair = _PAIR.fullmatch(tag)
    if pair is None:
        return _TAG, tag
    place = _RANK.get(_key(pair[1]))
    return None if place is None else (place, pair[2])


@functools.lru_cache(maxsize=1_024)
def _key(name: str) -> str:
    return re.sub(r"[\s.-]+", "_", name).lower().rpartition("property_")[2]
