"""Any table, where the operator says which column is which: `--columns model=Model,input_tokens=Prompt tokens,prompt=Question`.

A row without an id is known by its text, and by how often that text has occurred in the table before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake import rebuilt
from modicum.intake.times import check, moment
from modicum.intake.told import Line, loaded, number, whole
from modicum.types import Call, Usage
from modicum.wire.observed import Observed, step, text

_encode = msgspec.json.Encoder().encode
FIELDS: Mapping[str, str] = {
    "time": "when it was called: ISO 8601, or seconds or milliseconds since 1970",
    "id": "the response's id, or the row's own",
    "model": "the model that was asked",
    "response_model": "the model that answered",
    "provider": "who runs it",
    "prompt": "what was asked: text, or a list of messages as JSON",
    "system": "what stood before it",
    "response": "what was answered: text, or a message as JSON",
    "input_tokens": "all tokens sent, cached ones included",
    "output_tokens": "all tokens received",
    "cache_read_tokens": "of those sent, read from the provider's cache",
    "cache_write_tokens": "of those sent, written to it",
    "reasoning_tokens": "of those received, thought",
    "cost_usd": "what it cost, in US dollars",
    "duration_ms": "how long it took, in milliseconds",
    "duration_s": "the same in seconds",
    "status": "the HTTP status",
    "client": "the application, key or tenant that called",
    "user": "the end user",
    "conversation": "the conversation",
    "trace": "the trace, or run of an agent",
    "tags": "labels, with commas between them",
    "service_tier": "batch, flex, priority",
}
"""What a column can be."""


def mapping(text_given: str) -> dict[str, str]:
    """`field=Column,field=Column` as a table. Raises InputError. A column's name may hold `=`, and commas within double quotes."""
    found: dict[str, str] = {}
    for part in _parts(text_given):
        name, equals, column = part.partition("=")
        name, column = name.strip(), column.strip().strip('"')
        if not equals or not column:
            raise InputError(f"--columns: {part.strip()[:60]!r} is not field=Column")
        if name not in FIELDS:
            raise InputError(f"--columns: no field '{name[:40]}'", hint=f"there are {', '.join(FIELDS)}")
        if name in found:
            raise InputError(f"--columns: '{name}' is named twice")
        found[name] = column
    return found


def _parts(given: str) -> list[str]:
    parts, quoted = [""], False
    for char in given:
        quoted ^= char == '"'
        if char == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part.strip()]


def read(line: Line) -> Iterator[Observed]:
    """The call in a row. Raises LogFormatError with the column's name."""
    row = line.record()
    if not any(column in row for column in line.columns.values()) and line.columns:
        raise LogFormatError("none of the columns that --columns names is in this record")

    def at(field: str) -> Any:
        column = line.columns.get(field)
        value = row.get(column) if column is not None else None
        return value.strip() or None if isinstance(value, str) else value

    def label(field: str) -> str:
        return f"column '{line.columns.get(field, field)}'"

    def word(field: str) -> str | None:
        value = at(field)
        return text(value) if isinstance(value, str) or value is None else str(value)

    written = at("time")
    started_at = line.fallback_time if written is None else check(moment(written), written)
    model = word("model")
    asked = rebuilt.request(model, at("prompt"))
    before = word("system")
    if asked is not None and before is not None:
        asked["messages"] = [{"role": "system", "content": before}, *asked["messages"]]
    response_id, trace_id = word("id"), word("trace")
    answered = None
    if asked is not None and (said := at("response")) is not None:
        answered = rebuilt.response(word("response_model") or model, said, response_id=response_id, created=int(started_at.timestamp()))
    seconds = number(at("duration_s"), label("duration_s"))
    status = whole(at("status"), label("status")) or 200
    cost = number(at("cost_usd"), label("cost_usd"))
    tags = loaded(at("tags"))
    listed = tags if isinstance(tags, list) else str(tags).split(",") if tags is not None else []
    if response_id is not None:
        identity = response_id
    else:
        digest = hashlib.blake2b(line.body, digest_size=16).digest()
        identity = f"row {digest.hex()} {line.occurrence(digest)}"
    also, near = step(trace_id, started_at)
    if not any(field in line.columns for field in ("model", "input_tokens", "cost_usd", "prompt")):
        raise LogFormatError("--columns names none of model, prompt, input_tokens and cost_usd: there is nothing to count")
    yield Observed(
        call=Call(
            call_id="",
            response_id=response_id,
            client_id=word("client"),
            user_id=word("user"),
            conversation_id=word("conversation"),
            trace_id=trace_id,
            tags=tuple(dict.fromkeys(one.strip() for one in listed if isinstance(one, str) and one.strip())),
            started_at=started_at,
            duration_ms=number(at("duration_ms"), label("duration_ms")) if seconds is None else seconds * 1000,
            origin="import",
            source="columns",
            request_model=model,
            response_model=word("response_model") or model,
            provider=word("provider"),
            request=None if asked is None else _encode(asked),
            response=None if answered is None else _encode(answered),
            status=status if 100 <= status <= 599 else 500,
            finish_reason=answered["choices"][0]["finish_reason"] if answered else None,
            error="error" if status >= 400 else None,
            usage=Usage(
                input_tokens=whole(at("input_tokens"), label("input_tokens")),
                output_tokens=whole(at("output_tokens"), label("output_tokens")),
                cache_read_tokens=whole(at("cache_read_tokens"), label("cache_read_tokens")),
                cache_write_tokens=whole(at("cache_write_tokens"), label("cache_write_tokens")),
                reasoning_tokens=whole(at("reasoning_tokens"), label("reasoning_tokens")),
            ),
            cost_usd=None if cost is None else Decimal(repr(cost)),
            service_tier=word("service_tier"),
        ),
        identity=identity,
        also=also,
        near=near,
        lacks="" if asked is not None else "columns_no_bodies",
    )
