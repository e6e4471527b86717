"""What redaction finds and what it takes by mistake, by type, on a corpus made here; and what it costs.

    python -m benchmarks.redact [--values N] [--seed S] [--json FILE]

Values are made anew by the rules of their kind and planted in prose of several languages, JSON, logs, tables and code. Beside them stand
numbers that look alike and must stay. The corpus is ours: recall on real texts will differ, and names, streets and all
that has no shape is not looked for at all.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import string
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec

from modicum.view import Redactor
from modicum.view.checksums import CHECKSUMS

Make = Callable[[random.Random], str]
_LETTERS, _LOWER = string.ascii_uppercase, string.ascii_lowercase
_ALNUM = string.ascii_letters + string.digits
FRAMES = (
    "Hello, my number is {}, please call me back.",
    "Contact: {}",
    "{}",
    '{{"field": "{}", "n": 3}}',
    "Bitte nutzen Sie {} für alles Weitere.",
    "Mon identifiant est {}. Merci !",
    "Sila hubungi saya: {}; terima kasih.",
    "我的信息是 {} 谢谢",
    "2026-10-01T12:00:00Z INFO user={} status=200 took=13ms",
    "name\tvalue\nAlice\t{}\nBob\t17",
    "| id | value |\n|----|-------|\n| 1 | {} |",
    "x = '{}'  # from the old system",
    "(see {})",
    "The ticket says <{}> and nothing else.",
    "first line\n{}\nlast line",
)


def digits(rng: random.Random, count: int, first: str = string.digits) -> str:
    return rng.choice(first) + "".join(rng.choices(string.digits, k=count - 1))


def token(rng: random.Random, count: int, of: str = _ALNUM) -> str:
    return "".join(rng.choices(of, k=count))


def date(rng: random.Random) -> str:
    return f"{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"


def until(check: str, make: Make) -> Make:
    """Draw until a checksum of the product's holds; these are themselves tested against published numbers."""

    def drawn(rng: random.Random) -> str:
        while True:
            value = make(rng)
            if CHECKSUMS[check]("".join(c for c in value if c.isalnum()).upper()):
                return value

    return drawn


def card(rng: random.Random) -> str:
    prefix, size = rng.choice((("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("3528", 16), ("62", 16), ("36", 14)))
    body = prefix + token(rng, size - len(prefix) - 1, string.digits)
    number = next(body + last for last in string.digits if CHECKSUMS["luhn"](body + last))
    separator = rng.choice(("", "", " ", "-"))
    if size == 16:
        return separator.join(number[at : at + 4] for at in range(0, 16, 4))
    return separator.join((number[:4], number[4:10], number[10:]))


def iban(rng: random.Random) -> str:
    country, form = rng.choice(
        (("DE", "18"), ("GB", "A4 14"), ("FR", "10 A1 12"), ("NL", "A4 10"), ("ES", "20"), ("NO", "11"), ("CH", "17"))
    )
    bban = "".join(token(rng, int(part[1:]), _LETTERS) if part[0] == "A" else token(rng, int(part), string.digits) for part in form.split())
    check = 98 - int("".join(str(int(c, 36)) for c in bban + country + "00")) % 97
    number = f"{country}{check:02}{bban}"
    return number if rng.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def email(rng: random.Random) -> str:
    local = rng.choice(("{a}", "{a}.{b}", "{a}+{b}", "{a}_{b}99", "{a}-{b}", "jörg.{a}", "o'{b}", "{a}.{b}.{a}"))
    host = rng.choice(("example.com", "mail.example.co.uk", "{b}.io", "firma-{b}.de", "univ.edu.my", "{b}.museum", "bücher.example"))
    return f"{local}@{host}".format(a=token(rng, rng.randrange(2, 9), _LOWER), b=token(rng, rng.randrange(2, 9), _LOWER))


def secret(rng: random.Random) -> str:
    forms: tuple[Make, ...] = (
        lambda r: "sk-" + token(r, 48),
        lambda r: "sk-proj-" + token(r, 60, _ALNUM + "_-"),
        lambda r: "sk-ant-api03-" + token(r, 80, _ALNUM + "_-"),
        lambda r: "AKIA" + token(r, 16, _LETTERS + "234567"),
        lambda r: "ghp_" + token(r, 36),
        lambda r: "github_pat_" + token(r, 22) + "_" + token(r, 59),
        lambda r: "glpat-" + token(r, 20),
        lambda r: f"xoxb-{digits(r, 12)}-{digits(r, 12)}-{token(r, 24)}",
        lambda r: "AIza" + token(r, 35, _ALNUM + "_-"),
        lambda r: "ya29." + token(r, 60, _ALNUM + "_-"),
        lambda r: "mk-" + token(r, 43, _ALNUM + "_-"),
        lambda r: "sk_live_" + token(r, 24),
        lambda r: "hf_" + token(r, 34),
        lambda r: "npm_" + token(r, 36),
        lambda r: "pypi-AgEIcHlwaS5vcmc" + token(r, 80, _ALNUM + "_-"),
        lambda r: f"SG.{token(r, 22)}.{token(r, 43)}",
        lambda r: ".".join(
            base64.urlsafe_b64encode(part).decode().rstrip("=")
            for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"%d"}' % r.randrange(10**9), r.randbytes(32))
        ),
        lambda r: "-----BEGIN RSA PRIVATE KEY-----\n" + base64.encodebytes(r.randbytes(200)).decode() + "-----END RSA PRIVATE KEY-----",
        lambda r: "Bearer " + token(r, 40, _ALNUM + "._-"),
        lambda r: "aws_secret_access_key = " + token(r, 40, _ALNUM + "/+"),
        lambda r: f"postgres://app:{token(r, 14)}@db.internal:5432/main",
    )
    return rng.choice(forms)(rng)


def phone(rng: random.Random) -> str:
    def n(count: int, first: str = "23456789") -> str:
        return digits(rng, count, first)

    return rng.choice(
        (
            f"+60 1{n(1, '2346789')}-{n(3)} {n(4)}",
            f"+601{n(1, '2346789')}{n(7)}",
            f"01{n(1, '2346789')}-{n(3)} {n(4)}",
            f"01{n(1, '2346789')}{n(7)}",
            f"03-{n(4)} {n(4)}",
            f"+65 {n(1, '689')}{n(3)} {n(4)}",
            f"{n(1, '89')}{n(3)} {n(4)}",
            f"tel: {n(1, '689')}{n(7)}",
            f"+1 ({n(3)}) {n(3)}-{n(4)}",
            f"({n(3)}) {n(3)}-{n(4)}",
            f"{n(3)}-{n(3)}-{n(4)}",
            f"{n(3)}.{n(3)}.{n(4)}",
            f"+44 7{n(3)} {n(6)}",
            f"07{n(3)} {n(6)}",
            f"020 {n(4)} {n(4)}",
            f"+49 {n(3, '1')} {n(7)}",
            f"030 {n(7)}",
            f"+33 6 {n(2)} {n(2)} {n(2)} {n(2)}",
            f"06 {n(2)} {n(2)} {n(2)} {n(2)}",
            f"+91 {n(5, '6789')} {n(5)}",
            f"+86 1{n(2)} {n(4)} {n(4)}",
            f"0044 20 {n(4)} {n(4)}",
            f"+55 (11) 9{n(4)}-{n(4)}",
            f"phone {n(3)} {n(3)} {n(3)}",
        )
    )


TYPES: dict[str, Make] = {
    "SECRET": secret,
    "CARD": card,
    "IBAN": iban,
    "EMAIL": email,
    "PHONE": phone,
    "MYKAD": until("mykad", lambda r: r.choice((f"{date(r)}-{digits(r, 2)}-{digits(r, 4)}", f"{date(r)}{digits(r, 6)}"))),
    "NRIC": until("nric", lambda r: r.choice("STFGM") + digits(r, 7) + r.choice(_LETTERS)),
    "SSN": lambda r: f"{r.choice([*range(1, 666), *range(667, 900)]):03}-{r.randrange(1, 100):02}-{r.randrange(1, 10_000):04}",
    "NINO": lambda r: r.choice(("{} {} {} {} {}", "{}{}{}{}{}")).format(
        r.choice("ABCEHJLMPRSTWXY") + r.choice("ACEHJLMPRSWXY"), digits(r, 2), digits(r, 2), digits(r, 2), r.choice("ABCD")
    ),
    "STEUER_ID": until("steuer_id", lambda r: digits(r, 11, "123456789")),
    "NIR": lambda r: next(
        f"{v}{97 - int(v) % 97:02}" for v in (f"{r.choice('12')}{r.randrange(100):02}{r.randrange(1, 13):02}{digits(r, 8)}",)
    ),
    "DNI": until("dni", lambda r: r.choice((digits(r, 8), r.choice("XYZ") + digits(r, 7))) + r.choice("TRWAGMYFPDXBNJZSQVHLCKE")),
    "CODICE_FISCALE": until(
        "codice_fiscale",
        lambda r: (
            f"{token(r, 6, _LETTERS)}{digits(r, 2)}{r.choice('ABCDEHLMPRST')}{r.randrange(1, 29):02}H{digits(r, 3)}{r.choice(_LETTERS)}"
        ),
    ),
    "AADHAAR": until("verhoeff", lambda r: f"{digits(r, 4, '23456789')} {digits(r, 4)} {digits(r, 4)}"),
    "CPF": until("cpf", lambda r: f"{digits(r, 3)}.{digits(r, 3)}.{digits(r, 3)}-{digits(r, 2)}"),
    "PESEL": until("pesel", lambda r: date(r) + digits(r, 5)),
    "RESIDENT_ID": until("resident_id", lambda r: f"110105{r.choice(('19', '20'))}{date(r)}{digits(r, 3)}{r.choice(string.digits + 'X')}"),
    "PERSONNUMMER": until("personnummer", lambda r: f"{date(r)}-{digits(r, 4)}"),
    "BSN": lambda r: "BSN " + until("bsn", lambda r: digits(r, 9, "123456789"))(r),
}
"""How a value of each type is made."""

UNKNOWN: dict[str, Make] = {
    "e-mail, spelled out": lambda r: f"{token(r, 5, _LOWER)} at {token(r, 6, _LOWER)} dot com",
    "telephone, bare digits": lambda r: digits(r, 8, "689"),
    "telephone, no area": lambda r: f"{digits(r, 3, '2345')}-{digits(r, 4)}",
    "IBAN, small letters": lambda r: iban(r).lower(),
    "SSN, bare digits": lambda r: digits(r, 9, "12345"),
    "card, last four": lambda r: f"card ending in {digits(r, 4)}",
    "password in a sentence": lambda r: f"my password is {token(r, 10)}",
    "name and street": lambda r: (
        f"{token(r, 1, _LETTERS)}{token(r, 5, _LOWER)} Tan, {r.randrange(1, 90)} Jalan {token(r, 6, _LOWER).title()}"
    ),
}
"""What is known to be missed: it looks like everything else, or has no shape."""

NEGATIVES: dict[str, Make] = {
    "order number": lambda r: f"order {digits(r, r.randrange(6, 12), '123456789')}",
    "order code": lambda r: f"#{token(r, 3, _LETTERS)}-{digits(r, 6)}",
    "version": lambda r: f"v{r.randrange(20)}.{r.randrange(40)}.{r.randrange(200)}-rc{r.randrange(9)}",
    "sha256": lambda r: token(r, 64, "0123456789abcdef"),
    "uuid": lambda r: "-".join(token(r, n, "0123456789abcdef") for n in (8, 4, 4, 4, 12)),
    "price": lambda r: f"${r.randrange(1, 9_999_999):,}.{r.randrange(100):02}",
    "timestamp": lambda r: (
        f"2026-{r.randrange(1, 13):02}-{r.randrange(1, 29):02} {r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"
    ),
    "epoch ms": lambda r: str(r.randrange(1_600_000_000_000, 1_800_000_000_000)),
    "ip address": lambda r: ".".join(str(r.randrange(256)) for _ in range(4)),
    "coordinates": lambda r: f"{r.uniform(-90, 90):.6f}, {r.uniform(-180, 180):.6f}",
    "isbn": lambda r: f"978-{r.randrange(10)}-{digits(r, 2)}-{digits(r, 6)}-{r.randrange(10)}",
    "card with a wrong digit": lambda r: (lambda n: n[:-1] + str((int(n[-1]) + 1 + r.randrange(8)) % 10))(card(r)),
    "identifier": lambda r: f"max_{token(r, 8, _LOWER)}_tokens_per_{token(r, 6, _LOWER)}",
    "decorator": lambda r: f"@{token(r, 8, _LOWER)}.{token(r, 5, _LOWER)}_{token(r, 3, _LOWER)}",
    "package": lambda r: f"{token(r, 6, _LOWER)}@{r.randrange(9)}.{r.randrange(20)}.{r.randrange(20)}",
    "sixteen digits": lambda r: digits(r, 16, "123456789"),
    "range": lambda r: f"{r.randrange(1000, 9999)}-{r.randrange(1000, 9999)}",
    "table of numbers": lambda r: " ".join(str(r.randrange(10 ** r.randrange(1, 5))) for _ in range(12)),
}
"""What must stay."""


def core(kind: str, value: str) -> str:
    """What of a planted value must be gone."""
    if kind == "SECRET":
        for before in ("Bearer ", "aws_secret_access_key = ", "postgres://app:"):
            if value.startswith(before):
                return value.removeprefix(before).partition("@")[0]
    return value.removeprefix("tel: ").removeprefix("phone ").removeprefix("BSN ")


def measure(values: int, seed: int) -> dict[str, object]:
    rng = random.Random(seed)
    redactor = Redactor.open()
    recall: dict[str, Counter[str]] = defaultdict(Counter)
    missed: dict[str, list[str]] = defaultdict(list)
    for kind, make in TYPES.items():
        for number in range(values):
            value = make(rng)
            text = FRAMES[number % len(FRAMES)].format(value)
            seen = redactor.names().redact(text)
            gone = core(kind, value) not in seen
            recall[kind]["gone"] += gone
            recall[kind]["named"] += gone and f"<{kind}_1>" in seen
            recall[kind]["all"] += 1
            if not gone:
                missed[kind].append(text)
    left: Counter[str] = Counter()
    for kind, make in UNKNOWN.items():
        for number in range(values):
            text = FRAMES[number % len(FRAMES)].format(make(rng))
            left[kind] += redactor.names().redact(text) is text
    wrong: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, make in NEGATIVES.items():
        for number in range(values):
            text = FRAMES[number % len(FRAMES)].format(make(rng))
            names = redactor.names()
            wrong[kind]["taken"] += names.redact(text) is not text
            wrong[kind]["all"] += 1
            wrong[kind].update(names.counts())
    return {
        "recall": {kind: dict(counts) for kind, counts in recall.items()},
        "missed": {kind: texts[:3] for kind, texts in missed.items()},
        "left": {kind: left[kind] / values for kind in UNKNOWN},
        "false": {kind: dict(counts) for kind, counts in wrong.items()},
        "us": speed(redactor),
    }


PLAIN = (
    "The parcel came late on Tuesday, and the neighbour who took it in was not at home when we rang. We would like to know what to do now. "
)
NUMBERS = "On 12 March 2024 order 482133 cost $1,249.50; item A-1029 (2 pieces, 3.5 kg) came 14 days late. "
IDS = "On 2024-03-12 order 48213377 cost $1,249.50; item A-1029 (2 pieces, 3.5 kg) came 14 days late. "


def speed(redactor: Redactor) -> dict[str, float]:
    """Microseconds of CPU a request, least of nine rounds."""
    found = {}
    for name, unit, extra in (
        ("prose", PLAIN, ""),
        ("with numbers", PLAIN + NUMBERS, ""),
        ("with ids", PLAIN * 3 + IDS, ""),
        ("with an address", PLAIN, "a@b.io"),
    ):
        for size in (1_000, 16_000):
            text = (unit * (size // len(unit) + 1))[:size] + extra
            request = {"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]}
            body = msgspec.json.encode(request)
            rounds = []
            for _ in range(9):
                began = time.process_time()
                for _ in range(100):
                    redactor.see(body, request)
                rounds.append((time.process_time() - began) * 1e4)
            found[f"{name}, {size:,} characters"] = round(min(rounds), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(arguments.values, arguments.seed)
    recall, left, wrong, us = rows["recall"], rows["left"], rows["false"], rows["us"]
    assert isinstance(recall, dict) and isinstance(left, dict) and isinstance(wrong, dict) and isinstance(us, dict)
    print(f"{'type':<18}{'recall':>9}{'under its name':>16}   of {arguments.values:,}")
    for kind, counts in recall.items():
        print(f"{kind:<18}{counts['gone'] / counts['all']:>9.2%}{counts['named'] / counts['all']:>16.2%}")
    print(f"\n{'known to be missed':<26}{'left':>8}")
    for kind, share in left.items():
        print(f"{kind:<26}{share:>8.2%}")
    print(f"\n{'must stay':<26}{'taken':>8}   as")
    for kind, counts in wrong.items():
        kinds = ", ".join(f"{name} {count}" for name, count in counts.items() if name not in ("taken", "all"))
        print(f"{kind:<26}{counts['taken'] / counts['all']:>8.2%}   {kinds}")
    print("\nCPU a request")
    for name, taken in us.items():
        print(f"{name:<38}{taken:>9.1f} us")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
