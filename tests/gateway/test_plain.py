"""Which of a provider's headers the caller sees."""

from __future__ import annotations

from modicum.gateway.plain import reply_headers

KIND = (b"content-type", b"application/json")
LIMIT = (b"x-ratelimit-limit-requests", b"9")
OURS = (b"x-request-id", b"ours")


def test_a_providers_headers_pass_less_those_of_its_connection_and_its_ids_stand_beside_ours() -> None:
    theirs = [
        (b"connection", b"Keep-Alive, X-Hop"),
        (b"x-hop", b"1"),
        (b"content-length", b"3"),
        (b"set-cookie", b"a=b"),
        (b"x-request-id", b"r"),
        (b"request-id", b"q"),
        (b"x-modicum-provider", b"another"),
        LIMIT,
        KIND,
        (b"x-more", b"1"),
        (b"x-more", b"2"),
    ]
    ids, more = [(b"x-upstream-request-id", b"r"), (b"x-upstream-request-id", b"q")], [(b"x-more", b"1"), (b"x-more", b"2")]
    assert reply_headers(theirs, (OURS,)) == [*ids, LIMIT, KIND, *more, OURS]
    limited = (OURS, (b"x-ratelimit-limit-requests", b"1"))
    assert reply_headers(theirs, limited) == [*ids, KIND, *more, *limited]  # two limits would say two things


def test_headers_without_anything_of_note_pass_as_they_are() -> None:
    assert reply_headers([KIND, (b"date", b"today")], (OURS,)) == [KIND, (b"date", b"today"), OURS]
    assert reply_headers([KIND, (b"request-id", b"q")], ()) == [KIND, (b"x-upstream-request-id", b"q")]
