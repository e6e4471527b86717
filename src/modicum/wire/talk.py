"""What is said to a model and by it, in no provider's dialect: the middle that every dialect is read into and written from.

A dialect's reader puts everything that it was sent into these records or raises `UntranslatableError` with the field's name;
a writer puts everything that it finds here into its dialect or raises the same. Nothing is dropped in silence. Where caller and
provider speak one dialect, none of this happens: bytes pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from modicum.types import Usage

# ------------------------------------------------------------------------------------------------------------ parts

Keep = Literal["5m", "1h"]
"""How long a provider is asked to keep what stands up to and with this part in its cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    text: str
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Base64 `data` with its `media_type`, or a `url` that the provider fetches."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A document: base64 `data` with its `media_type`, a `url`, or the provider's own `file_id`."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    name: str | None = None
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """Base64 `data`; `format` as wav or mp3."""

    data: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """The model wants a tool called. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool said."""

    id: str
    parts: tuple[Text | Image | File, ...]
    plain: bool = True
    """It was sent as one string, not as a list of parts."""
    error: bool = False
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """What the model thought. `signature` lets its provider check it later; `sealed`: only the provider can read it."""

    text: str = ""
    signature: str | None = None
    sealed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    text: str


Part = Text | Image | File | Audio | ToolUse | ToolResult | Reasoning | Refusal


# --------------------------------------------------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn, in the order in which it was sent. Tool results stand in user messages, one or several to a message."""

    role: Literal["system", "developer", "user", "assistant"]
    parts: tuple[Part, ...]
    plain: bool = True
    """Its text was sent as one string, not as a list of parts."""
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call. `parameters` is JSON Schema; None: it takes none."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    keep: Keep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """`one` names the tool that must be called. `parallel` None: as the provider likes."""

    mode: Literal["auto", "none", "any", "one"] | None = None
    name: str | None = None
    parallel: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The shape of the answer. `schema` with `json_schema` alone."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """How much the model may think: an effort, a budget of tokens, or both. `enabled` None: as the model likes."""

    enabled: bool | None = None
    effort: str | None = None
    budget_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request for one answer. A field that is None was not sent."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    format: Format | None = None
    thinking: Thinking | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    choices: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, float] | None = None
    user_id: str | None = None
    metadata: Mapping[str, str] | None = None
    service_tier: str | None = None
    store: bool | None = None
    stream: bool | None = None
    include_usage: bool | None = None
    """A stream ends with an event that holds the usage."""


# -------------------------------------------------------------------------------------------------------- responses

Finish = Literal["stop", "length", "tool_use", "refusal", "stop_sequence", "pause"]
"""Why a model stopped. `refusal`: its provider's filter, or itself. `pause`: the provider wants to be asked to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer: text, reasoning, refusals, tool uses, in order."""

    parts: tuple[Part, ...]
    finish: Finish | None
    stop_sequence: str | None = None
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage = Usage()
    created: int | None = None
    """Seconds since 1970."""
    service_tier: str | None = None


# ----------------------------------------------------------------------------------------------------------- streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """The first event of every stream."""

    id: str
    model: str
    created: int | None = None
    usage: Usage | None = None
    """What is known already: Anthropic tells the input here."""
    service_tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Part number `index` of a choice begins: an empty Text, Reasoning or Refusal, or a ToolUse without arguments."""

    index: int
    part: Part
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """More of the part that is open: text, JSON of arguments, thought, or the signature under it."""

    index: int
    text: str = ""
    signature: str | None = None
    logprobs: Mapping[str, Any] | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The part is whole."""

    index: int
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A choice said why it ended."""

    finish: Finish | None
    stop_sequence: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The usage so far; the last one holds."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged:
    """Nothing happened, and the connection lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The sender reported an error inside the stream: the rest will not come."""

    message: str
    kind: str = "server_error"
    """The sender's own word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The stream is whole. One that ends without this broke off."""


Event = Began | Opened | Added | Closed | Finished | Counted | Pinged | Failed | Ended


class StreamReader(Protocol):
    """A provider's bytes -> events. One object a stream; memory is bounded (see `wire.sse`)."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """The events that are whole now. Raises UpstreamError for bytes that are no stream of this dialect."""
        ...

    def end(self) -> Sequence[Event]:
        """The provider closed its stream: what that means. Without `Ended` among all events it broke off."""
        ...


class StreamWriter(Protocol):
    """Events -> bytes for a caller. One object a stream."""

    def write(self, event: Event) -> bytes:
        """The caller's bytes for an event, empty where its dialect has none."""
        ...


class Dialect(Protocol):
    """One way to speak of all this. Bodies are decoded JSON; every function takes what a stranger sent."""

    name: str
    content_type: str
    """Of its streams."""

    def read_request(self, body: Mapping[str, Any]) -> Request: ...
    def write_request(self, request: Request) -> dict[str, Any]: ...
    def read_response(self, body: Mapping[str, Any]) -> Response: ...
    def write_response(self, response: Response) -> dict[str, Any]: ...
    def reader(self) -> StreamReader: ...
    def writer(self, request: Request) -> StreamWriter: ...
    def read_error(self, body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
        """(message, the provider's word for the kind of error) of an error body."""
        ...

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        """An error body."""
        ...

    def error_event(self, body: bytes) -> bytes:
        """An error body as the last event of a stream."""
        ...
