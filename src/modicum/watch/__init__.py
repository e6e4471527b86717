"""Looks after live routes: reads what the gateway recorded, tests that the promise holds, sends a route back where it does not.

`tail` reads new records in the order in which they were tossed, `draws` says what one tells, `judge` holds them to the promise, `round`
makes of that steps and notices, `run` does it again and again, one process to a home (`leader`): it trains nothing and asks nobody.
`learner` has another process look for workloads, fit and ask (`learn`): what incumbents say again (`sentinels`), whether requests are still
those that were certified (`requests`, `unlike`), what fewer bits say (`precision`).
"""
