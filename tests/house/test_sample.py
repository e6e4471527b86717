"""The demo's sample: the same for the same seed, distinct, in the shape that logs have."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from demo import sample

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def month() -> list[dict[str, Any]]:
    return sample.records(seed=0, until=UNTIL)


def test_one_seed_gives_one_sample(month: list[dict[str, Any]]) -> None:
    assert sample.records(seed=0, until=UNTIL) == month
    assert sample.records(seed=1, until=UNTIL)[0] != month[0]


def test_every_call_is_distinct_and_there_are_enough(month: list[dict[str, Any]]) -> None:
    requests = [json.dumps(call["request"]) for call in month]
    assert len(set(requests)) == len(requests) >= 12_000 + 300
    assert len({call["response"]["id"] for call in month}) == len(month)
    assert [call["timestamp"] for call in month] == sorted(call["timestamp"] for call in month)
    assert not [text for text in requests if re.search(r"<\w+>|[{}|]", json.loads(text)["messages"][-1]["content"])], (
        "a choice was left open"
    )


def test_near_duplicates_are_rare(month: list[dict[str, Any]]) -> None:
    for client in sorted({call["client_id"] for call in month}):
        texts = [call["request"]["messages"][-1]["content"] for call in month if call["client_id"] == client]
        assert groups(texts) >= 0.97 * len(texts)


def groups(texts: Iterable[str]) -> int:
    """How many groups there are where a text joins the first one whose first member has a word Jaccard of 0.8 or more."""
    firsts: list[frozenset[str]] = []
    holding: dict[str, list[int]] = defaultdict(list)
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in texts]
    common = Counter(word for one in words for word in one)
    for one in words:
        # Two sets with Jaccard >= 0.8 share a word of the rarest fifth (and one more) of each.
        rarest = sorted(one, key=lambda word: common[word])[: len(one) // 5 + 1]
        near = {number for word in rarest for number in holding[word]}
        if not any(len(one & firsts[n]) >= 0.8 * len(one | firsts[n]) for n in near):
            for word in rarest:
                holding[word].append(len(firsts))
            firsts.append(one)
    return len(firsts)
