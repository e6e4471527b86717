"""The judge: what may be trained on, what may be tested, what was promised, and whether it held.

Pure: records in, records out. In the order in which a fit walks: `groups`, `split`, `tune` (plan what will be tested), `certify` (the one
look), `labels` (gold and verdicts), `saving`, `sentence`, `evidence` (certificate, file, verification), `refuse` (what is missing).
"""
