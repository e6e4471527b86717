"""What was learned may repeat what calls said: a name in a template, a label, a word that a model knows. Find such echoes and remove them.

A word is an echo of erased calls when they said it, something learned holds it, and no remaining call says it. Records and the
day's snapshot lose the word; a model that knows it is deleted, because its digest is its identity and it cannot be edited.
Discovery and fitting make both anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from modicum.store import snapshot
from modicum.store.home import replace
from modicum.store.scan import Wanted, scan
from modicum.types import Call

WORD = re.compile(r"\w{4,}")
"""Shorter words tell nobody anything."""
ERASED = "[erased]"
FREE_TEXT = frozenset(
    (
        *("name", "labels", "form", "cues", "literals", "marks", "path", "payload"),
        *("label", "deferred_labels", "protected_labels", "workload_name", "sentence", "reason", "value", "runner_up"),
    )
)
"""The fields of records whose text comes from calls."""


def words(text: str) -> set[str]:
    return set(WORD.findall(text))


def said(call: Call) -> set[str]:
    """The words of a call, in one letter case."""
    value = call.decision.value if call.decision is not None else None
    texts = [call.user_id or "", call.conversation_id or "", call.error or "", value or "", *_texts(call)]
    return {word for text in texts for word in words(text.casefold())}


def _texts(call: Call) -> Iterator[str]:
    for body in (call.request, call.response):
        if body is not None:
            yield body.decode("utf-8", "replace")
            if b"\\" in body:
                # Escapes hide words, and glue letters to them.
                try:
                    yield from _strings(json.loads(body))
                except (ValueError, RecursionError):
                    continue


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if "\\" in value:
            yield value.replace("\\n", " ").replace("\\t", " ")
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _strings(child)


def learned_files(home: Path) -> list[Path]:
    files = [snapshot.path(home), *(home / "artefacts").rglob("*"), *(home / "requests").rglob("*")]
    return [file for file in files if file.is_file()]


def held(home: Path, records: Iterable[str]) -> dict[str, set[str]]:
    """The words that something learned holds, in one letter case, and how each is spelled there."""
    found: dict[str, set[str]] = {}
    for text in (*records, *(file.read_text("utf-8", "replace") for file in learned_files(home))):
        for word in words(text):
            found.setdefault(word.casefold(), set()).add(word)
    return found


def echoes(home: Path, records: Iterable[str], gone: Wanted, goes: Callable[[Call], bool]) -> set[str]:
    """The echoes of the calls that go, as they are spelled in what was learned. Call it while all calls are still there.

    `records`: the texts of the control records. `gone`: where to look for the calls; `goes`: is this one of them?
    """
    held_words = held(home, records)
    if not held_words:
        return set()
    suspects: set[str] = set()
    for call in scan(home, gone):
        if goes(call):
            suspects |= said(call) & held_words.keys()
    if suspects:
        for call in scan(home, Wanted()):
            if not goes(call):
                suspects -= said(call)
                if not suspects:
                    break
    return {spelled for suspect in suspects for spelled in held_words[suspect]}


def redacted(text: str, echo: set[str]) -> str:
    """Free text without the echoes."""
    return WORD.sub(lambda found: ERASED if found[0] in echo else found[0], text)


def redacted_record(record: Any, echo: set[str], *, free: bool = False) -> Any:
    """A record (as JSON values) without the echoes in its free text."""
    if isinstance(record, dict):
        return {key: redacted_record(value, echo, free=free or key in FREE_TEXT) for key, value in record.items()}
    if isinstance(record, list):
        return [redacted_record(value, echo, free=free) for value in record]
    return redacted(record, echo) if free and isinstance(record, str) else record


def whole(contract: object) -> bool:
    """Nothing was taken out of it (a JSON value): no answer is to be written by one that lacks words."""
    return ERASED not in json.dumps(contract, ensure_ascii=False)


def remove_from_files(home: Path, echo: set[str]) -> set[str]:
    """Take the echoes out of the snapshot and the request files, and delete the models that hold one; the digests of these."""
    for file in (home / "requests").rglob("*"):
        if file.is_file() and words(text := file.read_text("utf-8", "replace")) & echo:
            replace(file, redacted(text, echo).encode())
    deleted = _delete_models(home / "artefacts", echo)
    file = snapshot.path(home)
    if file.exists():
        record = redacted_record(json.loads(file.read_bytes()), echo)
        for part in ("routes", "challengers"):
            record[part] = [
                one for one in record.get(part, ()) if one["route"]["artefact_digest"] not in deleted and whole(one.get("contract"))
            ]
        record["version"] = f"{record.get('version', '')}, without what was erased"
        replace(file, json.dumps(record, ensure_ascii=False).encode())
    return deleted


def _delete_models(folder: Path, echo: set[str]) -> set[str]:
    """Delete every blob that holds an echo, and every manifest that holds one or names such a blob."""
    texts = {file: file.read_text("utf-8", "replace") for file in folder.rglob("*") if file.is_file()}
    bad = {file for file, text in texts.items() if words(text) & echo}
    digests = {file.stem for file in bad}
    manifests = {file for file, text in texts.items() if file.parent.name == "manifests" and (file in bad or words(text) & digests)}
    for file in bad | manifests:
        file.unlink()
    return {f"sha256:{file.stem}" for file in manifests}
