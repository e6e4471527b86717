"""Bring calls down to what mining needs: texts interned, answers short, one row a call.

Bodies are let go at once. What a call leaves behind is a few numbers and the strings that no other call shares.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from modicum.discover.labelled import Label, labels_of
from modicum.errors import InputError
from modicum.types import Call
from modicum.wire import chat
from modicum.workload.prompt import Prompt, see, window

_HEAD, _TAIL = 3_000, 1_000
T = TypeVar("T")


@dataclass(slots=True)
class Row:
    """One call as mining sees it."""

    call_id: str
    at: datetime
    model: str
    prompt: Prompt
    answer: chat.Answer | bytes | None
    """None where the call failed, has no answer, or a specialist of ours gave it. A body that was not read yet stands as it came."""
    known: tuple[str, str] = ("", "")
    """(workload_id, version_id) by the templates known before this mining."""
    tools: bool = False
    """Tools are declared."""
    returned: bool = False
    """Results of tools are sent back."""
    documents: bool = False
    """Documents are sent along as such, or are to be sought by the provider."""
    labels: tuple[Label, ...] = ()
    """What the log calls it."""

    def read(self) -> chat.Answer | None:
        """The answer. Most calls of a large log are settled without one."""
        if isinstance(self.answer, bytes):
            try:
                self.answer = _shorten(chat.answer(chat.loads(self.answer)))
            except InputError:
                self.answer = None
        return self.answer


@dataclass(slots=True)
class Corpus:
    """Calls of one scope and one key, column by column."""

    scope: str
    key: str
    call_ids: list[str] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    """Distinct system texts, windowed."""
    users: list[tuple[str, str]] = field(default_factory=list)
    """Distinct (first, last) user texts, windowed."""
    answers: list[chat.Answer | None] = field(default_factory=list)
    """Distinct answers."""
    system_of: array[int] = field(default_factory=lambda: array("l"))
    user_of: array[int] = field(default_factory=lambda: array("l"))
    answer_of: array[int] = field(default_factory=lambda: array("l"))
    known: list[tuple[str, str]] = field(default_factory=list)
    tools: bool = False
    """Tools are declared, by all calls of a key or by none."""
    returned: array[int] = field(default_factory=lambda: array("b"))
    """1 for a call that sends results of tools back."""
    documents: array[int] = field(default_factory=lambda: array("b"))
    """1 for a call with documents."""
    labels: list[tuple[Label, ...]] = field(default_factory=list)
    """Distinct sets of labels."""
    labels_of: array[int] = field(default_factory=lambda: array("l"))
    turns: array[int] = field(default_factory=lambda: array("l"))
    """User messages."""
    _system_ids: dict[str, int] = field(default_factory=dict)
    _user_ids: dict[tuple[str, str], int] = field(default_factory=dict)
    _answer_ids: dict[chat.Answer | None, int] = field(default_factory=dict)
    _label_ids: dict[tuple[Label, ...], int] = field(default_factory=dict)
    chars: int = 0
    """Characters held, roughly the memory that texts take."""

    def __len__(self) -> int:
        return len(self.call_ids)

    def add(self, row: Row) -> None:
        system, last = window(row.prompt.system), window(row.prompt.last)
        first = last if row.prompt.turns < 2 else window(row.prompt.first)
        self.call_ids.append(row.call_id)
        self.at.append(row.at)
        self.models.append(row.model)
        self.known.append(row.known)
        self.tools = self.tools or row.tools
        self.returned.append(row.returned)
        self.documents.append(row.documents)
        self.labels_of.append(self._intern(row.labels, self._label_ids, self.labels, 0))
        self.turns.append(row.prompt.turns)
        self.system_of.append(self._intern(system, self._system_ids, self.systems, len(system)))
        self.user_of.append(self._intern((first, last), self._user_ids, self.users, len(last)))
        answer = row.read()
        size = len(answer.content or "") if answer else 0
        self.answer_of.append(self._intern(answer, self._answer_ids, self.answers, size))

    def _intern(self, value: T, ids: dict[T, int], values: list[T], size: int) -> int:
        number = ids.get(value)
        if number is None:
            number = ids[value] = len(values)
            values.append(value)
            self.chars += size
        return number

    def row(self, number: int) -> Row:
        """A call again, its texts windowed."""
        first, last = self.users[self.user_of[number]]
        system = self.systems[self.system_of[number]]
        turns = self.turns[number] if first == last else max(2, self.turns[number])
        prompt = Prompt(self.key, system, first, last, turns, len(system) + len(last))
        return Row(
            self.call_ids[number],
            self.at[number],
            self.models[number],
            prompt,
            self.answers[self.answer_of[number]],
            self.known[number],
            self.tools,
            bool(self.returned[number]),
            bool(self.documents[number]),
            self.labels[self.labels_of[number]],
        )

    def texts(self, number: int) -> tuple[str, str, str]:
        """(system, first user, last user) of a call, windowed."""
        first, last = self.users[self.user_of[number]]
        return self.systems[self.system_of[number]], first, last

    def answer(self, number: int) -> chat.Answer | None:
        return self.answers[self.answer_of[number]]


def take(call: Call) -> Row | None:
    """A call as a row, or None where its body is gone or is not a chat."""
    if call.request is None:
        return None
    try:
        request = chat.loads(call.request)
        prompt = see(request)
    except InputError:
        return None
    ours = call.decision is not None and call.decision.reason == "answered"
    answer = call.response if call.status < 400 and call.error is None and not ours else None
    tools = bool(request.get("tools") or request.get("functions"))
    messages = request["messages"]
    returned = len(messages) > 2 and any(isinstance(one, dict) and one.get("role") in ("tool", "function") for one in messages)
    model = call.response_model or call.request_model or ""
    documents, labels = _has_documents(request), labels_of(call, request)
    return Row(call.call_id, call.started_at, model, prompt, answer, tools=tools, returned=returned, documents=documents, labels=labels)


def _has_documents(request: dict[str, Any]) -> bool:
    """`documents` (Cohere, vLLM), `data_sources` (Azure), or a tool of the provider that searches files."""
    if request.get("documents") or request.get("data_sources"):
        return True
    tools = request.get("tools")
    return isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("type") in ("file_search", "retrieval") for tool in tools)


def _shorten(answer: chat.Answer) -> chat.Answer:
    content = answer.content
    if content is None or len(content) <= 2 * _HEAD or content.lstrip()[:1] in ("{", "[", "`") and len(content) < 50_000:
        return answer
    return chat.Answer(content[:_HEAD] + "\n…\n" + content[-_TAIL:], answer.refusal, answer.tool_calls, answer.finish_reason)


def models_by_calls(models: Iterable[str]) -> tuple[str, ...]:
    """Distinct models, most calls first. A specialist of ours answers for an incumbent and is none."""
    counts = Counter(model for model in models if model and not model.startswith("modicum/"))
    return tuple(sorted(counts, key=lambda model: (-counts[model], model)))
