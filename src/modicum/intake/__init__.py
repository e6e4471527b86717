"""Logs from elsewhere as calls: open and unpack, split into lines, recognise the format, read a line. Opens no store and prints nothing."""

from modicum.intake.formats import FORMATS, check_scope
from modicum.intake.read import Options, Refusal, read
from modicum.intake.sources import Source, opened

__all__ = ["FORMATS", "Options", "Refusal", "Source", "check_scope", "opened", "read"]
