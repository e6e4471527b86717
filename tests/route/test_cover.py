from typing import Any

import pytest

from modicum.route.cover import uncovered
from modicum.types import Cover, Recognised
from modicum.view import VIEW_VERSION
from modicum.wire.chat import segments

COVER = Cover(incumbents=("gpt-4o",), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=20, max_turns=1)
SEEN = Recognised(workload_id="w", version_id="v1", slots=())
PLAIN: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def reason(cover: Cover = COVER, seen: Recognised = SEEN, **changes: Any) -> str | None:
    request = PLAIN | changes
    return uncovered(cover, seen, request, segments(request))


def test_what_was_certified_is_covered() -> None:
    assert reason() is None
    assert reason(n=1, temperature=0.0, stream=True) is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": "gpt-5"}, "gpt-5"),
        ({"n": 2}, "choice"),
        ({"logprobs": True}, "log prob"),
        ({"tool_choice": {"type": "function"}}, "tool"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "more than text"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, "turns"),
        ({"messages": [{"role": "user", "content": "a" * 21}]}, "characters"),
    ],
)
def test_what_was_not_seen_is_named(changes: dict[str, Any], word: str) -> None:
    assert word in (reason(**changes) or "")


def test_another_version_and_another_view_defer() -> None:
    assert reason(seen=Recognised(workload_id="w", version_id="v2", slots=()))
    nameless = Cover(incumbents=("gpt-4o",), version_ids=("", "v1"), view_version=VIEW_VERSION, max_input_chars=20)
    assert reason(cover=nameless, seen=Recognised(workload_id="w", version_id="", slots=())), "a wording that has no name is nobody's"
    assert reason(cover=Cover(incumbents=("gpt-4o",), version_ids=("v1",), view_version="0", max_input_chars=20))
