"""The formats of logs, recognised by what a record holds, never by a file's name, and how a record of each becomes what it tells.

docs/formats/ has a page on each. Two hold the bodies of calls as they were (`intake.verbatim`): `data-flywheel`, `openai-finetune`. Of
the others, which those wrote who watched the calls, identity and figures are read and bodies are rebuilt: `litellm` (the payload of its
callbacks), `litellm-spend`, `langfuse`, `otlp`, `helicone`, `openrouter`, `batch`. `totals` are what providers say of whole days. `columns`
is any table of which the operator said what its columns are.

A record that says it was called before 2015, or more than a day from now by this machine's clock, is refused. One that does not
say when takes its response's `created` where that is such a time, else the time its file was last changed, a microsecond
later for each line, so that the log's order stays.

A record that one of our own specialists answered (`model` begins with "modicum/") is a call like any other here; what fits and
proves leaves it out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake import batch, columns, helicone, langfuse, litellm_rows, loose_spans, openrouter, totals, verbatim
from modicum.intake.times import check
from modicum.intake.told import Fields, Line, Passed, Told
from modicum.store import identity
from modicum.types import ProviderTotal, but
from modicum.wire import genai, litellm, otlp
from modicum.wire.observed import Observed

LONGEST_SCOPE_BYTES = 80
"""A scope names a folder, percent-escaped."""
_RESERVED_SCOPES = ("__HIVE_DEFAULT_PARTITION__",)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
Names = Mapping[str, Any]
Seen = Observed | ProviderTotal | Passed


def _litellm(line: Line) -> Iterator[Seen]:
    payload = line.record()
    found = litellm.observe(payload)
    yield found if found is not None else Passed(f"{str(payload.get('call_type'))[:40]} (LiteLLM)")


def _otlp(line: Line) -> Iterator[Seen]:
    refused: list[str] = []
    logged = "resourceLogs" in line.fields
    if loose_spans.looks_like(line.fields):
        found_spans = loose_spans.read(line)
    else:
        found_spans = otlp.spans_of_logs(line.body) if logged else otlp.spans(line.body, "json")
    for span in found_spans:
        try:
            found = genai.observe(span)
            if logged and found is not None:  # another log than that of the spans, which it may meet
                found = dataclasses.replace(found, call=dataclasses.replace(found.call, source="otlp-logs"))
            yield found if found is not None else Passed("span that is no call to a model")
        except InputError as error:
            refused.append(error.message)
    if refused:
        raise LogFormatError(f"{len(refused)} of its spans are left out: {refused[0]}")


def _batch(line: Line) -> Iterator[Seen]:
    return batch.keep(line) if batch.is_request(line.fields) else batch.read(line)


_READ: dict[str, Callable[[Line], Iterator[Seen]]] = {
    "litellm": _litellm,
    "litellm-spend": litellm_rows.read,
    "langfuse": langfuse.read,
    "otlp": _otlp,
    "helicone": helicone.read,
    "openrouter": openrouter.read,
    "batch": _batch,
    "totals": totals.read,
    "columns": columns.read,
}
FORMATS = (*verbatim.FORMATS, *_READ)
_MARKS: tuple[tuple[str, Callable[[Names], bool]], ...] = (
    ("otlp", lambda names: "resourceSpans" in names or "resourceLogs" in names or loose_spans.looks_like(names)),
    ("litellm-spend", litellm_rows.looks_like),
    ("litellm", lambda names: "call_type" in names and "startTime" in names),
    ("batch", lambda names: batch.is_request(names) or batch.is_answer(names)),
    ("totals", totals.looks_like),
    ("langfuse", langfuse.looks_like),
    ("helicone", helicone.looks_like),
    ("openrouter", openrouter.looks_like),
    ("data-flywheel", lambda names: "request" in names),
    ("openai-finetune", lambda names: "messages" in names),
)
"""What tells each format from the others, in the order in which they are asked."""


def recognise(fields: Names) -> str:
    """The format of a record, by the names of its fields. Raises LogFormatError where it is none we know."""
    return _form(tuple(fields))


@lru_cache(maxsize=256)
def _form(names: tuple[str, ...]) -> str:
    fields = dict.fromkeys(names)
    for form, looks_like in _MARKS:
        if looks_like(fields):
            return form
    raise LogFormatError("no format we know: neither 'request' nor 'messages' is there, nor what marks another log (docs/formats)")


def is_known(names: Names) -> bool:
    """Is a table with these columns one that is read?"""
    return any(looks_like(names) for _, looks_like in _MARKS[1:-2])


def told(line: Line, *, scope: str, scope_from: str | None, form: str | None) -> Iterable[Told | ProviderTotal | Passed]:
    """What a record tells of: a call, several, a provider's total, nothing. `form` names the format where it shall not be recognised.

    A page of an API, `{"data": [...]}`, is the records that it holds. Raises InputError with a reason for the reader, now or later.
    """
    if (inner := _page(line.fields)) is not None:
        return _of_page(line, inner, scope, scope_from, form)
    return _one(line, scope, scope_from, form)


def _of_page(
    line: Line, inner: list[msgspec.Raw], scope: str, scope_from: str | None, form: str | None
) -> Iterator[Told | ProviderTotal | Passed]:
    refused: list[str] = []
    for raw in inner:
        try:
            body = bytes(raw)
            yield from _one(but(line, body=body, fields=fields_of(body)), scope, scope_from, form)
        except InputError as error:
            refused.append(error.message)
    if refused:
        raise LogFormatError(f"{len(refused)} of its {len(inner)} records are left out: {refused[0]}")


def _one(line: Line, scope: str, scope_from: str | None, form: str | None) -> Iterable[Told | ProviderTotal | Passed]:
    form = form or recognise(line.fields)
    if scope_from is not None:
        scope = _scope(line.fields, scope_from)
    if form in verbatim.FORMATS:
        return (Told(call=verbatim.read(line, form, scope)),)
    return _observed(line, scope, form)


def _observed(line: Line, scope: str, form: str) -> Iterator[Told | ProviderTotal | Passed]:
    for one in _READ[form](line):
        if isinstance(one, Passed):
            yield one
        elif isinstance(one, ProviderTotal):
            yield dataclasses.replace(one, scope=scope)
        else:
            check(one.call.started_at, one.call.started_at)
            call_id = identity.call_id(one.call.started_at, identity.of_response(scope, one.identity))
            yield Told(call=but(one.call, call_id=call_id, scope=scope), also=one.also, near=one.near, lacks=one.lacks)


def _page(fields: Fields) -> list[msgspec.Raw] | None:
    """The records of an API's page, or the one of an API's answer."""
    if "data" not in fields or any(looks_like(fields) for _, looks_like in _MARKS):
        return None
    try:
        raw = bytes(fields["data"]).lstrip()
        return _raws(raw) if raw[:1] == b"[" else [msgspec.Raw(raw)] if raw[:1] == b"{" else None
    except (msgspec.MsgspecError, RecursionError):
        return None


def fields_of(body: bytes) -> Fields:
    """The fields of a record, undecoded. Raises LogFormatError where it is no JSON object in UTF-8."""
    if b"\0" in body:
        raise LogFormatError("holds NUL bytes")
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise LogFormatError(f"not UTF-8: byte {error.start + 1} is 0x{body[error.start]:02x}") from None
    try:
        return _fields(body)
    except RecursionError:
        raise LogFormatError("nested too deeply") from None
    except msgspec.ValidationError:
        raise LogFormatError("not a JSON object") from None
    except msgspec.DecodeError as error:
        raise LogFormatError(f"not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None


def check_scope(scope: str) -> str:
    """The name, if it can be a scope's. Raises InputError."""
    if not scope.strip() or not scope.isprintable() or scope in _RESERVED_SCOPES:
        raise InputError(f"{scope!r} cannot be the name of a scope")
    if len(scope.encode("utf-8", "replace")) > LONGEST_SCOPE_BYTES:
        raise InputError(f"the scope {scope[:20]!r}... is longer than {LONGEST_SCOPE_BYTES} bytes")
    return scope


def _scope(fields: Fields, name: str) -> str:
    value = verbatim.value_of(fields, name)
    if value is None:
        raise LogFormatError(f"no '{name}' to take the scope from")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise LogFormatError(f"'{name}' is {verbatim.kind_of(value)}: a scope is text")
    return check_scope(str(value))
