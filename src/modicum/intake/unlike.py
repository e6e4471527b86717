"""Tell that a file is no log, by how it begins, and say what it looks like instead: once, in place of a refusal a line."""

from __future__ import annotations

import re

from modicum.intake.lines import BOM

READ = "logs are JSON lines, JSON or CSV; plain, .gz or .zst"
_PACKED = "unpack it, then import what is in it"
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n", "a PNG picture", ""),
    (b"\xff\xd8\xff", "a JPEG picture", ""),
    (b"GIF8", "a GIF picture", ""),
    (b"RIFF", "a picture, sound or film (RIFF)", ""),
    (b"ID3", "sound (MP3)", ""),
    (b"%PDF-", "a PDF", ""),
    (b"PAR1", "a Parquet file", "DuckDB writes it as JSON lines: COPY (FROM 'calls.parquet') TO 'calls.jsonl'"),
    (b"SQLite format 3\0", "an SQLite database", "export its table as CSV: sqlite3 -csv -header FILE 'SELECT * FROM ...'"),
    (b"PGDMP", "a PostgreSQL dump", "export the table as CSV: \\copy \"LiteLLM_SpendLogs\" to 'rows.csv' csv header"),
    (b"BZh", "a bzip2 archive", _PACKED),
    (b"\xfd7zXZ\0", "an xz archive", _PACKED),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _PACKED),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", _PACKED),
    (b"Rar!", "a RAR archive", _PACKED),
    (b"\xd0\xcf\x11\xe0", "an older Office document", "save the sheet as CSV"),
    (b"\x7fELF", "a program", ""),
    (b"MZ\x90", "a program", ""),
    (b"\xca\xfe\xba\xbe", "a program", ""),
    (b"-----BEGIN ", "a key or a certificate", ""),
)
_TAR_AT, _TAR = 257, b"ustar"
_RECORD = re.compile(rb'[\xef\xbb\xbf \t\r,\[]*\{\s*(?:"|\}|$)')
"""The beginning of a line that holds a record, however broken."""
_FEW = 3
"""Fewer lines are judged one by one."""


def unlike(first: bytes) -> str | None:
    """What a file that begins so looks like, and what may help; None where it may be a log. A broken log is one: it holds some record."""
    for mark, what, hint in _MAGIC:
        if first.startswith(mark):
            return _said(what, hint)
    if first.startswith(b"PK\x03\x04"):
        office = any(name in first for name in (b"[Content_Types].xml", b"xl/", b"word/", b"mimetypeapplication/vnd.oasis"))
        return (
            _said("a spreadsheet or document of an office program", "save the sheet as CSV") if office else _said("a ZIP archive", _PACKED)
        )
    if first[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return _said("a tar archive", _PACKED)
    plain = first.removeprefix(BOM).lstrip()
    lines = [line for line in first.split(b"\n") if line and not line.isspace()]
    if len(lines) < _FEW or any(_RECORD.match(line) for line in lines):
        return None
    start = plain[:200].lower()
    if b"\0" in first or not _is_text(first):
        return _said("binary data", "")
    if start.startswith((b"<!doctype html", b"<html")):
        return _said("a web page", "was it downloaded without being logged in?")
    if start.startswith(b"<"):
        return _said("XML", "")
    return _said("text", "a table needs --columns, and its columns' names in the first line")


def _said(what: str, hint: str) -> str:
    return f"looks like {what}, not like a log: nothing of it was read; {READ}" + (f". {hint[0].upper()}{hint[1:]}" if hint else "")


def _is_text(first: bytes) -> bool:
    """Is it UTF-8, but for what the end of the piece may have cut, and mostly characters that one sees?"""
    try:
        text = first.decode()
    except UnicodeDecodeError as error:
        if error.start < len(first) - 3:
            return False
        text = first[: error.start].decode()
    seen = sum(character.isprintable() or character in "\r\n\t\f" for character in text[:4_000])
    return seen >= 0.95 * len(text[:4_000])
