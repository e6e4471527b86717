"""Out and back again: content, fields of JSON, arguments of tools, streams; the second and the third of a kind."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.view import Names, Redactor, Seen

REDACTOR = Redactor.open()


def see(request: dict[str, Any]) -> Seen:
    body = msgspec.json.encode(request)
    return REDACTOR.see(body, msgspec.json.decode(body))


def said(*texts: str) -> Names:
    return see({"messages": [{"role": "user", "content": text} for text in texts]}).names


def test_nothing_to_take_out_is_the_same_objects() -> None:
    request = {"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": "order 48213377 of 2024-05-12"}], "seed": 1}
    body = msgspec.json.encode(request)
    seen = REDACTOR.see(body, request)
    assert seen.body is body and seen.request is request and seen.names.empty
    assert seen.names.redact_json(body) is body


def test_numbers_go_by_value_in_the_order_of_the_document() -> None:
    seen = see({"messages": [{"content": "b@x.io, a@x.io, b@x.io 4111111111111111"}, {"content": "c@x.io a@x.io"}], "user": "b@x.io"})
    assert seen.request["messages"][0]["content"] == "<EMAIL_1>, <EMAIL_2>, <EMAIL_1> <CARD_1>"
    assert seen.request["messages"][1]["content"] == "<EMAIL_3> <EMAIL_2>"
    assert seen.request["user"] == "<EMAIL_1>"
    response = seen.names.redact_json(b'{"id": "r", "x": ["d@x.io", "a@x.io"], "n": 1.50}')
    assert msgspec.json.decode(response) == {"id": "r", "x": ["<EMAIL_4>", "<EMAIL_2>"], "n": 1.5}


def test_the_request_itself_stays_as_it_was() -> None:
    request = {"messages": [{"content": "a@x.io"}], "other": {"kept": [1]}}
    seen = REDACTOR.see(msgspec.json.encode(request), request)
    assert request["messages"] == [{"content": "a@x.io"}]
    assert seen.request["other"] is request["other"]
    assert list(msgspec.json.decode(seen.body)) == ["messages", "other"]


def test_a_placeholder_that_stands_there_is_left_alone_and_keeps_its_number() -> None:
    seen = see({"messages": [{"content": "a@x.io and b@x.io"}, {"content": "write <EMAIL_2> as it is, and <email_1>, < EMAIL_1 >"}]})
    assert seen.request["messages"][0]["content"] == "<EMAIL_1> and <EMAIL_3>"
    assert seen.request["messages"][1]["content"] == "write <EMAIL_2> as it is, and <email_1>, < EMAIL_1 >"
    assert seen.names.restore("<EMAIL_1><EMAIL_2><EMAIL_3><email_1>< EMAIL_1 >") == "a@x.io<EMAIL_2>b@x.io<email_1>< EMAIL_1 >"
    escaped = b'{"c": "a@x.io", "d": "\\u003cEMAIL_1\\u003e"}'
    assert REDACTOR.see(escaped, msgspec.json.decode(escaped)).request == {"c": "<EMAIL_2>", "d": "<EMAIL_1>"}


def test_keys_of_objects_and_payloads_are_left() -> None:
    image = "iVBORw0KGgo4111111111111111" * 20
    sound = {"input_audio": {"data": image, "format": "wav"}}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Jane, jane@x.io. " * 20}}
    url = {"image_url": {"url": f"data:image/png;base64,{image}"}}
    seen = see({"messages": [{"content": [sound, picture, plain, url, {"a@b.io": "c@d.io"}]}]})
    parts = seen.request["messages"][0]["content"]
    assert parts[0] == sound and parts[1] == picture and parts[3] == url
    assert parts[2]["source"]["data"] == "Jane, <EMAIL_1>. " * 20
    assert parts[4] == {"a@b.io": "<EMAIL_2>"}


def test_numbers_of_json_are_cards_only_deep_in_it() -> None:
    seen = see({"seed": 4111111111111111, "messages": [{"content": "a@x.io", "input": {"card": 4111111111111111, "n": 48213377}}]})
    assert seen.request["seed"] == 4111111111111111
    assert seen.request["messages"][0]["input"] == {"card": "<CARD_1>", "n": 48213377}


def test_content_is_turned_back() -> None:
    names = said("first a@x.io second b@x.io", "third c@x.io")
    assert names.restore("<EMAIL_3>, <EMAIL_1>; <EMAIL_2>.") == "c@x.io, a@x.io; b@x.io."


def test_one_is_not_ten() -> None:
    names = said(" ".join(f"user{number}@x.io" for number in range(1, 13)))
    assert names.restore("<EMAIL_1> <EMAIL_10> <EMAIL_12> <EMAIL_13>") == "user1@x.io user10@x.io user12@x.io <EMAIL_13>"


HARD = "Bearer abc+/~def.ghi_jkl-mno+pqr=="
PEM = '-----BEGIN PRIVATE KEY-----\nMII"\\d+\\1\n-----END PRIVATE KEY-----'


def test_fields_of_json_are_turned_back_as_json() -> None:
    names = said(f"key {PEM} and {HARD}")
    answer = '{"key": "<SECRET_1>", "all":["x <SECRET_2>" ,1.50], "<SECRET_1>": null}'
    restored = names.restore_json(answer)
    assert json.loads(restored)["key"] == PEM
    assert json.loads(restored)["all"] == ["x " + HARD.removeprefix("Bearer "), 1.5]
    assert restored.endswith(": null}") and '" ,1.50]' in restored
    assert names.restore(f"<SECRET_1>|{'<SECRET_2>'}") == f"{PEM}|{HARD.removeprefix('Bearer ')}"


def test_arguments_of_tools_are_turned_back_as_json_in_json() -> None:
    names = said(f"send {PEM} to b@x.io")
    arguments = json.dumps({"body": "<SECRET_1>", "to": ["<EMAIL_1>"], "raw": json.dumps({"deep": "<SECRET_1>"})})
    reply = json.dumps({"choices": [{"message": {"tool_calls": [{"function": {"name": "send", "arguments": arguments}}]}}]})
    function = json.loads(names.restore_json(reply))["choices"][0]["message"]["tool_calls"][0]["function"]
    got = json.loads(function["arguments"])
    assert got["body"] == PEM and got["to"] == ["b@x.io"] and json.loads(got["raw"])["deep"] == PEM
    assert json.loads(names.restore_json(arguments)) == got


def test_broken_json_is_turned_back_as_far_as_it_goes() -> None:
    names = said(f"{PEM} b@x.io")
    assert names.restore_json('{"a": "<EMAIL_1>", "b": "<SECRET_1>') == '{"a": "b@x.io", "b": "' + json.dumps(PEM)[1:-1]
    assert names.restore_json("<EMAIL_1> is no JSON") == "b@x.io is no JSON"


def test_what_cannot_be_turned_back_says_so() -> None:
    names = said("a@x.io and the literal <CARD_4>")
    assert names.restorable("<EMAIL_1> <CARD_4> <b> <STEP_1> <email_2>")
    assert not names.restorable("<EMAIL_2>")
    assert not said("hello").restorable("<PHONE_1>")
    assert said("hello").restorable("<b>bold</b>")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_streams_are_turned_back_however_they_are_cut(data: st.DataObject) -> None:
    names = said(f"a@x.io b@x.io {PEM} <EMAIL_9>")
    pieces = ["<EMAIL_1>", "<EMAIL_2>", "<SECRET_1>", "<EMAIL_9>", "<EMAIL_", "<", "x", "<EMAIL_33>", ">", "a < b "]
    text = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=12)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    restorer = names.restorer()
    came = [restorer.feed(text[low:high]) for low, high in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(came) + restorer.end() == names.restore(text)


def test_streamed_arguments_are_escaped() -> None:
    names = said(PEM)
    restorer = names.restorer(inside_json=True)
    text = '{"key": "<SECRET_1>"}'
    assert json.loads("".join(map(restorer.feed, text)) + restorer.end()) == {"key": PEM}


def test_secrets_are_in_no_repr() -> None:
    names = said("a@x.io 4111111111111111")
    assert repr(names) == "Names(<EMAIL_1>, <CARD_1>)"


PIECES = st.sampled_from(
    [
        *(
            "a@b.co",
            "@",
            "4111111111111111",
            "4111 1111 1111 1111",
            "+60 12-345 6789",
            "+",
            "1",
            "12",
            " ",
            "-",
            ".",
            "(",
            ")",
            "/",
            "x",
            "S",
        ),
        *("S1234567D", "536-90-4399", "sk-abcdefghijklmnopqrst", "<EMAIL_1>", "<CARD_2>", "900101-14-5678", "DE89370400440532013000", "é"),
        *("://u:pw@h", "Bearer abcdefghijklmnopqrstuvwxyz", "eyJabcdefghijk.abcdefghijkl.x", "tel ", "91234567", "\n", "\u00a0", '"', "\\"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=40))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_redacting_twice_is_redacting_once_and_goes_back(text: str) -> None:
    seen = see({"m": text})
    again = REDACTOR.see(seen.body, seen.request)
    assert again.request is seen.request, text
    assert seen.names.restore(seen.request["m"]) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, max_size=4), TEXTS)
def test_what_is_stored_redacted_is_seen_as_what_is_stored_whole(texts: list[str], answer: str) -> None:
    request = msgspec.json.encode({"messages": [{"content": text} for text in texts]})
    response = msgspec.json.encode({"content": answer})
    names = REDACTOR.see(request, msgspec.json.decode(request)).names
    day_request = REDACTOR.see(request, msgspec.json.decode(request)).body
    day_response = names.redact_json(response)
    fresh = REDACTOR.see(request, msgspec.json.decode(request))
    stored = fresh.body, fresh.names.redact_json(response)
    night = REDACTOR.see(stored[0], msgspec.json.decode(stored[0]))
    assert night.body == day_request
    assert msgspec.json.decode(night.names.redact_json(stored[1])) == msgspec.json.decode(stored[1])
    assert msgspec.json.decode(day_response) == msgspec.json.decode(stored[1])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_can_be_a_response(body: bytes) -> None:
    REDACTOR.names().redact_json(body)


def test_deep_json_is_no_trouble() -> None:
    body = b"[" * 5_000 + b'"a@x.io"' + b"]" * 5_000
    assert b"a@x.io" not in REDACTOR.names().redact_json(body)


@pytest.mark.parametrize("name", ["u_1", "jane", "7f3a"])
def test_an_id_that_says_nothing_is_its_own_alias(name: str) -> None:
    assert REDACTOR.alias(name, b"key") == name


def test_aliases_are_the_same_for_the_same_id_under_one_key() -> None:
    one = REDACTOR.alias("jane@x.io", b"key")
    assert one == REDACTOR.alias("jane@x.io", b"key") and "jane" not in one
    assert one != REDACTOR.alias("jane@x.io", b"other") and one != REDACTOR.alias("joan@x.io", b"key")


def test_a_value_that_json_in_a_text_escapes_is_the_same_value_and_comes_back_escaped() -> None:
    inner = json.dumps({"a": "josé@x.io", "b": "x\njosé@x.io"})
    seen = see({"messages": [{"role": "user", "content": "josé@x.io"}, {"role": "tool", "content": inner}]})
    plain, told = (message["content"] for message in seen.request["messages"])
    assert (plain, json.loads(told)) == ("<EMAIL_1>", {"a": "<EMAIL_1>", "b": "x\n<EMAIL_1>"})
    assert json.loads(seen.names.restore_json(told)) == json.loads(inner)
    assert see(seen.request).request == seen.request
    assert see({"x": '{"tel": "+60\\u00a012\\u2011345\\u20116789"}'}).request == {"x": '{"tel": "<PHONE_1>"}'}
