"""Recognise a request, read an answer by its contract, render one in its form. Day side: light, pure, no arrays."""

from modicum.workload.parts import extractable
from modicum.workload.read import classifiable, read
from modicum.workload.recognise import Recogniser
from modicum.workload.render import render
from modicum.workload.sample import sample

__all__ = ["Recogniser", "classifiable", "extractable", "read", "render", "sample"]
