"""Workloads that `benchmarks.linear` composes from public phrases: many labels, calls by the thousand, long messy messages.

A message takes its phrase from the published split of its set, so no phrase of a test message stands in a training one.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.headlines import Row, banking, clinc

SPLITS = ("train", "test")
LEAST_FRAME = 12
"""Times that a frame of SNIPS has to occur among its training sentences to be a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A long message, and what is known of it."""

    text: str
    label: str
    phrase: str
    """The sentence that says what is wanted."""
    place: str
    """Where it stands: head, middle or tail."""

    @property
    def words(self) -> int:
        return len(self.text.split())


def intents(data: Path, split: str) -> list[Row]:
    """BANKING77 and CLINC150 (in scope) as one set of 227 labels."""
    return [*((text, "bank/" + label) for text, label in banking(data, split)), *clinc(data, (split,))]


def many(data: Path) -> tuple[list[Row], list[Row]]:
    """(train, test): the 227 intents, and SNIPS by frame (intent and kinds of slots that are filled)."""
    frames = {split: _frames(data / "snips" / split) for split in SPLITS}
    often = {label for label, times in Counter(label for _, label in frames["train"]).items() if times >= LEAST_FRAME}
    train, test = ([*intents(data, split), *(row for row in frames[split] if row[1] in often)] for split in SPLITS)
    return train, test


def _frames(folder: Path) -> list[Row]:
    columns = [(folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label", "seq.out")]
    return [
        (text.strip(), "/".join([intent.strip(), *sorted({tag[2:] for tag in tags.split() if tag.startswith("B-")})]))
        for text, intent, tags in zip(*columns, strict=True)
    ]


def calls(data: Path, labels: int, *, long: bool, count: int = 10_000, seed: int = 5) -> list[Row]:
    """As many calls with as many labels; the long ones are messages of 500 to 1,000 words."""
    rng = random.Random(seed)
    known = intents(data, "train")
    names = sorted({label for _, label in known})
    rng.shuffle(names)
    of = {name: f"label {number % labels}" for number, name in enumerate(names)}
    rows = [(text, of[label]) for text, label in rng.sample(known, count)]
    if not long:
        return rows
    filler = Filler(data, "train")
    return [(_wrap(text, filler, rng, rng.randrange(500, 1_000))[0], label) for text, label in rows]


class Filler:
    """What stands around a request in real mail: documents, logs, other people's sentences, boilerplate."""

    def __init__(self, data: Path, split: str) -> None:
        whole = (data / "cranfield" / "cran.all.1400").read_text(encoding="utf-8", errors="replace")
        found = [" ".join(part.split("\n.I")[0].split()) for part in whole.split("\n.W\n")[1:]]
        half = len(found) // 2
        self.documents = [text for text in (found[:half] if split == "train" else found[half:]) if text]
        self.chatter = [text for text, _ in clinc(data, ("oos_" + split,))]


OPENINGS = ("Hi team,", "Hello,", "Dear support,", "Good morning,", "To whom it may concern,", "Hey,", "FYI see below.", "")
CLOSINGS = ("Thanks,", "Kind regards,", "Best,", "Many thanks in advance,", "Sent from my phone", "Cheers,")
NAMES = ("Amira", "Bruno", "Chioma", "Dewi", "Elif", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kavya", "Lwazi")
NOTICE = (
    "This message and its attachments are confidential and meant for the addressee only. If you received it by mistake, tell the sender "
    "and delete it. Opinions in it are those of the sender. Please think of the environment before you print this mail."
)
BEFORE = {"head": 0.0, "middle": 0.5, "tail": 0.85}
"""How much of what stands around a request stands before it."""
SPANS = {700: "350-700 words", 1_200: "700-1,200", 10**9: "1,200-2,100"}
EVENTS = (
    "GET /v1/session 200",
    "retry scheduled",
    "cache miss",
    "token refreshed",
    "WARN slow query",
    "ERROR upstream closed",
    "heartbeat ok",
)


def messy(data: Path, split: str, *, labels: int, count: int, seed: int) -> list[Message]:
    """Messages of 500 to 3,000 tokens (350 to 2,000 words) with labels that fall off as 1/rank."""
    rng = random.Random(f"{seed} {split}")
    by_label = defaultdict(list)
    for text, label in intents(data, split):
        by_label[label].append(text)
    names = random.Random(seed).sample(sorted(by_label), labels)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, labels + 1)))
    filler = Filler(data, split)
    found = []
    for label in rng.choices(names, cum_weights=weights, k=count):
        phrase = rng.choice(by_label[label])
        text, place = _wrap(phrase, filler, rng, int(350 * (2_000 / 350) ** rng.random()))
        found.append(Message(text=text, label=label, phrase=phrase, place=place))
    return found


def _wrap(phrase: str, filler: Filler, rng: random.Random, words: int) -> tuple[str, str]:
    """A message of about so many words around a phrase, and where the phrase stands in it."""
    place = rng.choices(tuple(BEFORE), weights=(6, 2, 2))[0]
    before = int(words * BEFORE[place])
    parts = [rng.choice(OPENINGS), *_noise(filler, rng, before), phrase, rng.choice(CLOSINGS), _signature(rng)]
    parts += [*_noise(filler, rng, words - before), NOTICE]
    return "\n\n".join(part for part in parts if part), place


def _noise(filler: Filler, rng: random.Random, words: int) -> list[str]:
    parts: list[str] = []
    while words > 0:
        part = rng.choice((_thread, _log, _document))(filler, rng)
        taken = part.split(" ")[: max(words, 8)]
        parts.append(" ".join(taken))
        words -= len(taken)
    return parts


def _signature(rng: random.Random) -> str:
    return f"{rng.choice(NAMES)} {rng.choice('ABCDEFGHKLMNPRST')}.\nDesk {rng.randrange(100, 999)} | +44 20 7946 0{rng.randrange(100, 999)}"


def _thread(filler: Filler, rng: random.Random) -> str:
    said = [rng.choice(filler.chatter) for _ in range(rng.randrange(2, 7))]
    lines = [f"> {line}" for line in (rng.choice(OPENINGS), *said, rng.choice(CLOSINGS), rng.choice(NAMES))]
    return f"On {rng.randrange(1, 29)} October 2026, {rng.choice(NAMES)} wrote: \n" + " \n".join(lines)


def _log(_: Filler, rng: random.Random) -> str:
    lines = (
        f"2026-10-{rng.randrange(1, 29):02} {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02} "
        f"[{rng.randrange(16**6):06x}] {rng.choice(EVENTS)} {rng.randrange(3_000)} ms"
        for _ in range(rng.randrange(4, 20))
    )
    return " \n".join(lines)


def _document(filler: Filler, rng: random.Random) -> str:
    return "---- pasted ---- " + rng.choice(filler.documents)


def by_length(messages: Sequence[Message]) -> dict[str, list[int]]:
    """Which messages are how long, in words: three spans, the shortest first."""
    spans: dict[str, list[int]] = {span: [] for span in SPANS.values()}
    for row, message in enumerate(messages):
        spans[next(span for most, span in SPANS.items() if message.words < most)].append(row)
    return spans
