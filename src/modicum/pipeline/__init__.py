"""The night: calls -> workloads -> a specialist for each -> what it may answer, proven -> a proposed route. One step a file.

    bring_in     logs -> calls                     `modicum import`
    find         calls -> workloads                `modicum workloads`
    deciding     what a person may decide about a workload     `modicum workloads name|set|merge|split|ignore`
    viewed       calls as our models see them: redacted, as chats
    samples      the calls of a workload as fitting and proving see them
    told (of evaluate), label_book     what feedback and people said of them
    wish         what is asked of a fit
    effort       what it would take     `modicum fit --dry-run`
    night        workload -> verdict: the walk itself     `modicum fit`
    prepare      all of it that comes before an answer is opened: groups, split, specialist, plan
    recall, tiers, open_answers     the candidates: the exact cache; for labels; for records and tool calls
    look         the one look, and how it ends; B later, on the window as it was kept
    switching    the state of a route, step by step, and what the day is told     `modicum route shadow|on|pause|rollback`
    promoting    what a route lacks for its next step; who approved it; its history     `modicum route promote|approve|auto|history`
    rollbacks    what a rollback means for the next certificate; gone: what labels cannot prove any more
    deep         run a certified artefact again    `modicum certificate verify --deep`

Beside the walk:

    trying       another model over recorded calls, an errand a workload, to a proposed route     `modicum try`
    labelling    a person says which answer is right; judging: a model does, measured against people     `modicum label`
    hear         feedback from files     `modicum feedback`
    again        how often an incumbent differs from itself     `modicum fit --self-agreement`
    drifting     fewer bits against full precision; drifting_servers: two model servers     `modicum artefact drift`
    adapters     a LoRA of a user's model     `modicum adapter`
    bundles      artefacts in and out     `modicum artefact`

The steps are imported one by one: `import` needs none of what `fit` loads.
"""
