"""What a model in a folder is called: by the folder where its name tells something, else by what lies in it or around it.

A name for people, in manifests and bills of materials; what tells one model from another is the digest of its weights.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

DULL = re.compile(
    r"(?i)(hf|hub|base|bases|encoders?|model|models|main|master|weights|files|snapshots?|output|out|final|latest|best|tmp|download(s|ed)?"
    r"|(checkpoint|epoch|step|run)?[-_.]?\d+|[0-9a-f]{7,64})"
)
"""Names of folders that say nothing of what lies in them."""
_CACHED = re.compile(r"models--([A-Za-z0-9][\w.-]*)--([A-Za-z0-9][\w.-]*)")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_TITLE = re.compile(r"^# +([A-Za-z0-9][\w./-]{1,95})[ \t\r]*$", re.MULTILINE)
LONGEST = 65_536
"""Bytes of a file that a name is looked for in."""


def name_of(folder: Path) -> str:
    """The name of the model in a folder. Reads its card and its config where the folder's own name is dull; never fails."""
    folder = folder.resolve()
    for part in (folder, *folder.parents):
        if cached := _CACHED.fullmatch(part.name):  # as the hub's library lays out what it fetched
            return f"{cached[1]}/{cached[2]}"
    if not DULL.fullmatch(folder.name):
        return folder.name
    if title := _TITLE.search(_head(folder / "README.md")):
        return title[1]
    if said := _said(folder / "config.json"):
        return said
    return next((part.name for part in folder.parents if part.name and not DULL.fullmatch(part.name)), folder.name)


def _said(config: Path) -> str:
    """What it was loaded from when it was saved: of a model that was trained further, the one before."""
    try:
        said = json.loads(_head(config)).get("_name_or_path", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return said if isinstance(said, str) and _HUB_ID.fullmatch(said) else ""


def _head(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(LONGEST)
    except OSError:
        return ""
