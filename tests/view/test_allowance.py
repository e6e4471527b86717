"""How much of a call is looked through for numbers while somebody waits."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from modicum.errors import InputError
from modicum.types import Call, new_call_id
from modicum.view import Redactor
from modicum.view.allowance import MOST_CHARACTERS

REDACTOR = Redactor.open()
CARD = "4111 1111 1111 1111"


def body(text: str) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()


@pytest.mark.parametrize(
    "line", ["123456789012 " * 8, "1234.5678,-12.5,", "9" * 1000, "4111111111111111 ", "2026-01-01T00:00:00.123456Z,"], ids=range(5)
)
def test_ten_million_characters_of_numbers_take_no_time(line: str) -> None:
    data = body(f"{line}\n" * (9_000_000 // (len(line) + 1)))
    request = json.loads(data)
    began = time.thread_time()
    with pytest.raises(InputError, match="numbers"):
        REDACTOR.see(data, request)
    assert time.thread_time() - began < 2.5


def test_long_texts_with_some_numbers_are_looked_through() -> None:
    words = f"The order {'many words ' * 60} has 12 parts. Pay by {CARD}.\n" * 6000
    assert len(words) > 4 * MOST_CHARACTERS
    seen = REDACTOR.see(body(words), json.loads(body(words)))
    assert CARD.encode() not in seen.body and seen.names.counts() == {"CARD": 1}


def test_what_comes_in_by_night_has_all_the_time() -> None:
    numbers = body("1234 " * (MOST_CHARACTERS // 4))
    with pytest.raises(InputError):
        REDACTOR.see(numbers, json.loads(numbers))
    viewed, _ = REDACTOR.see_call(Call(call_id=new_call_id(), started_at=datetime.now(UTC), request=numbers))
    assert viewed.request == numbers
