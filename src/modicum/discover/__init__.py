"""Calls in, workloads out: template, contract, task, versions. Night side, pure: records in, records out."""

from modicum.discover.decisions import split_id
from modicum.discover.mine import Discovery, mine

__all__ = ["Discovery", "mine", "split_id"]
