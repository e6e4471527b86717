"""Rerank in Cohere's shape: what is asked, what is ranked, what is counted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import RequestError, UpstreamError
from modicum.types import Usage
from modicum.wire.cohere import Ranked, Rerank, read_request, read_response, search_units, usage
from tests.wire.talked import VALUES

KEYS = st.sampled_from(["model", "query", "documents", "top_n", "results", "index", "relevance_score", "meta", "tokens", "billed_units"])
BODIES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3) | st.lists(st.dictionaries(KEYS, VALUES, max_size=3)))


def test_a_request_of_both_versions() -> None:
    body = {"model": "rerank-v3.5", "query": "q", "documents": ["a", "b"], "top_n": 1, "max_tokens_per_doc": 512}
    assert read_request(body) == Rerank(model="rerank-v3.5", query="q", documents=("a", "b"), top_n=1)
    older = {
        "query": "q",
        "documents": [{"text": "a", "id": "1"}, {"title": "t", "body": "b"}],
        "rank_fields": ["title"],
        "return_documents": True,
    }
    assert read_request(older, version=1) == Rerank(model=None, query="q", documents=("a", "title: t\nbody: b"))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"query": "q", "documents": ["a"]}, "model"),
        ({"model": "m", "documents": ["a"]}, "query"),
        ({"model": "m", "query": "q", "documents": []}, "documents"),
        ({"model": "m", "query": "q", "documents": [1]}, r"documents\[0\]"),
        ({"model": "m", "query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
        ({"model": "m", "query": "q", "documents": ["a"] * 10_001}, "10001"),
    ],
)
def test_what_is_no_request_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(RequestError, match=named):
        read_request(body)


def test_a_ranking() -> None:
    body = {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0, "document": {"text": "a"}}]}
    assert read_response(body, documents=2) == (Ranked(index=1, score=0.9), Ranked(index=0, score=0.0))
    for wrong in (
        {"results": [{"index": 2, "relevance_score": 1}]},
        {"results": [{"index": -1, "relevance_score": 1}]},
        {"results": [{"index": 0}]},
    ):
        with pytest.raises(UpstreamError):
            read_response(wrong, documents=2)


def test_what_is_counted() -> None:
    meta = {"meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 35.0, "output_tokens": 0}}}
    assert usage(meta) == Usage(input_tokens=35, output_tokens=0) and search_units(meta) == 1
    assert usage({"meta": {"billed_units": {"total_tokens": 12}}}) == Usage(input_tokens=12)
    assert usage({"usage": {"total_tokens": 9}}) == Usage(input_tokens=9)
    assert usage({}) == Usage() and search_units({"meta": []}) is None


@settings(deadline=None)
@given(BODIES)
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    with suppress(RequestError):
        read_request(body)
    with suppress(UpstreamError):
        read_response(body)
    usage(body)
    search_units(body)
