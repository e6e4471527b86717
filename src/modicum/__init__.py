"""Modicum: the smallest model that passes, for every kind of call you make to a large language model."""

__version__ = "0.1.0"
