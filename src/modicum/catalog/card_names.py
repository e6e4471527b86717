"""From the name of a model as a log spells it to the forms that a card may list it under.

Providers, routers and clouds dress one name in many ways: `openrouter/openai/gpt-4o`, `us.anthropic.claude-haiku-4-5-20251001-v1:0`,
`claude-haiku-4-5@20251001`, `gpt-4o-2024-08-06`, `accounts/fireworks/models/...`. What is taken off here says where a model runs or which
snapshot it is, never which model. A fine-tuned model (`ft:...`) is not the model that it was tuned from, so it has no form but its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

LONGEST_NAME = 256
SHORTEST_NAME = 4
REGION = re.compile(r"(?:us-gov|us|eu|apac|global|jp|au|ca|amer|emea)\.")
VENDOR = re.compile(
    r"(?:anthropic|amazon|meta|mistral|cohere|openai|deepseek|qwen|google|moonshotai|moonshot|zai|minimax|xai|nvidia|writer|ai21)\."
)
BEDROCK = re.compile(r"-v\d{1,2}(?::\d{1,3})?(?::\d{1,5}k)?$|:\d{1,3}$|-1:0$")
DAY = re.compile(r"[-@](?:20\d{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))$")
WHEREVER = re.compile(
    r"(?:[-@:](?:latest|default|maas)|:(?:free|nitro|floor|online|beta|extended)|-(?:fp8|bf16|fp4|nvfp4|awq|tee|turbo-fp8))$"
)
REVISION = re.compile(r"-v\d{1,2}:0(?::\d{1,5}k)?$")
"""Bedrock's; what has no `:0` is part of the name: deepseek-v3, claude-v2:1."""
ALIAS = re.compile(r"[-@:](?:latest|default|maas)$")
DECIMAL = re.compile(r"(?<=\d)p(?=\d)")
"""Fireworks writes glm-4.7 as glm-4p7."""
_FOLDED = re.compile(r"[-._:@ ]+")


def fold(name: str) -> str:
    """How names are compared: case and the marks between words do not count."""
    return _FOLDED.sub("-", name.strip().lower())


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """The model's name alone, for comparing: `anthropic/claude-haiku-4-5`, `us.anthropic.claude-haiku-4-5-20251001-v1:0`,
    `claude-haiku-4-5@20251001` and "Claude Haiku 4.5" are one.

    Says which model it is, not what it costs: prices differ by provider, snapshot and variant (`:free`, `-fp8`; these stay).
    """
    found = name.strip().lower()
    if len(found) > LONGEST_NAME or is_tuned(found):
        return found
    found = REVISION.sub("", found.rstrip("/").rsplit("/", 1)[-1])
    for pattern in (REGION, VENDOR):
        bare = pattern.sub("", found, count=1) if pattern.match(found) else found
        found = bare if len(bare) >= SHORTEST_NAME else found.replace(".", "-")  # deepseek.r1 is deepseek-r1 elsewhere
    while (shorter := ALIAS.sub("", DAY.sub("", found))) != found:
        found = shorter
    return fold(found.replace("_", "-"))


def is_tuned(name: str) -> bool:
    """Is it somebody's own, tuned from another?"""
    return name.startswith("ft:") or ":ft-" in name or "/ft:" in name


def forms(name: str) -> Iterator[tuple[str, str]]:
    """(a form to look up, the plain name with its snapshot), what was asked for first, each form once.

    Names longer than any model's have none.
    """
    name = name.strip().lower()
    if not name or len(name) > LONGEST_NAME:
        return
    if is_tuned(name):
        yield name, name
        return
    seen: set[str] = set()
    for tail in _tails(name):
        for form, plain in _undressed(tail):
            if form not in seen:
                seen.add(form)
                yield form, plain


def _tails(name: str) -> Iterator[str]:
    """`a/b/c`, `b/c`, `c`."""
    yield name
    while "/" in name:
        name = name.partition("/")[2]
        if name:
            yield name


def _undressed(form: str) -> Iterator[tuple[str, str]]:
    yield form, form
    for pattern in (REGION, VENDOR):
        form = pattern.sub("", form, count=1) if pattern.match(form) else form
        yield form, form
    plain = form
    for pattern in (BEDROCK, WHEREVER):
        form = plain = pattern.sub("", form)
        yield form, plain
    form = DAY.sub("", form)
    yield form, plain
    form = WHEREVER.sub("", form)
    yield form, plain
    yield DECIMAL.sub(".", form), plain
