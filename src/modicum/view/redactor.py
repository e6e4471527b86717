"""What is seen of a request: the same bytes and the same object where nothing is taken out of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import Call, but
from modicum.view.allowance import Allowance
from modicum.view.finder import Finder
from modicum.view.names import Names

VIEW_VERSION = "2"
"""Of the shipped table. Change it with anything that changes what is taken out, or how it is numbered."""


_REMEMBERED, _SHORT = 10_000, 200
"""Names of users and conversations of which it is remembered whether something is taken out of them, and characters of such a name."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it is stored and as our models see it."""

    body: bytes
    request: dict[str, Any]
    names: Names


class Redactor:
    """Takes out of bodies what is recognised by its shape. One object serves all calls."""

    __slots__ = ("_finder", "_hidden", "version")

    def __init__(self, finder: Finder, version: str) -> None:
        self._finder = finder
        self._hidden: dict[str, bool] = {}
        self.version = version

    @classmethod
    def open(cls, table: Path | None = None) -> Redactor:
        """With the shipped table, extended by the operator's. Raises ConfigError where that table cannot be used."""
        finder, digest = Finder.open(table)
        return cls(finder, f"{VIEW_VERSION}+{digest}" if digest else VIEW_VERSION)

    def see(self, body: bytes, request: dict[str, Any]) -> Seen:
        """The view of a request. `request` is what `body` holds; it is left as it is, and shares with the view what is the same in both.

        Somebody waits for it: raises InputError where more may be numbers than `allowance` says (the response counts with it).
        """
        names = Names(self._finder, body, Allowance())
        kinds = self._finder.glance(body)
        if not kinds:
            return Seen(body, request, names)
        viewed = names.redact_value(request, kinds)
        if viewed is request:
            return Seen(body, request, names)
        return Seen(msgspec.json.encode(viewed), viewed, names)

    def see_call(self, call: Call) -> tuple[Call, Names]:
        """A recorded call with both bodies viewed, the response in the request's names. One that was viewed so before stays as it is."""
        names = Names(self._finder, call.request or b"")
        if call.view_version == self.version:
            return call, names
        request = None if call.request is None else names.redact_json(call.request)
        response = None if call.response is None else names.redact_json(call.response)
        return but(call, request=request, response=response, view_version=self.version), names

    def hides(self, name: str) -> bool:
        """Is something taken out of it? What is too long to be looked through is hidden too."""
        hidden = self._hidden.get(name)
        if hidden is None:
            try:
                hidden = self.names().redact(name) != name
            except InputError:
                hidden = True
            if len(self._hidden) >= _REMEMBERED:
                self._hidden.clear()
            if len(name) <= _SHORT:
                self._hidden[name] = hidden
        return hidden

    def alias(self, name: str, key: bytes) -> str:
        """What stands in a record for a user or a conversation whose id is itself taken out: the same for the same id, by a key of the
        home. Any other id is itself.
        """
        if not self.hides(name):
            return name
        return f"alias-{hashlib.blake2b(name.encode('utf-8', 'surrogatepass'), key=key, digest_size=10).hexdigest()}"

    def names(self) -> Names:
        """Names of a text or a body that belongs to no request; somebody waits, as in `see`."""
        return Names(self._finder, b"", Allowance())
