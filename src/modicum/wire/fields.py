"""Take values out of what a stranger sent: of the right kind, or an error that names the place and what stood there.

Readers of bodies are tables of these functions. Kinds are checked here; what a value means is the dialect's business.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from modicum.errors import RequestError, UntranslatableError, UpstreamError

Take = Callable[[Any, str], Any]
"""(value, where it stands) -> the value, checked."""

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


def kind(value: Any) -> str:
    """The JSON word for what `value` is."""
    return _KINDS.get(type(value), "something else")


def text(value: Any, at: str) -> str:
    return value if isinstance(value, str) else _wrong(value, at, "a string")


def whole(value: Any, at: str) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else _wrong(value, at, "a whole number")


def number(value: Any, at: str) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _wrong(value, at, "a number")


def flag(value: Any, at: str) -> bool:
    return value if isinstance(value, bool) else _wrong(value, at, "a boolean")


def items(value: Any, at: str) -> list[Any]:
    return value if isinstance(value, list) else _wrong(value, at, "a list")


def record(value: Any, at: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _wrong(value, at, "an object")


def texts(value: Any, at: str) -> tuple[str, ...]:
    return tuple(text(one, f"{at}[{n}]") for n, one in enumerate(items(value, at)))


def maybe(take: Take, value: Any, at: str) -> Any:
    """None stays None: null is the same as absent."""
    return None if value is None else take(value, at)


def _wrong(value: Any, at: str, wanted: str) -> NoReturn:
    raise RequestError(f"'{at}' must be {wanted}, found {kind(value)}")


def untranslatable(at: str, why: str = "") -> UntranslatableError:
    """The error for a field that the other dialect has no words for."""
    return UntranslatableError(
        f"'{at}' cannot be said in the provider's dialect{f': {why}' if why else ''}",
        hint="leave it out, or ask a model whose provider speaks the dialect of this endpoint",
    )


def only(body: Mapping[str, Any], known: Collection[str], at: str = "", neutral: Mapping[str, Collection[Any]] | None = None) -> None:
    """Raises UntranslatableError for a field that is not known, unless it is null or says what would be so without it."""
    for name, value in body.items():
        if value is None or name in known:
            continue
        if neutral is not None and name in neutral and any(type(value) is type(one) and value == one for one in neutral[name]):
            continue
        raise untranslatable(f"{at}.{name[:60]}" if at else name[:60])


def data_url(media_type: str | None, data: str) -> str:
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


def split_data_url(url: str, at: str) -> tuple[str, str]:
    """(media type, base64) of a `data:` URL."""
    head, comma, data = url.partition(",")
    media_type, semicolon, coding = head.removeprefix("data:").partition(";")
    if not comma or coding != "base64" or not semicolon:
        raise RequestError(f"'{at}' must be a data: URL in base64")
    return media_type, data


def plain_text(data: str, at: str) -> str:
    """The text in base64."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise RequestError(f"'{at}' must be UTF-8 text in base64") from None


@contextmanager
def of_provider() -> Iterator[None]:
    """What a provider sent is read inside: where it does not fit, that is the provider's failure and not the caller's."""
    try:
        yield
    except RequestError as error:
        raise UpstreamError(f"the provider's reply cannot be read: {error.message}") from error
