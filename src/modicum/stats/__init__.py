"""Intervals, exact tails, betting tests, sequences of tests: numbers in, numbers out.

Knows nothing of calls, labels or certificates. Needs numpy alone; every bound says in its docstring what it assumes and where it
comes from, and `docs/statistics.md` says when it does not hold.
"""
