"""A prompt as its kind is told from: what is fixed, and where slots stand. Nothing is decided here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.types import Template
from modicum.workload.letters import UNSPACED

_HEAD, _TAIL = 6_000, 2_000
"""Of a long prompt: the instruction stands first, what is wanted often last."""
_SLOT = re.compile(
    r"\{\{\s*(?P<a>[^{}\n]{0,80}?)\s*\}\}|\$\{(?P<b>[^{}\n]{0,400}?)\}|(?<![\w{$\"'])\{(?P<c>[A-Za-z_][\w .]{0,40})\}(?!\})"
    r"|<<(?P<d>[\w .-]{1,40})>>|(?<![\w\]])\[(?P<e>[A-Z][A-Z_ ]{2,30}|[a-z]+(?:[_ ][a-z]+){0,2} here)\]"
)
"""Places to fill, as templates write them: `{{name}}`, `${name:default}`, `{name}`, `<<name>>`, `[NAME]`."""
_MARKED = re.compile("⟨[^⟩]*⟩")
_ITEM = rf"(?:(?<![\w&'/_-])(?:[^\W{UNSPACED}]|[&'/_-]){{1,40}}(?: (?:[^\W{UNSPACED}]|[&'/_-]){{1,40}}){{0,3}}|[{UNSPACED}]{{1,6}})"
"""One name; in a script without spaces a longer run is a clause."""
_LIST = re.compile(rf"(?:\"?{_ITEM}\"?[,、，،؛|;] ?\n?){{4,}}(?:or |and )?\"?{_ITEM}\"?")
_LEAD = re.compile(r"(?:[\w'-]+ ){0,3}(?:are|is|include|includes|of|as|from|either|between|among|topics|with|to|in) ")
_LINES = re.compile(rf"(?:^[-*•\d.() ]*{_ITEM}[ ,;]*\n){{4,}}(?:[-*•\d.() ]*{_ITEM}[ .]*$)?", re.MULTILINE)
"""Enumerations of five or more: the names of labels say nothing of what is to be done with them."""
_BLANKS = re.compile(r"\s{2,}|[\t\r\f\v\u00a0\u3000]")
_NAME = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """The text of a prompt in lower case, each slot as `⟨name⟩`, or `⟨⟩` where its name is not known."""

    text: str

    @property
    def plain(self) -> str:
        """The same with no name on any slot."""
        return _MARKED.sub("⟨⟩", self.text)

    @property
    def slots(self) -> int:
        return self.text.count("⟨")

    @property
    def fixed(self) -> int:
        """Letters that stand in every call."""
        return sum(map(str.isalpha, _MARKED.sub("", self.text)))


def ask(text: str) -> Asked:
    """A prompt as its author wrote it, with places to fill, or one request as it was sent."""
    return Asked(_lower(_SLOT.sub(_mark, _cut(text))))


def ask_template(templates: Sequence[Template]) -> Asked:
    """What mining found of a prompt: literals, with a slot in each gap. Of several templates the first that says something."""
    parts = []
    for template in templates[:1]:
        for pattern in (template.system, template.user):
            if pattern is None:
                continue
            inner = "⟨⟩".join(pattern.literals)
            before = "" if pattern.anchored_start else "⟨⟩"
            after = "" if pattern.anchored_end or not inner else "⟨⟩"
            parts.append(f"{before}{inner}{after}")
    return Asked(_lower(_cut("\n\n".join(parts))))


def _mark(found: re.Match[str]) -> str:
    name = next((value for value in found.groups() if value is not None), "")
    return f"⟨{' '.join(_NAME.findall(name.partition(':')[0]))[:40]}⟩"


def _listed(found: re.Match[str]) -> str:
    """An enumeration without its items; what leads up to it stays."""
    lead = _LEAD.match(found[0])
    return f"{lead[0] if lead else ''}[list]"


def _cut(text: str) -> str:
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n…\n{text[-_TAIL:]}"


def _lower(text: str) -> str:
    text = _BLANKS.sub(lambda found: "\n\n" if found[0].count("\n") > 1 else "\n" if "\n" in found[0] else " ", text.lower())
    text = text.replace("’", "'").replace("“", '"').replace("”", '"')
    return _LINES.sub("\n[list]\n", _LIST.sub(_listed, text))
