"""Read a stranger's JSON object field by field, and say by name what nobody read.

`Fields` hands out each field once, of the kind that was asked for; `done()` refuses what is left over with a real value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from modicum.errors import ModicumError, RequestError
from modicum.wire.fields import untranslatable
from modicum.wire.talk import Part, Reasoning, Refusal, Request, Text, ToolResult, ToolUse

_decode = msgspec.json.Decoder().decode
_MOST_COUNT = 1 << 40
_Kind = TypeVar("_Kind")

HARMLESS: dict[str, tuple[Any, ...]] = {
    "choices": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "metadata": ({},),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "stop": ((),),
}
"""Values of a request's fields that ask for what happens anyway."""

CALLED = {"choices": "n", "user_id": "user", "format": "response_format", "thinking": "reasoning"}
"""What callers know a field of `Request` as."""


class Fields:
    """One object. `wrong` is what is raised for a field of the wrong kind: RequestError, or UpstreamError for a response."""

    __slots__ = ("_left", "_wrong", "path")

    def __init__(self, value: Any, path: str = "", wrong: Callable[[str], ModicumError] = RequestError) -> None:
        if not isinstance(value, Mapping):
            raise wrong(f"{path or 'the body'} must be an object")
        self.path = path
        self._left = dict(value)
        self._wrong = wrong

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def says(self, name: str) -> bool:
        """The field is true, or anything else that is not nothing; it stays to be read."""
        return bool(self._left.get(name))

    def skip(self, *names: str) -> None:
        """These are known and need not be handed on."""
        for name in names:
            self._left.pop(name, None)

    def harmless(self, name: str, *values: Any) -> None:
        """This field has no word elsewhere, and these values of it need none."""
        value = self._left.pop(name, None)
        if value is not None and not any(value == harmless and type(value) is type(harmless) for harmless in values):
            raise untranslatable(self.at(name))

    def text(self, name: str) -> str | None:
        return self._kind(name, str, "text")

    def need_text(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise self._wrong(f"{self.at(name)} is missing")
        return found

    def flag(self, name: str) -> bool | None:
        return self._kind(name, bool, "true or false")

    def count(self, name: str) -> int | None:
        value = self.take(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST_COUNT):
            return value
        raise self._wrong(f"{self.at(name)} must be a whole number")

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise self._wrong(f"{self.at(name)} must be a number")

    def object(self, name: str) -> dict[str, Any] | None:
        return self._kind(name, dict, "an object")

    def fields(self, name: str) -> Fields | None:
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name), self._wrong)

    def list(self, name: str) -> list[Any] | None:
        return self._kind(name, list, "a list")

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of a list; none where it is absent."""
        for number, value in enumerate(self.list(name) or ()):
            yield Fields(value, f"{self.at(name)}[{number}]", self._wrong)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.list(name) or []
        if not all(isinstance(one, str) for one in value):
            raise self._wrong(f"{self.at(name)} must be a list of texts")
        return tuple(value)

    def table(self, name: str) -> dict[str, str] | None:
        """Names and their texts."""
        value = self.object(name)
        if value is not None and not all(isinstance(one, str) for one in value.values()):
            raise self._wrong(f"{self.at(name)} must hold texts")
        return value

    def word(self, name: str, *words: str) -> str | None:
        """A text out of these."""
        found = self.text(name)
        if found is not None and found not in words:
            raise untranslatable(f"{self.at(name)} = '{found[:80]}'")
        return found

    def wrong(self, message: str) -> ModicumError:
        return self._wrong(f"{self.path}: {message}" if self.path else message)

    def done(self) -> None:
        """Raises UntranslatableError with the name of the first field that nobody read; null, {} and [] say nothing."""
        for name, value in self._left.items():
            if value is not None and value != {} and value != []:
                raise untranslatable(self.at(str(name)))

    def _kind(self, name: str, kind: type[_Kind], called: str) -> _Kind | None:
        value = self.take(name)
        if value is None or isinstance(value, kind):
            return value
        raise self._wrong(f"{self.at(name)} must be {called}")


def refuse(request: Request, dialect: str, *names: str) -> None:
    """Raises UntranslatableError where one of these fields of a request was set to something that matters."""
    for name in names:
        value = getattr(request, name)
        if value is not None and value not in HARMLESS.get(name, ()) and value != ():
            raise untranslatable(CALLED.get(name, name), f"{dialect} has no words for it")


def arguments(text: str, where: str) -> dict[str, Any]:
    """A tool call's arguments as an object; none at all are {}. Raises RequestError for other JSON, or none."""
    if not text.strip():
        return {}
    try:
        value = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(f"{where}: arguments are not JSON") from None
    if not isinstance(value, dict):
        raise RequestError(f"{where}: arguments must be a JSON object")
    return value


def plain(parts: Iterable[Part]) -> bool:
    """What a message is in dialects that know no other way than parts: plain where it has one text at most and no media."""
    listed = list(parts)
    return sum(isinstance(part, Text | Refusal) for part in listed) <= 1 and all(
        isinstance(part, Text | Refusal | Reasoning | ToolUse | ToolResult) for part in listed
    )
