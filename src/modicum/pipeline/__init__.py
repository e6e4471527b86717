"""The night: calls -> workloads -> a specialist for each -> what it may answer, proven -> a proposed route. One step a file.

    bring_in     logs -> calls                     `modicum import`
    find         calls -> workloads                `modicum workloads`
    deciding     what a person may decide about a workload     `modicum workloads name|set|merge|split|ignore`
    viewed       calls as our models see them: redacted, as chats
    samples      the calls of a workload as fitting and proving see them
    wish         what is asked of a fit
    night        workload -> verdict: the walk itself     `modicum fit`
    prepare      all of it that comes before an answer is opened: groups, split, specialist, plan
    look         the one look, and how it ends; B later, on the window as it was kept
    switching    a person's decision on a route, and what the day is told     `modicum route`
    deep         run a certified artefact again    `modicum certificate verify --deep`

The steps are imported one by one: `import` needs none of what `fit` loads.
"""
