"""Our signature against botocore's signer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it ships no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.signing import AwsKeys, sign

KEYS = AwsKeys(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"


def theirs(method: str, url: str, headers: dict[str, str], body: bytes, token: str, ours: list[tuple[str, str]]) -> dict[str, str]:
    """What botocore signs at the moment at which we did."""
    added = dict(ours)
    request: Any = AWSRequest(method=method, url=url, headers=headers, data=body)
    request.context["timestamp"] = added["x-amz-date"]

    signer = SigV4Auth(Credentials(KEYS.access_key, KEYS.secret_key, token or None), "bedrock", "us-east-1")
    signer._modify_request_before_signing(request)  # as its add_auth does, which would take the time of now
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return {name.lower(): value for name, value in request.headers.items()}


def check(method: str, url: str, headers: dict[str, str], body: bytes, token: str = "") -> None:
    keys = AwsKeys(access_key=KEYS.access_key, secret_key=KEYS.secret_key, token=token)
    at = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
    ours = sign(method, url, list(headers.items()), body, keys=keys, region="us-east-1", service="bedrock", at=at)
    expected = theirs(method, url, headers, body, token, ours)
    assert dict(ours)["authorization"] == expected["authorization"]
    assert dict(ours).get("x-amz-security-token", "") == token


@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize(
    "model", ["amazon.nova-lite-v1:0", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-v2:1", "a b~c"]
)
def test_models_of_every_form(model: str, token: str) -> None:
    url = f"{HOST}/model/{quote(model, safe='')}/converse-stream"
    check("POST", url, {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "us"}, b'{"messages":[]}', token)


def test_a_query_is_put_in_order() -> None:
    check("GET", f"{HOST}/x?b=2&a=1&a=0&c", {}, b"")


text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@settings(max_examples=100, deadline=None)
@given(
    path=st.lists(st.text(min_size=1, max_size=8), max_size=3),
    values=st.dictionaries(st.sampled_from(["content-type", "accept", "x-one", "x-two"]), text),
    body=st.binary(max_size=50),
)
def test_anything_signs_as_botocore_signs_it(path: list[str], values: dict[str, str], body: bytes) -> None:
    check("POST", HOST + "/" + "/".join(quote(one, safe="") for one in path if one not in (".", "..")), values, body)


def test_the_keys_are_in_no_repr() -> None:
    assert "wJal" not in repr(KEYS) and "AKID" not in repr(KEYS)
