"""May a workload be routed: is its fixed text enough to tell its requests from those of workloads that were never seen?

An open user text behind little fixed text is anybody's prompt: most unseen requests that a matcher would swallow stand behind a
short system text that many applications share, "You are a helpful assistant." A short text is a sign all the same where

- it is the whole system text, word for word, in every version: a longer text that only contains it does not fit;
- the answers are closed (labels, records, numbers): one question was asked of every user text, and as no user text asks it,
  the system text must;
- it says what is asked: it names two of the labels (others than yes and no), or a field of the record, or has a word of judging,
  sorting or extracting and says of what. A persona has none of these. In a language whose words are not known here only the
  first two count, so that a greeting stays out in any;
- no other group of the scope stands behind the same text: then it is not the text that tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from modicum.discover.contract import places
from modicum.discover.draft import Draft
from modicum.discover.naming import words_of
from modicum.types import Contract, Pattern
from modicum.workload.bare import fold
from modicum.workload.pattern import template_weight, weight

_THIN = 40
"""Fixed characters under which an open user text is anybody's, unless the system text is known whole and says the task."""
_LEAST = 12
"""Characters of a whole system text, "Spam or ham?" is one; those of scripts that write words in one or two count twice."""
_ALONE = 0.98
"""Share of the calls behind a system text that must be of the one workload: a few of any log are odd."""
_VERBS = r"""
classif categor label sort rout triag rate\b rating score scor grade grading rank detect identif determin decid judg assess evaluat
analys[ei] analyz extract flag filter moderat assign choos pick select predict estimat count compar match check verif recogni whether
klassifi kategori sortier bewert erkenn bestimm entscheid wähl zuordn einordn prüf ob\b
évalu notez noter détect détermin choisi étiquet
clasific etiquet orden\b ordena evalú elige elij
classific etichett valut rileva scegli avali escolh
классифиц категор оцен определ выбер отнес сортир
"""
_SUBJECTS = r"spam sentiment intent\b intents topic toxic urgen priorit stimmung tonalität polarit тональн"
_VERB = re.compile(rf"\b(?:{'|'.join(sorted(set(_VERBS.split())))})")
_SUBJECT = re.compile(rf"\b(?:{'|'.join(_SUBJECTS.split())})")
_QUESTION = re.compile(r"(?:which|(?:is|does) (?:this|it|the)|welche[rs]?|ist (?:das|dies)|quel(?:le)?|quale?|cuál|какой|какая)\b[^?]*\?$")
_UNSPACED = re.compile(
    "分类|分類|归类|歸類|判断|判斷|判定|识别|識別|评分|評分|评估|評価|採点|选择|選択|选出|选一|標籤|标签|标注|抽出|提取|仕分け"
    "|분류|평가|판단|선택|صنف|تصنيف|قيّم|حدد|จำแนก|จัดประเภท"
)
_PERSONA = frozenset(
    "helpful friendly polite kind honest smart useful good great expert professional assistant bot chatbot agent model tool system".split()
)
_BETWEEN = re.compile(r"[^\w\s]")
_DIGIT = re.compile(r"\d")
_YES_AND_NO = """
yes no true false y n ok ja nein wahr falsch oui non vrai faux sí si verdadero falso sim não vero да нет
是 否 对 错 はい いいえ 예 아니요 نعم لا
"""
_ANY_QUESTION = frozenset(_YES_AND_NO.split())


def is_routable(draft: Draft, drafts: Sequence[Draft]) -> bool:
    """True where a matcher of the draft is safe; `drafts` are all of its scope."""
    if draft.open:
        return False
    if not all(template_weight(part.template) < _THIN and not weight(part.template.user) for part in draft.parts):
        return True
    texts = {_whole(part.template.system) for part in draft.parts}
    return all(text is not None and _says_the_task(text, draft.contract) and _alone(text, draft, drafts) for text in texts)


def _whole(system: Pattern | None) -> str | None:
    """The system text where all of it is fixed, and it is long enough to be no accident."""
    if system is None or not (system.anchored_start and system.anchored_end) or len(system.literals) != 1:
        return None
    (text,) = system.literals
    return text if sum(1 + (char >= "\u0e00") for char in text.strip()) >= _LEAST else None


def _says_the_task(text: str, contract: Contract) -> bool:
    if contract.kind not in ("label", "number", "object"):
        return False
    low = text.casefold()
    if _SUBJECT.search(low) or _QUESTION.match(low.strip()) or _UNSPACED.search(low):
        return True
    if _VERB.search(low) and len(set(words_of([text])) - _PERSONA) >= 2:  # "You are a classifier." does not say of what
        return True
    if contract.kind == "object":
        words = f" {fold(_BETWEEN.sub(' ', low))} "
        return any(f" {fold(step)} " in words for field in contract.fields for step in field.path if len(step) > 2)
    if contract.kind == "number":
        return _VERB.search(low) is not None and _DIGIT.search(low) is not None
    return sum(bool(places(text, label)) for label in contract.labels if _is_own(label)) >= 2


def _is_own(label: str) -> bool:
    """A label that says what it is about: "Answer yes or no", "A, B, C or D" stand before any question."""
    return fold(label) not in _ANY_QUESTION and not (len(label) == 1 and label.isalnum() and label.isascii())


def _alone(text: str, draft: Draft, drafts: Sequence[Draft]) -> bool:
    """Are practically all calls behind this system text of this workload, or of what an operator split off from it?"""
    family = draft.parent_id or draft.workload_id
    ours = others = 0
    for other in drafts:
        related = other is draft or family in (other.parent_id, other.workload_id)
        for part in other.parts:
            if part.template.key != draft.template.key or text not in part.corpus.systems:
                continue
            same = np.array([system == text for system in part.corpus.systems], bool)
            held = int(same[np.frombuffer(part.corpus.system_of, np.int64)[part.calls]].sum())
            if related:
                ours += held
            else:
                others += held
    return ours >= _ALONE * (ours + others)
