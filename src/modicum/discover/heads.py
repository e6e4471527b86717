"""What a prompt puts first: the verb that heads it, and the part that it gives to the model. These weigh more than words further in."""

from __future__ import annotations

_HEAD = (
    r"(?:\A[^\w⟨]*(?:please |kindly |now )?|\byour (?:\w+ )?(?:task|job|role|goal|work|purpose|duty) (?:here )?(?:is|will be)(?: to)?:? "
    r"|^\W*(?:your )?task\W{1,6}|\byou (?:are (?:asked|tasked|required|instructed) (?:to|with) |must:?\s{1,3}(?:[-*•] )?)"
    r"|\bdesigned to )"
)
_PART = r"\b(?:you(?:'re| are)|act as|your role is(?: that of)?)\b[^.\n]{0,70}?\b"
_VERBS = {
    "classify": r"classif\w+|categori[sz]\w+|label|route|triage|moderate|(?:detect|decide|determine|predict|judge|check) (?:if"
    r"|whether|which)|assign|flag|tag",
    "extract": r"extract\w*|parse|pull|capture|(?:identify|find|list|detect|highlight) (?:all|every|each|any|entit\w+|named)",
    "score": r"rate|score|grade|mark|(?:evaluate|assess|judge) (?!if|whether|which)",
    "summarise": r"summari[sz]\w+|condense|shorten|recap",
    "translate": r"translat\w+|locali[sz]e",
    "rank": r"(?:re-?)?rank\w*|(?:sort|order) (?:the|these|all)",
    "generate": (
        r"writ(?:e|ing)|generat(?:e|ing)|creat(?:e|ing)|compos(?:e|ing)|draft|craft|re-?writ(?:e|ing)|rephrase|paraphras\w+|explain|improve"
        r"|repurpose|continue|complete|develop|design|imagine|suggest|invent|brainstorm|proofread|edit|fix|polish"
    ),
    "tool": r"navigat(?:e|ing)|interact with|operate|control|drive|carry out|execute",
}
_PARTS = {
    "classify": r"(?:classifier|classification|categori[sz]er|detector|moderator|router|triag\w+|content filter|screener|dispatcher)",
    "extract": r"(?:extract(?:or|ion|ing|s)|parser|annotator|information retriever)",
    "score": r"(?:judge|evaluator|grader|examiner|rater|assessor|scorer)",
    "summarise": r"(?:summari[sz]er|summari[sz]ation|summari[sz]ing|note[- ]taker)",
    "translate": r"(?:translator|translation|translating|locali[sz]er|interpreter)",
    "rank": r"(?:re-?ranker|ranker)",
    "generate": (
        r"(?:copywriter|writer|author|poet|novelist|tutor|teacher|coach|marketer|strategist|storyteller|programmer|comedian|editor"
        r"|companion"
        r"|designer|advisor|consultant|therapist|chef)"
    ),
    "tool": (
        r"(?:(?:browser|web|coding|automation|software|computer|mcp|autonomous|react|shell|terminal|command[- ]line|intelligent|planning)"
        r"[\w -]{0,20}agent|agent that (?:can|uses|sends|books|operates|navigates))"
    ),
    "answer": r"(?:question[- ]answering|answers? (?:\w+ )?questions)",
}
HEADS: dict[str, str] = {
    **{f"head_{kind}": rf"{_HEAD}(?:{verbs})\b" for kind, verbs in _VERBS.items()},
    **{f"part_{kind}": rf"{_PART}{parts}\b" for kind, parts in _PARTS.items()},
}
"""Sign -> expression."""
