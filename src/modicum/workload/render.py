"""Write a value as the incumbent would: its affixes, fences, key order and spacing."""

from __future__ import annotations

import json

from modicum.types import Contract
from modicum.workload import record


def render(contract: Contract, value: str) -> str:
    """The content of an answer that says `value`. A tool call has no content: its arguments are given."""
    if contract.kind == "tool":
        call = json.loads(value)
        return json.dumps(call["arguments"] if isinstance(call, dict) else call, ensure_ascii=False)
    if contract.kind == "text":
        return value
    if contract.kind == "object":
        value = record.write(contract, value)
    prefix, _, suffix = contract.form.partition("{}")
    return prefix + value + suffix
