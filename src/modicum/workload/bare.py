"""Take the wrapping off an answer. `light` takes what is always free: white space, quotes, fences. `bare` takes more.

Nothing here searches: every step looks at the ends of the text only, in time linear in what it takes off.
"""

from __future__ import annotations

import re

from modicum.workload.letters import JOINERS, UNSEEN, alike, spell

QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "「": "」", "『": "』", "【": "】", "《": "》", "„": "“"}
_EMPHASIS = ("**", "__", "*", "`", "_")
_STOPS = ".!。！．।۔"
_MARKS = _STOPS + "?？؟…"
"""Behind one of these a stop is part of the value: "?!", "..."."""
_LEAD = re.compile(
    r"(?:(?:the|my|la|le|die|das|il)\s+)?(?:final\s+|best\s+|correct\s+|predicted\s+)?"
    r"(?:answer|label|category|intent|class|classification|result|output|response|topic|tag|prediction|score|rating|grade|stars|"
    r"antwort|ergebnis|kategorie|bewertung|punktzahl|puntuación|skor|markah|nilai|"
    r"réponse|respuesta|resposta|risposta|catégorie|categoría|ответ|jawapan|jawaban|kategori|keputusan|hasil|"
    r"答案|回答|答え|类别|類別|分类|分類|标签|結果|结果|カテゴリ|ラベル|分数|评分|評分|得分|点数|மதிப்பெண்|பதில்|விடை|வகை|उत्तर|श्रेणी|वर्ग|"
    r"الدرجة|التقييم|الجواب|الإجابة|الفئة|التصنيف|النتيجة)"
    r"\s{0,2}(?:is\s{0,2}:?|(?:ialah|adalah)\s{0,2}:?(?=\s)|[:：=])\s{0,3}",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:i['’]?m (?:very )?sorry|i am sorry|sorry,|i apologi[sz]e|i can(?:['’]t|not| not)\b|i['’]?m (?:not able|unable)|"
    r"i am (?:not able|unable)|i won['’]t\b|"
    r"as an ai\b|unfortunately,? i\b|i do(?:n['’]t| not) (?:feel comfortable|have the ability)|"
    r"lo siento|no puedo|je suis désolé|je ne peux pas|es tut mir leid|ich kann (?:das|dabei|ihnen|dir)? ?(?:leider )?nicht|"
    r"desculpe|mi dispiace|извините|к сожалению, я|抱歉|很抱歉|对不起|對不起|申し訳|죄송|عذر|آسف|أعتذر|"
    r"maaf\b|saya (?:minta|mohon) maaf|மன்னிக்க|क्षमा करें|माफ़ कीजिए|मुझे खेद)",
    re.IGNORECASE,
)
_OPENS = frozenset("`" + "".join(QUOTES) + UNSEEN)
_CLOSES = frozenset(UNSEEN)
"""A fence or a quote is taken off only where it stands at both ends."""
_GLUE = re.compile(r"(?<=[^\s_\-])[_\-]+(?=\w)|[\s_]+-+[\s_]+|[\s_]+")


def fold(text: str) -> str:
    """The form in which two spellings of a value are compared: case, white space, `_` and `-` between words are one.

    A dash at a word's one side is part of the value ("A-", "-1"), one that stands apart before it or behind it is a bullet.
    A value of nothing but such marks is itself. Marks of direction, the ways to compose a letter, full-width forms and the script of
    digits tell nothing apart.
    """
    text = alike(spell(text)).casefold().strip()
    text = text if text.isascii() else text.strip(JOINERS)
    folded = _GLUE.sub(" ", text).strip().removeprefix("- ").removesuffix(" -").strip()
    return folded or text


def refuses(text: str) -> bool:
    """True where an answer opens as a refusal does."""
    return _REFUSAL.match(text.lstrip().lstrip("\"'*")) is not None


def unfence(text: str) -> str:
    """The inside of a text that is one fenced block, else the text."""
    if not text.startswith("```") or not text.endswith("```") or len(text) < 6:
        return text
    inside = text[3:-3]
    if "```" in inside:
        return text
    head, newline, rest = inside.partition("\n")
    if newline and len(head) <= 20 and not any(mark in head for mark in " {[\"'"):
        return rest
    return inside


def light(text: str) -> str:
    """Without white space, quotes and fences around it: what reading may discard by itself."""
    while True:
        text = text.strip()
        if not text or (text[0] not in _OPENS and text[-1] not in _CLOSES):
            return text  # nothing of what is taken off below stands at its ends
        before = text
        text = unfence(text.strip().strip(UNSEEN).strip())
        if len(text) >= 2 and QUOTES.get(text[0]) == text[-1]:
            text = text[1:-1]
        if text == before:
            return text


def bare(text: str) -> str:
    """Without emphasis, final stop and a lead such as "Answer:" either."""
    while True:
        before = text
        text = light(text)
        for mark in _EMPHASIS:
            # "***" is three stars, not one in italics
            if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark) and text.strip(mark[0]):
                text = text[len(mark) : -len(mark)]
                break
        if len(text) > 1 and text[-1] in _STOPS and text[-2] not in _MARKS:
            text = text[:-1]
        lead = _LEAD.match(text.lstrip("*_ "))
        if lead and lead.end() < len(text.lstrip("*_ ")):
            text = text.lstrip("*_ ")[lead.end() :]
            # "**Answer:** x": the emphasis closes behind the lead
            text = text.removeprefix("**").removeprefix("__")
        if text == before:
            return text


def strip_affix(text: str, form: str) -> str:
    """Without the form's own prefix and suffix, where the text has both."""
    prefix, _, suffix = form.partition("{}")
    prefix, suffix = prefix.lstrip(), suffix.rstrip()
    text = text.strip()
    if (prefix or suffix) and len(text) >= len(prefix) + len(suffix) and text.startswith(prefix) and text.endswith(suffix):
        return text[len(prefix) : len(text) - len(suffix)]
    return text
