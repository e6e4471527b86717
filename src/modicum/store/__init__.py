"""Calls and control records on disk. Empty on purpose: the day imports single modules and nothing of the rest."""
