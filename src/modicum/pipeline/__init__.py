"""The night: calls -> workloads -> a specialist for each -> what it may answer, proven -> a proposed route. One step a file.

    bring_in     logs -> calls                     `modicum import`
    find         calls -> workloads                `modicum workloads`
    samples      the calls of a workload as fitting and proving see them
    wish         what is asked of a fit
    night        workload -> verdict: the walk itself, on one screen     `modicum fit`
    propose      a verdict with a proposed route, or with what is missing
    switching    a person's decision on a route, and what the day is told     `modicum route`
    deep         run a certified artefact again    `modicum certificate verify --deep`

The steps are imported one by one: `import` needs none of what `fit` loads.
"""
