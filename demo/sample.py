"""Write the demo's sample: a month of calls of a shop that does not exist to models that were never asked.

Nothing here was recorded. Messages, mails, notes and reviews are put together from the hand-written lines in `texts/`
(about 770 of them, most with choices inside), the "incumbent's" answers follow from what a message was made of, with
the slips that a large model makes too. One seed gives one sample, to the byte apart from the dates. Two of the four applications send a
handbook with every message and ask the dearest model they know, through a gateway that speaks one dialect for all providers and marks
nothing for a cache: that is what a month of it costs. Four applications:

    support-queue   a customer's message -> one of twelve queues                  label
    order-mail      a business mail -> {"department", "urgent"}                   JSON
    inspection      a note on a returned piece -> what happens to it              label; new, so there is little of it
    review-reply    a product review -> an answer to publish                      free text

`python -m demo.sample --out LOG --held-out NEWEST` writes both files; NEWEST holds the newest calls, and LOG the others.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TEXTS = Path(__file__).resolve().parent / "texts"
HANDBOOKS = TEXTS.parent / "handbooks"
"""What the applications send before each message, as grown shops do: rules, examples, a house style."""
DAYS = 30


@dataclass(frozen=True, slots=True)
class Application:
    """One kind of call: who makes it, how many a month, since how many days, and how one is written."""

    client_id: str
    model: str
    calls: int
    days: int
    write: Callable[[Writer], tuple[dict[str, Any], str]]
    """Returns the request less its model, and the answer."""
    ms_first: float
    ms_token: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True, help="where the newest calls go")
    parser.add_argument("--held", type=int, default=300, help="how many they are [300]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", type=datetime.fromisoformat, help="when the month ends [today, 00:00 UTC]")
    args = parser.parse_args()
    write(args.out, args.held_out, held=args.held, seed=args.seed, until=args.until and args.until.replace(tzinfo=UTC))


def write(out: Path, held_out: Path, *, held: int = 300, seed: int = 0, until: datetime | None = None) -> None:
    """The month as two logs: the newest `held` calls, and the others. `until` is today 00:00 UTC where nothing is said."""
    until = until or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records(seed=seed, until=until)]
    kept = len(lines) - held
    out.write_text("".join(lines[:kept]), encoding="utf-8")
    held_out.write_text("".join(lines[kept:]), encoding="utf-8")
    print(f"{kept:,} calls in {out.name}, the newest {held} in {held_out.name}")


def records(*, seed: int, until: datetime) -> list[dict[str, Any]]:
    """The whole month in time order, one record a call: timestamp, client_id, request, response, duration_ms."""
    made: list[dict[str, Any]] = []
    for number, application in enumerate(APPLICATIONS):
        writer, clock = Writer(random.Random(f"{seed}/{number}")), random.Random(f"{seed}/{number}/times")
        seen: set[str] = set()
        while len(seen) < application.calls:
            request, answer = application.write(writer)
            text = request["messages"][-1]["content"]
            if text not in seen:
                seen.add(text)
                made.append(record(clock, application, request, answer, until))
    return sorted(made, key=lambda one: one["timestamp"])


def record(rng: random.Random, application: Application, request: dict[str, Any], answer: str, until: datetime) -> dict[str, Any]:
    at = moment(rng, application.days, until)
    asked, said = (max(1, round(n / 4)) for n in (sum(len(m["content"]) + 16 for m in request["messages"]), len(answer)))
    duration = (application.ms_first + said * application.ms_token) * rng.lognormvariate(0, 0.25)
    response = {
        "id": f"chatcmpl-{rng.getrandbits(96):024x}",
        "object": "chat.completion",
        "created": int(at.timestamp()),
        "model": application.model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": answer, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }
    return {
        "timestamp": at.isoformat(),
        "client_id": application.client_id,
        "request": {"model": application.model, **request},
        "response": response,
        "duration_ms": round(duration, 1),
    }


def moment(rng: random.Random, days: int, until: datetime) -> datetime:
    """A time within the last `days`, as a shop's day has it: few at night, fewer at the weekend."""
    while True:
        at = until - timedelta(seconds=rng.random() * days * 86_400)
        busy = (0.15 if at.hour < 7 or at.hour > 21 else 1.0) * (0.6 if at.weekday() > 4 else 1.0)
        if rng.random() < busy:
            return at


# ------------------------------------------------------------------------------------------------------- the applications


def handbook(name: str) -> str:
    return (HANDBOOKS / f"{name}.md").read_text(encoding="utf-8").rstrip()


QUEUES = {
    "delivery_status": 0.19,
    "return_request": 0.13,
    "product_advice": 0.12,
    "damaged_item": 0.11,
    "refund_status": 0.09,
    "order_change": 0.08,
    "wrong_item": 0.07,
    "payment_problem": 0.06,
    "account_login": 0.05,
    "invoice": 0.04,
    "gift_voucher": 0.03,
    "feedback": 0.03,
}
QUEUE_PROMPT = handbook("queues")
DEPARTMENTS = {"sales": 0.26, "logistics": 0.2, "accounts": 0.2, "purchasing": 0.14, "quality": 0.1, "personnel": 0.1}
MAIL_PROMPT = (
    "You are the mail room of Larkfield. For each mail to the business address say which department must have it "
    f"({', '.join(sorted(DEPARTMENTS))}) and whether it is urgent, that is, whether somebody has to act on it today. Answer with JSON."
)
MAIL_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "mail",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"department": {"type": "string", "enum": sorted(DEPARTMENTS)}, "urgent": {"type": "boolean"}},
            "required": ["department", "urgent"],
            "additionalProperties": False,
        },
    },
}
OUTCOMES = {"restock": 0.34, "outlet": 0.26, "repair": 0.18, "recycle": 0.13, "supplier": 0.09}
INSPECTION_PROMPT = (
    "What happens to this returned piece? The note was typed by the inspector at the returns desk. "
    "Reply with one word: restock (sell as new), outlet (sell at a discount), repair, recycle, or supplier (claim it from the maker)."
)
REPLY_PROMPT = handbook("replies")


def support_message(write: Writer) -> tuple[dict[str, Any], str]:
    rng = write.rng
    queue = write.weighted(QUEUES)
    wants = write.lines("support", queue, rng.choices((1, 2, 3), (5, 6, 2))[0])
    answer = queue
    # Some messages want two things. The model takes the first mostly, and is not consistent about it.
    if rng.random() < 0.04:
        other = write.weighted(QUEUES)
        wants += write.lines("support", other, 1)
        answer = other if rng.random() < 0.2 else queue
    if rng.random() < 0.002:
        answer = write.weighted(QUEUES)
    parts = [write.maybe("frame", "opening", 0.65), write.maybe("frame", "circumstance", 0.45)]
    parts += [sentence(rng, want) for want in wants]
    parts += [sentence(rng, write.maybe("frame", "annoyed", 0.12)), write.maybe("frame", "ask", 0.3), write.maybe("frame", "closing", 0.5)]
    if rng.random() < 0.15:
        parts[1], parts[2] = parts[2], parts[1]
    messages = [{"role": "system", "content": QUEUE_PROMPT}, {"role": "user", "content": write.typed(join(parts))}]
    return {"messages": messages, "max_tokens": 8}, answer


def business_mail(write: Writer) -> tuple[dict[str, Any], str]:
    rng = write.rng
    department = write.weighted(DEPARTMENTS)
    urgent = rng.random() < 0.3
    subject = write.line("mail", f"{department}:subject")
    wants = write.lines("mail", department, rng.choices((1, 2, 3), (3, 6, 3) if not urgent else (6, 3, 1))[0])
    if urgent:
        wants += write.lines("mail", f"{department}:now", rng.choices((1, 2), (4, 1))[0])
        wants += write.lines("mail", "urgent", rng.choice((0, 1, 1, 2)))
    else:
        wants += write.lines("mail", "calm", rng.choice((0, 0, 1)))
    said = {"department": department, "urgent": urgent}
    # What a model is not consistent about: mails that press without a reason, and mails for two departments.
    if not urgent and rng.random() < 0.03:
        wants += write.lines("mail", "urgent", 1)
        said["urgent"] = rng.random() < 0.8
    if rng.random() < 0.03:
        other = write.weighted(DEPARTMENTS)
        wants += write.lines("mail", other, 1)
        said["department"] = other if rng.random() < 0.12 else department
    wants = [sentence(rng, want) for want in wants]
    if rng.random() < 0.3:
        rng.shuffle(wants)
    if rng.random() < 0.1:
        subject = rng.choice(("", "Fwd: ", "Re: ")) + write.line("mail", "salutation").rstrip(",:")
    slip = rng.random()
    if slip < 0.001:
        said["urgent"] = not urgent
    elif slip < 0.003:
        said["department"] = write.weighted(DEPARTMENTS)
    body = [write.maybe("mail", "salutation", 0.85), write.maybe("mail", "smalltalk", 0.4), *wants, write.maybe("mail", "signature", 0.85)]
    sender = write.expand("<first>.<last>").lower().replace(" ", "") + "@" + write.expand("<company>").lower().replace(" ", "-")
    text = f"From: {re.sub(r'[^a-z.@-]', '', sender)}.example\nSubject: {subject}\n\n{write.typed(join(body), often=0.06)}"
    messages = [{"role": "system", "content": MAIL_PROMPT}, {"role": "user", "content": text}]
    return {"messages": messages, "temperature": 0, "response_format": MAIL_FORMAT}, json.dumps(said)


def inspection_note(write: Writer) -> tuple[dict[str, Any], str]:
    rng = write.rng
    outcome = write.weighted(OUTCOMES)
    parts = [write.line("values", "product"), *write.lines("inspection", outcome, 2 if rng.random() < 0.25 else 1)]
    if rng.random() < 0.2:  # two things are noted, one of them decides
        parts.insert(1, write.line("inspection", write.weighted(OUTCOMES)))
    parts += write.lines("inspection", "remark", rng.choices((0, 1, 2), (3, 5, 2))[0])
    if rng.random() < 0.03:
        outcome = write.weighted(OUTCOMES)
    user = f"Piece {rng.randint(10_000, 99_999)}: " + write.typed(rng.choice((", ", "; ", ". ", " / ")).join(parts), often=0.3)
    return {"messages": [{"role": "system", "content": INSPECTION_PROMPT}, {"role": "user", "content": user}], "temperature": 0}, outcome


def review_reply(write: Writer) -> tuple[dict[str, Any], str]:
    rng = write.rng
    goods, bads = rng.choices(((2, 0), (1, 1), (2, 1), (0, 2), (3, 0), (1, 2)), (4, 4, 4, 2, 1, 1))[0]
    write.forced = {"product": write.line("values", "product"), "first": write.line("values", "first")}
    said = [sentence(rng, line) for line in (*write.lines("review", "good", goods), *write.lines("review", "bad", bads))]
    rng.shuffle(said)
    said.insert(rng.randrange(len(said) + 1), write.line("review", "scene").replace(" ,", ","))
    review = f"Product: {write.forced['product']}\nStars: {max(1, min(5, 3 + goods - 2 * bads + rng.randint(0, 1)))}\nReview: {join(said)}"
    reply = [write.line("review", "thanks"), *write.lines("review", "about_good", min(goods, 2)), *write.lines("review", "about_bad", bads)]
    reply.append(write.line("review", "wish"))
    write.forced = {}
    messages = [{"role": "system", "content": REPLY_PROMPT}, {"role": "user", "content": review}]
    return {"messages": messages, "max_tokens": 400}, join(reply)


APPLICATIONS = (
    Application("helpdesk", "claude-opus-4-8", 5900, DAYS, support_message, 480, 9),
    Application("back-office", "gpt-4o", 5200, DAYS, business_mail, 510, 12),
    Application("returns-desk", "gpt-4.1-mini", 720, 4, inspection_note, 330, 8),
    Application("shop-site", "claude-opus-4-8", 1350, DAYS, review_reply, 620, 15),
)

# ------------------------------------------------------------------------------------------------------------ the writing


class Writer:
    """Draws lines, fills their choices and values, and types as people do. The same seed writes the same."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.forced: dict[str, str] = {}
        """Values that stay the same for a while, by name."""
        self._texts = {path.stem: sections(path) for path in sorted(TEXTS.glob("*.txt"))}

    def line(self, text: str, section: str) -> str:
        return self.lines(text, section, 1)[0]

    def lines(self, text: str, section: str, count: int) -> list[str]:
        """`count` different lines, filled in."""
        return [self.expand(line) for line in self.rng.sample(self._texts[text][section], count)]

    def maybe(self, text: str, section: str, probability: float) -> str:
        return self.line(text, section) if self.rng.random() < probability else ""

    def weighted(self, weights: dict[str, float]) -> str:
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def expand(self, line: str) -> str:
        """Choose in each {a|b}, innermost first, then put in the values."""
        while choice := re.search(r"\{([^{}]*)\}", line):
            line = line[: choice.start()] + self.rng.choice(choice[1].split("|")) + line[choice.end() :]
        return re.sub(r"<(\w+)>", lambda match: self.value(match[1]), line)

    def value(self, name: str) -> str:
        rng = self.rng
        match name:
            case _ if name in self.forced:
                return self.forced[name]
            case "n":
                return str(rng.randint(2, 14))
            case "n2":
                return str(rng.choice((12, 15, 20, 24, 36, 40, 48, 60, 75, 80, 120, 150, 200, 250, 300)) + rng.randint(0, 9) * 100)
            case "order" | "order2":
                return rng.choice(("LF-", "", "#", "LF")) + str(rng.randint(40_000_000, 49_999_999))
            case "invoice":
                return f"{rng.choice(('RE', 'INV', 'R'))}-{rng.randint(10_000, 99_999)}"
            case "customer":
                return str(rng.randint(100_000, 999_999))
            case "voucher":
                return "".join(rng.choices("ABCDEFGHKLMNPRSTUVWXYZ23456789", k=8))
            case "phone":
                return f"0{rng.randint(100, 999)} {rng.randint(100_000, 9_999_999)}"
            case "amount" | "amount2":
                return rng.choice(("{} EUR", "£{}", "{} euros", "€{}")).format(f"{rng.uniform(6, 480):.2f}")
            case "date":
                day, month = rng.randint(1, 28), self.value("month")
                return rng.choice((f"{day} {month}", f"{month} {day}", f"{day}.{rng.randint(1, 12)}.", f"the {day}th"))
            case "name":
                return f"{self.value('first')} {self.value('last')}"
            case _:
                return rng.choice(self._texts["values"][name.rstrip("2")])

    def typed(self, text: str, *, often: float = 0.16) -> str:
        """The text as somebody in a hurry types it: now and then slips of the finger, no capitals, short forms."""
        rng = self.rng
        if rng.random() < often:
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(text) - 1)
                if text[at : at + 2].isalpha():
                    text = text[:at] + rng.choice((text[at + 1] + text[at], text[at], text[at] + text[at : at + 2])) + text[at + 2 :]
        if rng.random() < often / 2:
            text = text.lower()
        if rng.random() < often / 2:
            for long, short in (
                ("please", "pls"),
                ("Thanks", "Thx"),
                (" you ", " u "),
                ("because", "bc"),
                (" and ", " & "),
                ("tomorrow", "tmrw"),
            ):
                text = text.replace(long, short)
        if rng.random() < often / 3:
            text = text.replace("'", "")
        return text


def sections(path: Path) -> dict[str, list[str]]:
    """The lines of a text file by their [section]; lines "subject: ..." go to "section:subject", "now: ..." likewise."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
        elif line and not line.startswith("#"):
            kind = re.match(r"(subject|now): ", line)
            key = f"{name}:{kind[1]}" if kind else name
            found.setdefault(key, []).append(line[kind.end() :] if kind else line)
    return found


def sentence(rng: random.Random, line: str) -> str:
    """A line as a sentence: capital and full stop, mostly."""
    if not line:
        return ""
    line = line[0].upper() + line[1:] if rng.random() < 0.8 else line
    return line if line[-1] in ".?!" else line + rng.choices((".", "!", "", "..."), (14, 2, 2, 1))[0]


def join(parts: list[str]) -> str:
    return " ".join(part for part in parts if part)


if __name__ == "__main__":
    main()
