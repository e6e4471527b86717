"""Every noun of the house: frozen records, added when a room needs them.

Money is `Decimal` in US dollars, times are aware UTC datetimes, units stand in the names. A field that is `None` is
unknown, never zero. Records are built from builtins alone, so that `msgspec` reads and writes each without help.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

T = TypeVar("T")
DAYS_A_MONTH = 30.44
"""365.25 / 12: the month of every figure that says "a month"."""
_COPIES: dict[type, Callable[[Any], Any]] = {}
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def new_call_id() -> str:
    """A UUIDv7 (RFC 9562): ids sort by time, so the table of calls can be searched by them."""
    ms, random = f"{time.time_ns() // 1_000_000:012x}", os.urandom(10).hex()
    return f"{ms[:8]}-{ms[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:19]}"


def quick(cls: type[T]) -> type[T]:
    """Make a frozen record of many fields quickly: for those that every call makes.

    A frozen dataclass fills its slots one by one through `object.__setattr__`, past its own lock; with thirty fields that takes longer
    than all that is done with them. Here a new record is for a moment of a twin class with the same slots and no lock.
    """
    rows = fields(cls)  # type: ignore[arg-type]  # a dataclass: nothing else is given to it
    if cls.__bases__ != (object,) or any(row.default_factory is not MISSING or not row.init or not row.kw_only for row in rows):
        raise TypeError(f"{cls.__name__} is not simple enough to be made quickly")
    twin = type(cls.__name__, (), {"__slots__": tuple(row.name for row in rows)})
    known: dict[str, Any] = {f"_{row.name}": row.default for row in rows if row.default is not MISSING}
    known |= {"_become": object.__setattr__, "_twin": twin, "_cls": cls}
    taken = ", ".join(row.name if row.default is MISSING else f"{row.name}=_{row.name}" for row in rows)
    body = "".join(f"    self.{row.name} = {row.name}\n" for row in rows)
    source = f"def __init__(self, *, {taken}):\n    _become(self, '__class__', _twin)\n{body}    self.__class__ = _cls\n"
    exec(source, known)  # as dataclasses itself writes it; all names in it are this file's own
    known["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = known["__init__"]  # type: ignore[method-assign]
    copied = "".join(f"    new.{row.name} = old.{row.name}\n" for row in rows)
    known["_new"] = object.__new__
    exec(f"def copy(old):\n    new = _new(_twin)\n{copied}    return new\n", known)
    _COPIES[cls] = known["copy"]
    return cls


def but(record: T, **changes: Any) -> T:
    """The same record with other values in some fields: `dataclasses.replace`, at a fourth of its time, for what is made quickly."""
    new = _COPIES[type(record)](record)
    for name, value in changes.items():
        setattr(new, name, value)
    new.__class__ = type(record)
    return new  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------------------------- calls


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. Input includes cache reads and writes and audio; output includes reasoning and audio."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    """All that was written to the provider's cache, for however long."""
    cache_write_1h_tokens: int | None = None
    """Of these, what was written to be kept for an hour."""
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    estimated: bool = False


UNKNOWN_USAGE = Usage()


Reason = Literal[
    "answered",  # a stage was sure enough
    "shadow",  # the route is in shadow: computed beside the incumbent, never sent
    "observe",  # serve only records
    "bypass",  # the caller asked for the incumbent
    "control",  # the coin kept this conversation with the incumbent
    "canary",  # the route answers a share of the conversations, and this one is not of it
    "unwatched",  # nobody watches the route, and this conversation was given back to the incumbent
    "under_way",  # the conversation was with the incumbent when the route took a step, or is in its prompt cache; it stays for a while
    "not_recognised",  # no workload has this template
    "no_route",  # recognised, but nothing is switched on
    "not_covered",  # the certificate did not see such requests (detail says what)
    "expired",  # the certificate is too old
    "protected_label",  # a label that always goes to the incumbent was predicted or close
    "below_threshold",  # not sure enough
    "failed",  # something of ours broke; the call went upstream
    "degraded",  # no provider answered, and the operator allows a stage to answer below its threshold then
    "no_workloads",  # an endpoint that has none: embeddings, rerank, completions
]

Endpoint = Literal[
    "chat_completions",
    "responses",
    "completions",
    "embeddings",
    "rerank",
    "messages",
    "count_tokens",
    "models",
    "files",
    "batches",
    "generate_content",
    "converse",
    "predictions",
]
"""What is asked of a provider. The last three are only spoken to providers, never by callers."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who answered a call and why."""

    answered_by: str
    """The model that the caller is told, `modicum/<workload>@<digest>` for a specialist."""
    reason: Reason
    detail: str = ""
    workload_id: str | None = None
    version_id: str | None = None
    route_id: str | None = None
    certificate_id: str | None = None
    artefact_digest: str | None = None
    confidence: float | None = None
    threshold: float | None = None
    value: str | None = None
    """What the specialist said, in the contract's canonical spelling; in shadow too."""
    would_answer: bool | None = None
    agreed: bool | None = None
    """In shadow: did the specialist's answer equal the incumbent's? None where the incumbent's cannot be read."""
    propensity: float | None = None
    """With a route: the chance of the side that the coin chose for the call, whatever it says: that the route may answer it, or that the
    incumbent does (control, a canary's rest, all in shadow). None in records older than that."""
    stage_failed: bool = False
    """The route's stage was to say something and could not: it broke, rests, or did not answer. Whoever answers and whatever the reason."""
    stage_model: str | None = None
    """`provider/model` of another model that the route's stage asked, whatever came of it."""
    stage_usage: Usage | None = None
    stage_cost_usd: Decimal | None = None
    """What that took. Where its answer was given the call's own cost is the same; else it comes on top."""
    stage_ms: float | None = None
    """How long the stage took to answer, ours or another model; None where it was not asked."""
    challenger_route_id: str | None = None
    """A proposed route of the same workload that was asked beside the live one: on control calls alone, never sent."""
    challenger_value: str | None = None
    """What it said; None where its certificate does not cover the request."""
    challenger_would_answer: bool | None = None
    challenger_agreed: bool | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its response, with verbatim bodies (a streamed response as the plain one it adds up to)."""

    call_id: str
    response_id: str | None = None
    scope: str = "default"
    client_id: str | None = None
    """The tenant or application that called, as the log names it. Never used to group calls."""
    key_id: str | None = None
    """The virtual key that it came with."""
    endpoint: Endpoint = "chat_completions"
    """What the caller asked at, and so the dialect of both bodies: `wire.canon` reads each as a chat completion."""
    user_id: str | None = None
    """The end user, where the request names one."""
    conversation_id: str | None = None
    trace_id: str | None = None
    """The trace, or run of an agent, that it was a step of, as the log names it."""
    tags: tuple[str, ...] = ()
    """What the caller labelled it with, as the log names it."""
    started_at: datetime
    duration_ms: float | None = None
    time_to_first_chunk_ms: float | None = None
    streamed: bool = False
    origin: Literal["import", "live"] = "import"
    source: str = ""
    """The log's format for an imported call, the listener for a live one."""
    request_model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    """The provider that answered, or failed last, as the configuration names it."""
    deployments: tuple[str, ...] = ()
    """`provider/model` of every deployment that was tried, in order; a retry stands twice."""
    request: bytes | None = None
    """JSON as received, or its redacted view. None where bodies are not kept, once erased or past `keep_days`."""
    response: bytes | None = None
    view_version: str | None = None
    """The redactor that both bodies went through before they were stored; None: they are as they were."""
    status: int = 200
    finish_reason: str | None = None
    error: str | None = None
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    service_tier: str | None = None
    """The provider's word where it priced the call otherwise: flex, priority, batch, ..."""
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A virtual key: who may ask for what, how often, and for how much. The secret itself is kept nowhere."""

    key_id: str
    name: str
    digest: str
    """SHA-256 of the whole secret, in hex."""
    shown: str
    """The first characters of the secret, enough to tell keys apart by eye."""
    scope: str = "default"
    admin: bool = False
    """May use the admin API; an admin key asks for no completions."""
    models: tuple[str, ...] = ()
    """Models that it may ask for (`*` at the end matches the rest); empty: all."""
    requests_minute: int | None = None
    tokens_minute: int | None = None
    concurrency: int | None = None
    budget_day_usd: Decimal | None = None
    budget_month_usd: Decimal | None = None
    reserve_output_tokens: int = 1024
    """Reserved for the answer of a request that sets no limit of its own."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


FeedbackSource = Literal["person", "model", "system"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody said afterwards of one call, or of a conversation. At least one of label to comment is there."""

    feedback_id: str
    """Digest of all but its time: the same thing said again is the same feedback."""
    scope: str
    at: datetime
    call: str = ""
    """The call's id, ours or its response's; empty where a conversation is meant."""
    conversation: str = ""
    """As calls record it."""
    label: str | None = None
    """The right answer's value. JSON that is no string stands in one spelling."""
    correction: str | None = None
    """The text that should have been answered."""
    score: float | None = None
    name: str = ""
    """What was scored."""
    outcome: str | None = None
    """What became of it: one word."""
    comment: str | None = None
    by: str | None = None
    source: FeedbackSource = "person"
    """A person; a model that judges; a system that learnt what was right."""
    key_id: str | None = None


# ------------------------------------------------------------------------------------------------------------ workloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """The static text of one segment: literals in order with gaps (slots) between them."""

    literals: tuple[str, ...] = ()
    anchored_start: bool = False
    anchored_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What code fixes about a prompt. `key` digests the tools and the response format, never the model."""

    key: str
    system: Pattern | None = None
    """None: there is no system text. A pattern without literals: any text."""
    user: Pattern | None = None
    user_at: Literal["last", "first"] = "last"
    """Which user message the pattern is of; agents give their instructions in the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One wording of a workload's prompt; a certificate names those that it saw."""

    version_id: str
    template: Template
    marks: tuple[tuple[str, str], ...] = ()
    """(slot name, value) of few-valued slots that tell this version from its siblings under the same template."""
    first_seen: datetime
    last_seen: datetime
    calls: int = 0


ContractKind = Literal["label", "object", "number", "tool", "text"]
FieldKind = Literal["label", "boolean", "number", "span", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One leaf of a JSON answer."""

    path: tuple[str, ...]
    kind: FieldKind
    labels: tuple[str, ...] = ()
    presence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What the answers of a workload look like, how one is read, and how one is rendered."""

    kind: ContractKind
    labels: tuple[str, ...] = ()
    """Canonical values in the spelling that is served. For an object: canonical JSON records, if they are few."""
    fields: tuple[Field, ...] = ()
    reader: str = "whole"
    """Which reader explains the answers: whole, first, last, emphasis, search, json, number, tool, text."""
    form: str = "{}"
    """The majority form of an answer; `{}` is where the value stands."""
    cues: tuple[str, ...] = ()
    """For the reader `search`: normalised words that stand before the label where an answer is unambiguous."""
    json_style: Literal["spaced", "compact", "indent2", "indent4"] = "spaced"
    """How the incumbent writes JSON; keys stand in the order of `fields`."""
    json_ascii: bool = False
    """The incumbent escapes what is not ASCII."""
    read_share: float = 0.0
    """Share of the answers (refusals and errors included) that the reader reads."""
    discarded_share: float = 0.0
    """Share of the answers where reading discards more than white space, case, quotes, fences or a constant affix."""
    read_as: Literal["label", "json", "text"] | None = None
    """The operator's word on how answers are read; without it a contract that discards over 1 % is never switched on."""

    @property
    def can_be_served(self) -> bool:
        return self.discarded_share <= 0.01 or self.read_as in ("label", "json")


TaskKind = Literal[
    "classify", "extract", "score", "tool", "summarise", "translate", "retrieve-and-answer", "embed", "rerank", "generate", "unsure"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Calls of one template with one kind of answer, within a scope."""

    workload_id: str
    scope: str
    name: str
    task: TaskKind
    task_sure: float = 0.0
    """How sure the task is, 0 to 1."""
    task_why: str = ""
    """Why it is that task, as the end of a sentence."""
    contract: Contract
    versions: tuple[Version, ...]
    incumbents: tuple[str, ...] = ()
    """Models that answer it today, most calls first."""
    calls: int = 0
    first_seen: datetime
    last_seen: datetime
    routable: bool = True
    """False where the template is too thin to recognise a request safely (open chat)."""
    ignored: bool = False

    @property
    def in_words(self) -> bool:
        """Its answers are words; those of embeddings and reranking are numbers of a model made for them."""
        return self.task not in ("embed", "rerank")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A request that has a known template, with what its slots hold."""

    workload_id: str
    version_id: str
    slots: tuple[tuple[str, str], ...]
    """(slot name, value); names are stable across the versions of a workload as far as slots correspond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDecision:
    """What a person said about a workload; applied again after each discovery, in the order of `at`.

    Payload by kind: name, the new name; read, `label`, `json` or `text`; merge, the id of the workload that is taken in;
    split, a JSON object {"slot", "value"}: calls with that value become a workload of their own; ignore, "" or "false"; owner, who
    answers for it, and purpose, what it is for: "" takes it back.
    """

    decision_id: str
    scope: str
    kind: Literal["name", "read", "merge", "split", "ignore", "owner", "purpose"]
    workload_id: str
    payload: str = ""
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTotal:
    """What a provider says of a day: a row of its usage or cost export. No call, and added to calls only where they do not cover it."""

    scope: str = "default"
    day: str
    """YYYY-MM-DD, UTC."""
    provider: str
    source: str
    """The kind of export: openai-usage, anthropic-costs, ..."""
    model: str | None = None
    line_item: str | None = None
    """What was charged for, in the provider's words."""
    project: str | None = None
    """Its project or workspace."""
    key: str | None = None
    """Its API key, by id or name."""
    service_tier: str | None = None
    part: str = ""
    """What else tells it from its siblings: an hour, a context window."""
    requests: int | None = None
    usage: Usage = Usage()
    cost_usd: Decimal | None = None


# ----------------------------------------------------------------------------------------------------------- candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs, in US dollars per million tokens. None is unknown, or charged as the plain tokens of its side."""

    provider: str
    model: str
    input_usd_mtok: Decimal | None = None
    output_usd_mtok: Decimal | None = None
    cache_read_usd_mtok: Decimal | None = None
    cache_write_usd_mtok: Decimal | None = None
    cache_write_1h_usd_mtok: Decimal | None = None
    audio_input_usd_mtok: Decimal | None = None
    audio_output_usd_mtok: Decimal | None = None
    request_usd: Decimal | None = None
    """Charged for each call beside its tokens."""
    source: str = ""
    as_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One recorded call as fitting and proving see it."""

    call_id: str
    response_id: str | None
    at: datetime
    slots: tuple[tuple[str, str], ...]
    value: str | None
    """The incumbent's answer in canonical spelling; None where it cannot be read, was refused or cut off."""
    version_id: str
    incumbent: str
    provider: str | None = None
    """Whose answer it is, where that was recorded."""
    user_id: str | None = None
    conversation_id: str | None = None
    input_chars: int = 0
    turns: int = 1
    cost_usd: Decimal | None = None
    duration_ms: float | None = None
    control: bool = True
    """True where the incumbent answered for reasons independent of content: before a route, or by the coin."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a specialist says of one request."""

    value: str
    confidence: float
    """Probability of the first label minus that of the second."""
    runner_up: str = ""
    runner_up_probability: float = 0.0


# ---------------------------------------------------------------------------------------------- certificates and routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a stage answers. The same record is certified by night and applied by day."""

    accept_above: float
    """Accept when confidence >= this."""
    deferred_labels: tuple[str, ...] = ()
    """Labels that always go to the incumbent: protected ones, and those too rare to certify."""
    runner_up_floor: float = 0.1
    """Defer too when a protected label is the runner-up with at least this probability."""
    protected_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Which requests a certificate speaks of; all others defer."""

    incumbents: tuple[str, ...]
    version_ids: tuple[str, ...]
    view_version: str
    max_input_chars: int
    max_turns: int = 1


PromiseKind = Literal["A", "B", "C"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """What happens to one label of the incumbent's, in groups of the certify window."""

    label: str
    groups: int
    answered: int
    differing: int
    upper_bound: float
    """95 % upper bound on the differing among the groups of this label; 1.0 where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is going to be tested on which window, written before the certify calls are opened."""

    attempt_id: str
    workload_id: str
    number: int
    """j: attempt j of a workload spends delta * 6 / (pi^2 j^2)."""
    kinds: tuple[PromiseKind, ...]
    margin: float
    """C: the most of its answers that may be wrong; `max_selective` is the same then."""
    max_selective: float
    min_coverage: float
    delta: float
    """What this attempt may spend in all; with two kinds each gets a half."""
    artefact_digest: str
    rule: Rule
    """Threshold is the start of the sequence."""
    thresholds: tuple[float, ...]
    """In the order in which they are tested."""
    window_from: datetime
    window_to: datetime
    groups: int
    min_label_groups: int = 5
    """Labels with fewer certify groups on which specialist and incumbent agree go to the incumbent."""
    max_label_share: float = 0.10
    """B and C go down the sequence as long as they want labels for no more than this share of the groups."""
    max_labels: int = 0
    """B: labels are asked for so many of the differing groups, drawn at random, and these speak for all; 0: for each of them."""
    fingerprint: str
    """Digest of everything that entered: calls, options, code version. A fit with the same one is answered from the record."""
    seed: int
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Dollars a month with an interval, against a named baseline. None is unknown."""

    usd_month: Decimal | None
    low_usd_month: Decimal | None
    high_usd_month: Decimal | None
    baseline: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The promise and its evidence."""

    certificate_id: str
    workload_id: str
    workload_name: str
    scope: str
    kind: PromiseKind
    margin: float
    max_selective: float
    confidence: float
    delta_spent: float
    attempt_number: int
    groups: int
    calls: int
    accepted: int
    """Groups of the certify window that the rule answers."""
    errors: int
    """A: accepted groups where specialist and incumbent differ. B: where the loss grew, C: that are wrong (missing labels counted)."""
    labels_used: int
    coverage: float
    coverage_calls: float
    """Coverage weighted by calls, an estimate."""
    rate: float
    """errors / groups (A), mean excess loss (B), errors / accepted (C)."""
    rate_calls_interval: tuple[float, float]
    """The same weighted by calls, cluster interval, an estimate."""
    p_value: float
    rule: Rule
    cover: Cover
    artefact_digest: str
    label_table: tuple[LabelRow, ...]
    self_disagreement: float | None
    """How often the incumbent differs from itself on repeats; None where there are none."""
    left_out_groups: int
    """Certify groups that reach back over the cut."""
    window_from: datetime
    window_to: datetime
    sentence: str
    saving: Saving
    evidence_digest: str
    created_at: datetime
    expires_at: datetime
    contract: Contract | None = None
    """How the answers that it speaks of were read, and how its own are written. Certificates that are older do not say."""


RouteState = Literal["proposed", "shadow", "canary", "on", "paused", "rolled_back", "retired"]
"""proposed: certified; asked nothing, or compared with the live route of its workload. shadow: its answers are compared, never sent.
canary: a share of the conversations gets them. on: all but the control. paused: off, to come again through shadow. rolled_back: off by an
alarm or a person, for good. retired: replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Workload -> one specialist with its rule -> the incumbent as last resort."""

    route_id: str
    workload_id: str
    scope: str
    artefact_digest: str
    certificate_id: str
    state: RouteState
    changed_at: datetime
    changed_by: str
    proposed_by: str = ""
    approved_by: str | None = None
    """Who let callers have its answers, where policy asks for somebody."""
    automatic: bool = False
    """A watcher may take it forward, step by step."""
    share: float = 0.1
    """In canary: the share of conversations, of those that the coin does not keep as control, that gets its answers."""
    control_share: float | None = None
    """The share that the coin keeps with the incumbent, where a watcher has set it; else `[route] control_share`."""
    before: Before | None = None
    """What held until `changed_at`: conversations that were under way then stay where they were for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How a route stood before its last step forward."""

    state: RouteState
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A proposed route beside the live one of its workload, on the same control calls. Lost: answered, and not as the incumbent did."""

    route_id: str
    """The live one."""
    calls: int = 0
    """Distinct control calls at which both were asked."""
    answered: int = 0
    lost: int = 0
    """Of the proposed route."""
    live_answered: int = 0
    live_lost: int = 0
    worse_p: float = 1.0
    """Valid at any time, of "the proposed one loses no more than the live one": small where it is shown to lose more."""
    better_p: float = 1.0
    """The same of "the live one loses no more than the proposed one": small where the proposed one is shown to lose less."""
    more_p: float = 1.0
    """The same of "the proposed one answers no more": small where it is shown to answer more."""
    first_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the watcher knows of a route in its present step. A draw is a call whose answer by both sides is known by chance alone."""

    route_id: str
    at: datetime
    """When this was written."""
    since: datetime
    """When the step was entered."""
    audits: int = 0
    """Draws of this step."""
    answered: int = 0
    """Of these, how many the stage would have answered or did."""
    lost: float = 0.0
    """What the draws count together: the differing (A), the worse less the better (B), the wrong (C)."""
    lost_calls: tuple[str, ...] = ()
    """Ids of the newest calls that were lost, in whichever step, oldest first: twenty at most."""
    waiting: int = 0
    """Differing draws that wait for a label."""
    calls: int = 0
    """Of the workload, in this step."""
    failed: int = 0
    """At which the stage failed."""
    p95_ms: float | None = None
    """Of the stage's answers."""
    level: float = 0.0
    """What the draws are held to: the certified bound and its slack."""
    level_answered: float | None = None
    """The same for the answered ones."""
    p_value: float = 1.0
    """Of the roll-out's test, valid at any time."""
    suspicion: float = 0.0
    """How far the standing detector is from an alarm, 0 to 1."""
    last_audit_at: datetime | None = None
    lacking: tuple[str, ...] = ()
    """What is missing for the next step, as sentences."""
    broken: str = ""
    """Which test says that the promise is broken, where one does."""
    warnings: tuple[str, ...] = ()
    """Early signs, without a guarantee."""
    against: Against | None = None
    """Of a proposed route: how it does beside the live one."""
    tests: Mapping[str, Any] = field(default_factory=dict)
    """The tests' own records, to go on from."""


NoticeKind = Literal["moved", "alarm", "warning", "learnt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that somebody should hear of: a route took a step, a test rang, an early sign, something was learnt."""

    number: int
    at: datetime
    kind: NoticeKind
    scope: str
    workload_id: str
    workload: str
    """Its name."""
    route_id: str | None = None
    text: str = ""
    """One sentence; nothing of a call is in it."""
    was: RouteState | None = None
    now: RouteState | None = None

    @property
    def bare(self) -> str:
        """The text where the workload's name stands beside it already."""
        return self.text.removeprefix(f"{self.workload}: ")


TierName = Literal[
    "repeats",
    "neighbours",
    "linear",
    "taught linear",
    "encoder",
    "chain",
    "tuned encoder",
    "tuned chain",
    "extractor",
    "encoder extractor",
    "tuned extractor",
    "extractor chain",
    "caller",
    "encoder caller",
    "tuned caller",
    "caller chain",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One candidate of a fit, by what predictions say that never saw their own: estimates to choose by, no promise."""

    name: TierName
    size_bytes: int | None
    """None, as the figures below, of one that was not made; `why` says why not."""
    cpu_ms: float | None
    """Mean CPU time of an answer."""
    agreement: float | None
    """Share of the requests on which it says what the incumbent said."""
    agreement_interval: tuple[float, float] | None = None
    """95 % limits of that, as of so many distinct requests."""
    coverage: float | None
    """Share of the requests that a rule over it could probably answer."""
    saving_usd_month: Decimal | None = None
    """What that would be worth; None where a price is unknown."""
    chosen: bool = False
    """It is what was tested."""
    why: str = ""
    """Why it could not be chosen; empty where it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCost:
    """What a right answer costs, of the incumbent alone or of the route before it: an estimate on held-out requests with gold answers."""

    who: str
    """incumbent, route"""
    requests: int
    right: float
    """Share of the requests answered right."""
    right_interval: tuple[float, float]
    """95 % limits of that."""
    usd_call: Decimal | None
    usd_right: Decimal | None
    """Dollars for each right answer; None where a price is unknown or nothing is right."""
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `fit` found for one workload: a certificate with a proposed route, or an honest refusal."""

    workload_id: str
    verdict: Literal["certified", "refused"]
    reason: str
    """One sentence for a reader."""
    code: str = ""
    """certified, free_text, spans, too_few_calls, too_few_labels, no_threshold, needs_reading, thin_template, ..."""
    needs_calls: int | None = None
    needs_days: float | None = None
    needs_labels: int | None = None
    margin_reachable: float | None = None
    """The margin that today's calls could carry."""
    request_file: str | None = None
    """Where the calls whose labels are wanted stand, for `fit --gold`."""
    attempt_id: str | None = None
    route: Route | None = None
    certificate: Certificate | None = None
    tiers: tuple[Tier, ...] = ()
    """The candidates, smallest first."""
    unit_costs: tuple[UnitCost, ...] = ()
    """Of the incumbent and of the route; empty where too few of the held-out requests have a gold answer."""
    notes: tuple[str, ...] = ()
    """What happened on the way that somebody should know."""
