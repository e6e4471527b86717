"""Logs from elsewhere as calls: open and unpack, split into records, recognise the format, read each. Opens no store and prints nothing."""

from modicum.intake.formats import FORMATS, check_scope
from modicum.intake.pairs import Pairs
from modicum.intake.read import Options, Refusal, read, tell
from modicum.intake.sources import Source, opened
from modicum.intake.told import Passed, Told

__all__ = ["FORMATS", "Options", "Pairs", "Passed", "Refusal", "Source", "Told", "check_scope", "opened", "read", "tell"]
