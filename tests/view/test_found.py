"""What is taken out, what is not, and that no text makes it slow."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from modicum.errors import ConfigError
from modicum.view import VIEW_VERSION, Redactor

REDACTOR = Redactor.open()


def redact(text: str) -> str:
    return REDACTOR.names().redact(text)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("mail jörg.müller@x.de, or a@b.com.", "mail <EMAIL_1>, or <EMAIL_2>."),
        ("<a href='mailto:j@x.io'>", "<a href='mailto:<EMAIL_1>'>"),
        ("?to=jane%40example.com&x=1", "?to=<EMAIL_1>&x=1"),
        ("?c=1%2C4111111111111111&x=%0A4111111111111111", "?c=1%2C<CARD_1>&x=%0A<CARD_1>"),
        (r'{"a": "to:\njane@x.io\tand jos\u00e9@x.io"', r'{"a": "to:\n<EMAIL_1>\tand <EMAIL_2>"'),
        (r'{"a": "\n4111111111111111\n+60 12-345 6789"}', r'{"a": "\n<CARD_1>\n<PHONE_1>"}'),
        (r'"{\"a\": \"\\n900101-14-5678\\tS1234567D\"}"', r'"{\"a\": \"\\n<MYKAD_1>\\t<NRIC_1>\"}"'),
        (r"key:\nsk-abcdefghijklmnopqrstuvwx1234\n", r"key:\n<SECRET_1>\n"),
        (r"jane\u0040example.com", "<EMAIL_1>"),
        ("postgres://bob:s3cr3t@db.host:5432/x", "postgres://bob:<SECRET_1>@db.host:5432/x"),
        ("card 4111 1111 1111 1111, 378282246310005", "card <CARD_1>, <CARD_2>"),
        ("5555-5555-5555-4444", "<CARD_1>"),
        ("DE89 3704 0044 0532 0130 00 today", "<IBAN_1> today"),
        ("GB29NWBK60161331926819", "<IBAN_1>"),
        ("+60 12-345 6789 2024", "<PHONE_1> 2024"),
        ("+65 9123 4567", "<PHONE_1>"),
        ("012-345 6789 and 9123 4567", "<PHONE_1> and <PHONE_2>"),
        ("0044 20 7946 0958", "<PHONE_1>"),
        ("(212) 555-0123 or 212-555-0123", "<PHONE_1> or <PHONE_2>"),
        ("tel: 91234567", "tel: <PHONE_1>"),
        ("900101-14-5678, 900101145678", "<MYKAD_1>, <MYKAD_2>"),
        ("S1234567D T0123456G F1234567N M1234567K", "<NRIC_1> <NRIC_2> <NRIC_3> <NRIC_4>"),
        ("SSN 536-90-4399", "SSN <SSN_1>"),
        ("my social security number is 536904399", "my social security number is <SSN_1>"),
        ("AB 12 34 56 C", "<NINO_1>"),
        ("sk-proj-abcdefghijklmnopqrst", "<SECRET_1>"),
        ("AKIAIOSFODNN7EXAMPLE", "<SECRET_1>"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: Bearer <SECRET_1>"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key=<SECRET_1>"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----.", "<SECRET_1>."),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-def_ghijk", "<SECRET_1>"),
        ("mk-" + "aB3_" * 10 + "xyz", "<SECRET_1>"),
    ],
)
def test_what_is_taken_out(text: str, seen: str) -> None:
    assert redact(text) == seen
    assert redact(f"({text})") == f"({seen})"
    body = msgspec.json.encode({"messages": [{"role": "user", "content": f"x\n{text}\ty"}]})
    assert REDACTOR.see(body, msgspec.json.decode(body)).request["messages"][0]["content"] == f"x\n{seen}\ty"


@pytest.mark.parametrize(
    "text",
    [
        "Order 48213377 of 12 March 2024 cost $1,249.50 (3.5 kg), v1.2.3-rc4",
        "2024-05-12 14:33:20.123456, 1700000000000, 20240512T143320Z",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "ISBN 978-3-16-148410-0, EAN 4006381333931, tracking 1Z999AA10123456784",
        "192.168.10.25:8080, 10.0.0.1, 3.14159265358979, -122.4194155",
        "4111 1111 1111 1112 and 000-12-3456 and 666-12-3456 and 900101-99-56",
        "@property, user@localhost, npm i left-pad@1.3.0, @team",
        "sk-short, Bearer of news, task-list-of-things, risk-management-framework-2024",
        "ASIA is a continent, AKIA too short, hf_hub, eyJ alone",
        "DE89 3704 0044 0532 0130 01, S1234567A, GB 12 34 56 C",
        "1,234,567,890 people; 2,147,483,647; 0x7fffffff; 1e10; 99.99%",
    ],
)
def test_what_is_left(text: str) -> None:
    assert redact(text) is text


def test_the_glance_never_says_no_where_something_is_found() -> None:
    escaped = b'{"c":"j\\u0040x.io and 4111\\u00a01111\\u00a01111\\u00a01111 and \\u0034111111111111111"}'
    seen = REDACTOR.see(escaped, msgspec.json.decode(escaped))
    assert seen.request == {"c": "<EMAIL_1> and <CARD_1> and <CARD_2>"}


EVIL = [
    *("1" * 100_000, "1 " * 50_000, "12 " * 33_000, "a@" * 50_000, "a" * 100_000 + "@", "@" * 100_000, "a." * 50_000 + "@" + "a." * 50_000),
    *("+1" * 50_000, "+" * 100_000, "4111 " * 20_000, "eyJ" + "a." * 50_000, "-----BEGIN PRIVATE KEY-----" * 3_700, "sk-" * 33_000),
    *("-----BEGIN PRIVATE KEY-----\n" + "A-" * 50_000, "Bearer " * 14_000, "://" * 33_000 + "@", "://a:b@" * 14_000, "DE89 " * 20_000),
    *("secret_access_key=" * 5_000, "(0" * 50_000, "0044 " * 20_000, "+60 1 2 3 4 5 6 7 8 9 0 1 2 3 " * 3_400, "tel 12345678 " * 7_000),
    *("%40" * 33_000, "AccountKey=" * 9_000, "A1" * 50_000, "<EMAIL_1>" * 11_000, "xoxb-" * 20_000, "12-34-" * 16_000, "a@b.co" * 16_000),
]


@pytest.mark.parametrize("text", EVIL, ids=lambda text: repr(text[:12]))
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    """Twice the text takes about twice the time; the bound leaves room for a busy machine."""
    times = []
    for part in (text[: len(text) // 4], text):
        began = time.process_time()
        redacted = redact(part)
        times.append(time.process_time() - began)
        assert redact(redacted) == redacted
    assert times[1] < 12 * times[0] + 0.05


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "table.toml"
    path.write_text("\n".join(f'[[identity]]\nsource = "ours"\n{row}' for row in rows))
    return path


def test_the_operators_table_extends_ours(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "name = 'STAFF'\npattern = 'EMP-[0-9]{5}'",
        "name = 'MEMBER'\npattern = '[0-9]{8}'\nchecksum = 'luhn'\ncontext = ['member']\ndigits = 8",
    )
    redactor = Redactor.open(path)
    assert redactor.version.startswith(f"{VIEW_VERSION}+") and len(redactor.version) == len(VIEW_VERSION) + 9
    assert (
        redactor.names().redact("EMP-12345, member 12345674, a@b.co, and far behind all of it there stands 12345674")
        == "<STAFF_1>, member <MEMBER_1>, <EMAIL_1>, and far behind all of it there stands 12345674"
    )
    body = b'{"m":"EMP-12345"}'
    assert redactor.see(body, {"m": "EMP-12345"}).request == {"m": "<STAFF_1>"}
    assert REDACTOR.version == VIEW_VERSION


@pytest.mark.parametrize(
    "row",
    [
        "name = 'X'\npattern = '([0-9]+)+'",
        "name = 'X'\npattern = '([0-9]{1,9}){1,9}'",
        "name = 'X'\npattern = '((a{1,3}b)?c){1,9}'",
        "name = 'X'\npattern = '[0-9]*'",
        "name = 'X'\npattern = '[0-9]{3,}'",
        "name = 'X'\npattern = '[0-9]{1,500}'",
        "name = 'X'\npattern = '('",
        "name = 'X'\npattern = ''",
        "name = 'EMAIL'\npattern = 'a'",
        "name = 'lower'\npattern = 'a'",
        "name = 'X'\npattern = 'a'\nchecksum = 'os.system'",
        "name = 'X'\npattern = 'a'\ncode = 'import os'",
        "name = 'X'\npattern = 'a'\ncontext = 'word'",
        "name = 'X'\npattern = 'a'\ndigits = -1",
    ],
)
def test_tables_that_are_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(ConfigError):
        Redactor.open(table(tmp_path, row))


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for body in (b"\xff", b"x =", b"a = 1", b"[[identity]]\nname = 'X'\npattern = 'a'"):
        (tmp_path / "t.toml").write_bytes(body)
        with pytest.raises(ConfigError):
            Redactor.open(tmp_path / "t.toml")
    with pytest.raises(ConfigError):
        Redactor.open(tmp_path / "nowhere.toml")
