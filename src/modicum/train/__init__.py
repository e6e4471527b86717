"""A specialist from a workload's samples: choose the slots that tell, train, calibrate out of fold, prune, quantise, export.

Night only: scikit-learn is imported here, where it is used, and never by day. What it trains runs in
`backends.linear`, and both read text through `backends.features`.
"""
