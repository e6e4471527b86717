"""What signs speak for: a table of rules, each so many points for a kind. `task.py` adds them up.

The points are by hand, in halves. A rule counts where all of `signs` are there and none of `without`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modicum.discover.signs import Sign
from modicum.types import TaskKind


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for a kind, and what a reader is told."""

    kind: TaskKind
    points: float
    signs: str
    """All of these; one of those that `|` stands between."""
    without: str = ""
    says: str = ""

    def shown(self, found: Mapping[str, Sign]) -> list[Sign]:
        """The signs that it rests on; empty where it does not hold."""
        if not found.keys().isdisjoint(self.without.split()):
            return []
        each = [next((found[one] for one in sign.split("|") if one in found), None) for sign in self.signs.split()]
        return [] if None in each else [one for one in each if one is not None]


_HEADS: tuple[tuple[TaskKind, str, str, str], ...] = (
    ("classify", "classify", "it begins with the wish for a label", "it makes the model a classifier"),
    ("extract", "extract", "it begins with the wish for parts of the text", "it makes the model an extractor"),
    ("score", "score", "it begins with the wish for a mark", "it makes the model a judge"),
    ("summarise", "summarise", "it begins with the wish for a shorter text", "it makes the model a summariser"),
    ("translate", "translate", "it begins with the wish for a translation", "it makes the model a translator"),
    ("rerank", "rank", "it begins with the wish for an order", "it makes the model a ranker"),
    ("generate", "generate", "it begins with the wish for a text", "it makes the model an author"),
    ("tool", "tool", "it begins with something to be carried out", "it makes the model an agent"),
)
RULES = (
    *(
        Rule(
            kind, 2.5, f"head_{sign}", "summarise translate rank" if kind == "generate" else "" if kind == "tool" else "make_question", says
        )
        for kind, sign, says, _ in _HEADS
    ),
    *(Rule(kind, 1.5 if kind == "generate" else 3, f"part_{sign}", "", says) for kind, sign, _, says in _HEADS),
    Rule("retrieve-and-answer", 2, "part_answer", "", "it makes the model one that answers questions"),
    Rule(
        "retrieve-and-answer",
        6,
        "question passage",
        "make_question suits scale rank",
        "it puts a question to a passage, both given with the call",
    ),
    Rule(
        "retrieve-and-answer",
        4,
        "question ground",
        "make_question suits passage scale rank",
        "it puts a question to a text, both given with the call",
    ),
    Rule(
        "retrieve-and-answer",
        6,
        "question passage|ground options|lettered|choose",
        "make_question suits scale rank",
        "a question with options is put to a passage",
    ),
    Rule("retrieve-and-answer", 2.5, "given_ground answer", "make_question suits", "it asks for an answer from a text that is given"),
    Rule("retrieve-and-answer", 3, "cite answer|given_ground", "make_question suits", "answers are to keep to the sources"),
    Rule("retrieve-and-answer", 3, "fetched answer|question", "make_question suits scale rank", "what was sought out is sent along"),
    Rule(
        "retrieve-and-answer",
        3,
        "cite passage|ground|question|fetched",
        "make_question suits scale rank agent",
        "answers are to keep to the sources",
    ),
    Rule("retrieve-and-answer", 3.5, "numbered", "make_question", "passages are sent along, numbered"),
    Rule("classify", 4, "options", "", "options are listed"),
    Rule("classify", 1, "listed", "", "many names are listed"),
    Rule("classify", 2, "choose", "", "one of several is to be chosen"),
    Rule("classify", 3, "lettered", "", "options are listed"),
    Rule(
        "classify",
        6,
        "lettered go_on|make_text|what_text|tell_of|about_call|fixed_question",
        "make_question",
        "options are given to go on with",
    ),
    Rule("classify", 4, "question options|lettered", "passage ground make_question", "a question comes with options and no passage"),
    Rule("classify", 1.5, "label_word", "", "it speaks of a quality of the text"),
    Rule("classify", 4, "yes_no_question", "", "it asks a question that yes or no answers"),
    Rule("classify", 3.5, "yes_no_words", "", "the answers are named"),
    Rule("classify", 2, "either_or", "", "it asks for one or the other"),
    Rule("classify", 4, "classify", "", "it asks for a label"),
    Rule("classify", 3, "one_word", "scale score", "one word is wanted"),
    Rule("classify", 4, "short_examples", "translate question", "examples with labels are shown"),
    Rule("classify", 1.5, "pair", "", "it holds one text against another"),
    Rule("classify", 5, "suits", "", "it asks whether an answer fits"),
    Rule("classify", 2.5, "pronoun", "", "it asks whom a word means"),
    Rule("classify", 2.5, "open_end", "", "a word is to end the sentence"),
    Rule("score", 5, "scale", "", "it gives a scale"),
    Rule("score", 4, "score", "", "it asks for a score"),
    Rule("score", 5, "number_examples", "", "examples with numbers are shown"),
    Rule("score", 2, "how_much", "", "it asks how much"),
    Rule("summarise", 5, "summarise", "from_summary make_question", "it asks for a shorter text"),
    Rule("summarise", 1.5, "brief", "", "it asks for few words"),
    Rule("translate", 6, "translate", "translate_odd", "it asks for a translation"),
    Rule("translate", 2, "translate translate_odd", "", "it speaks of translating"),
    Rule("extract", 4, "extract", "", "it asks for parts of the text"),
    Rule("extract", 1, "fixed_question", "options lettered choose", "it asks the same of every text"),
    Rule("extract", 1.5, "copy", "", "what is found is to be copied"),
    Rule("extract", 1.5, "json", "", "the answer is a record"),
    Rule("extract", 2, "absent", "", "what is missing is to be named"),
    Rule("extract", 4, "records", "", "the text is to become a record"),
    Rule("extract", 3, "relation", "", "it asks how two things relate"),
    Rule(
        "extract",
        3,
        "about_call passage|ground",
        "make_question yes_no_question question options lettered",
        "it asks the same of every text",
    ),
    Rule("generate", 4, "make_text", "", "it asks for a text"),
    Rule("generate", 2.5, "what_text", "", "it asks for a text"),
    Rule("generate", 3.5, "rework", "", "it asks for a text to be changed"),
    Rule("generate", 2.5, "go_on", "", "it asks for what comes next"),
    Rule("generate", 2, "tell_of", "", "it asks for advice or an explanation"),
    Rule("generate", 1.5, "play", "", "it gives a part to play"),
    Rule("generate", 2, "persona", "", "it is to keep company"),
    Rule("generate", 1, "code", "", "it is about code"),
    Rule("generate", 6, "make_question", "", "it asks for a question"),
    Rule("generate", 5, "from_summary", "", "it asks for a longer text from a short one"),
    Rule("generate", 3, "question", "passage ground options lettered suits pair", "it asks a question without a passage"),
    Rule("tool", 7, "agent", "", "it speaks of tools or agents"),
    Rule("tool", 5, "steps", "make_question summarise translate", "steps that were taken are sent along"),
    Rule("tool", 5, "functions", "", "it names functions to call"),
    Rule("rerank", 7, "rank", "scale score", "it asks for an order of candidates"),
)
