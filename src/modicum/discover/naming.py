"""Names that a person can say, unique within a scope: what the log calls a workload, else words of its instruction."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from modicum.workload.letters import MARKS, spell

_WORD = re.compile(rf"[^\W\d_](?:[{MARKS}]*[^\W\d_]){{2,19}}[{MARKS}]*")
_POLITE = re.compile("^(?:你是|您是|请你?|請|从|把|将|以|并|如果|あなたは|次の)+")
"""How instructions in scripts without spaces begin."""
_CONSIDERED = 60
_STOP_WORDS = """
about above act all also always and answer any april are august avec been being below bitte but can case choices choose con dans
das december del der des did die does done each eine einen else est every exactly false february first following for format friday
from give given had has have her here his how input into ist its january json july june just label labels las last les list long
los lower made make march may message monday more most must name names never none not nothing november null number nur october one
only onto option options other our output over para please por pour provide que reason relies rely remark reply respond response
return role saturday say sentence september short should single some state sunday tell text than that the their them then there
they this three thursday today true tuesday two una und under une use used user users using very was wednesday well were what when
where which who whom why will with word words would write you your
adalah akan anda awak bagi berikut dalam dan dari daripada dengan ialah ini itu jawab jika kami kamu kepada pada sahaja saja salah satu
sila tidak untuk yang
أجب أنت أو إلى التالي التالية التي الذي ثم على عن فقط من هذا هذه واحد واحدة وفق
அல்லது இந்த எங்கள் என்று ஒரு ஒன்றைத் நீங்கள் பின்வரும் மட்டும் மற்றும்
आप इस एक और केवल नहीं निम्नलिखित
"""
_STOP = frozenset(_STOP_WORDS.split())


def name_drafts(texts: Sequence[Sequence[str]], taken: Mapping[int, str], called: Sequence[str] = ()) -> list[str]:
    """A name for each workload by what the log calls it ("": nothing) or its literals; `taken` holds those that are named already.

    Workloads that are called alike are told apart by a word of their instructions.
    """
    words = [words_of(literals) for literals in texts]
    frequency = Counter(word for row in words for word in set(row))
    used = set(taken.values())
    names = []
    for number, row in enumerate(words):
        if number in taken:
            names.append(taken[number])
            continue
        name = called[number] if called else ""
        if not name:
            name = _slug(row, frequency, len(texts))
        elif called.count(name) > 1 and row:
            name = f"{name}-{_slug(row, frequency, len(texts), most=1)}"
        unique, count = name, 2
        while unique in used:
            unique = f"{name}-{count}"
            count += 1
        used.add(unique)
        names.append(unique)
    return names


def words_of(literals: Sequence[str]) -> list[str]:
    """The first 60 words of an instruction that say something, in order, in lower case."""
    joined = spell("\n".join(literals)[:3_000])
    words = (_POLITE.sub("", found[0].lower()) for found in _WORD.finditer(joined))
    # a script without spaces gives whole clauses: their beginnings must do
    return [word if word[0] < "\u0e00" else word[:6] for word in words if word and word not in _STOP][:_CONSIDERED]


def _slug(words: Sequence[str], frequency: Mapping[str, int], count: int, most: int = 3) -> str:
    if not words:
        return "open-chat"
    scores: dict[str, float] = {}
    for place, word in enumerate(words):
        rare = math.log((1 + count) / frequency[word]) + 0.2
        scores.setdefault(word, rare / (4 + place))
    best = set(sorted(scores, key=lambda word: (-scores[word], word))[:most])
    return "-".join(word for word in dict.fromkeys(words) if word in best)
