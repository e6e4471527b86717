"""Calls in, workloads out: template, contract, task, versions. Night side, pure: records in, records out."""

from modicum.discover.decisions import split_id
from modicum.discover.formless import FORMLESS
from modicum.discover.mine import Discovery, mine

__all__ = ["FORMLESS", "Discovery", "mine", "split_id"]
