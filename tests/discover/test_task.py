"""Kinds are told from the wire, the contract and the words, in many languages, and a reader learns why."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.discover import mine
from modicum.discover.asked import ask, ask_template
from modicum.discover.task import Told, Wire, tell_prompt
from modicum.types import Contract, Field, Pattern, TaskKind, Template

TOLD: list[tuple[TaskKind, str]] = [
    ("classify", "{{review}}\nWhat is the sentiment of this review?"),
    ("classify", "Is the text below spam? Answer yes or no.\n\n{{message}}"),
    ("classify", "You are a support triage bot. Read the ticket and answer with exactly one of: billing, shipping, returns, other."),
    ("classify", "{{question}}\nA. {{A}}\nB. {{B}}\nC. {{C}}\nD. {{D}}\nAnswer:"),
    ("classify", 'Given the claim "{{claim}}" and the evidence "{{evidence}}", does the evidence support it?'),
    ("classify", 'Moderate the user message. Reply "allow" or "block" only.'),
    ("score", "Rate the following essay from 1 to 10.\n\n{{essay}}"),
    ("score", "Review: {{r}}\nStars:"),
    ("score", "You are a judge. Give the answer a score between 1 and 5 for helpfulness.\nQuestion: {{q}}\nAnswer: {{a}}"),
    ("extract", "Extract all dates from the contract: ${text}"),
    ("extract", "From the resume below, get the candidate's name, email and skills as JSON.\n\n{resume}"),
    ("extract", "Which drug is mentioned in the following text? {{text}}"),
    ("extract", "Convert the references into BibTeX records with author, title and year.\n{{references}}"),
    ("retrieve-and-answer", "Article: {{context}}\n\nNow answer this question: {{question}}"),
    ("retrieve-and-answer", "Answer using only the sources below and cite them as [1], [2].\n\nSources:\n{{chunks}}\n\nQuestion: {{q}}"),
    ("retrieve-and-answer", "{{context}}\n{{question}}"),
    ("retrieve-and-answer", "Story: {{story}}\n{{question}}\nOptions: {{options}}"),
    ("summarise", "Summarise the ticket in two sentences. {{t}}"),
    ("summarise", "Propose a headline for the news story. {{story}}"),
    ("summarise", "{{text}}\n\nTL;DR:"),
    ("translate", "Translate the following text from English to Malay.\n{{text}}"),
    ("translate", 'How do you say "{{x}}" in Spanish?'),
    ("tool", "You are an agent. You have access to the following tools: search, calculator. Use Thought / Action / Observation."),
    ("generate", "Write a short story about {{topic}}."),
    ("generate", 'Write a question whose answer is "{{answer}}" given this passage: {{context}}'),
    ("generate", "Write an article based on this summary:\n\n{{summary}}"),
    ("generate", "Rewrite this sentence politely: {{s}}"),
    ("generate", "Question: {{question}}\nAnswer:"),
    ("tool", "Goal: {{goal}}\nStep 0: open the ledger\nResult: {{r}}\nStep 1: {{step}}\nResult: {{r}}\nWhat is the next step?"),
    ("tool", "You may look tables up (list_tables), read one (read_table) and write one (write_table). Ask before you write.\n{{message}}"),
    ("rerank", "Rank the following passages by relevance to the query.\nQuery: {{query}}\n{{passages}}"),
    ("score", "Pitch: a toaster that sings\nAppeal: 31\nPitch: a folding bridge\nAppeal: 74\nPitch: {{pitch}}\nAppeal:"),
    ("classify", "Note: paid twice\nDesk: refunds\nNote: parcel wet\nDesk: transport\nNote: {{note}}\nDesk:"),
    ("extract", "You are an order parser. Give customer, article and count; use null where something is missing.\n{{order}}"),
    (
        "retrieve-and-answer",
        "You have a question from a colleague and some pages. Use nothing but the pages.\nPages: {{pages}}\nQuestion: {{q}}",
    ),
    ("unsure", "{{question}}"),
    ("unsure", "Hello"),
    ("unsure", ""),
]
TONGUES: list[tuple[TaskKind, str]] = [
    ("tool", "Anda boleh memanggil fungsi berikut. Tulis Tindakan, kemudian tunggu Pemerhatian.\n{soalan}"),
    ("tool", "你可以调用以下工具：天气、地图。\n行动：\n观察：\n{问题}"),
    ("tool", "يمكنك استخدام الأدوات التالية: خريطة، طقس.\n{مهمة}"),
    ("retrieve-and-answer", "أجب عن السؤال من النص أدناه فقط.\nالنص: {نص}\nالسؤال: {سؤال}"),
    ("retrieve-and-answer", "உரையைப் படித்து விடையளிக்கவும்.\nஉரை: {உரை}\nகேள்வி: {கேள்வி}"),
    ("rerank", "请按相关程度对以下文档排序。\n查询：{查询}\n{文档}"),
    ("summarise", "Hãy tóm tắt bài viết sau.\n{bài}"),
    ("translate", "Переведи текст на английский.\n{текст}"),
    ("classify", "다음 문의를 분류하세요. 카테고리: 배송, 환불, 결제\n{문의}"),
    ("summarise", "Ringkaskan artikel berikut dalam dua ayat.\n{teks}"),
    ("translate", "Terjemahkan ayat ini ke bahasa Inggeris: {ayat}"),
    ("classify", "Kelaskan mesej ini kepada salah satu kategori: aduan, pujian, soalan.\n{mesej}"),
    ("summarise", "Rangkum teks berikut untuk pembaca awam.\n{teks}"),
    ("extract", "Ekstrak nama dan tanggal dari surat ini: {surat}"),
    ("summarise", "请概括下面的文章：{文章}"),
    ("classify", "请把这条评论归入以下类别之一：好评、差评、中评。\n{评论}"),
    ("extract", "从下面的合同中提取甲方和日期：{合同}"),
    ("translate", "பின்வரும் வாக்கியத்தை ஆங்கிலத்தில் மொழிபெயர்க்கவும்: {text}"),
    ("summarise", "கீழே உள்ள கட்டுரையைச் சுருக்கமாகச் சொல்லவும். சுருக்கம்: {text}"),
    ("summarise", "لخص المقال التالي في ثلاث جمل.\n{text}"),
    ("classify", "صنف الرسالة إلى واحدة من الفئات التالية: شكوى، سؤال، شكر.\n{text}"),
    ("extract", "استخرج الأسماء والتواريخ من النص: {text}"),
    ("translate", "इस वाक्य का अंग्रेज़ी में अनुवाद करें: {text}"),
    ("summarise", "नीचे दिए लेख का सारांश दीजिए: {text}"),
    ("summarise", "Resume el siguiente artículo en dos frases. {texto}"),
    ("classify", "Clasifica el mensaje en una de las categorías: queja, pregunta, elogio.\n{texto}"),
    ("translate", "Übersetze den folgenden Satz ins Englische: {satz}"),
    ("classify", "Ordne die Anfrage einer Kategorie zu. Kategorien: Rechnung, Versand, Sonstiges.\n{text}"),
    ("summarise", "Résume le texte suivant en trois phrases.\n{texte}"),
    ("extract", "Extrais les dates et les montants de la facture : {texte}"),
    ("summarise", "次の文章を三行で要約してください。\n{text}"),
    ("classify", "次の問い合わせを分類してください。カテゴリ：配送、返品、支払い\n{text}"),
    ("generate", "Tulis balasan yang sopan kepada pelanggan ini: {mesej}"),
    ("generate", "请撰写一封道歉信。"),
    ("generate", "اكتب قصة قصيرة عن البحر."),
]


@pytest.mark.parametrize(("kind", "text"), [*TOLD, *TONGUES], ids=lambda value: str(value)[:40].replace("\n", " "))
def test_kinds_are_told_from_the_words(kind: TaskKind, text: str) -> None:
    told = tell_prompt(text)
    assert told.kind == kind, told
    assert told.why and "⟨" not in told.why and (told.sure > 0) == (kind != "unsure")


def test_the_wire_says_what_no_text_shows() -> None:
    assert tell_prompt("{{text}}", wire=Wire(endpoint="embeddings")).kind == "embed"
    assert tell_prompt("{{text}}", wire=Wire(endpoint="rerank")).kind == "rerank"
    agent = tell_prompt("You help with orders.\n{{text}}", Contract(kind="text"), Wire(tools=True, returned=0.6, turns=4.0))
    assert (agent.kind, agent.traffic) == ("tool", "agent") and "60% of its calls send results of tools back" in agent.why
    assert tell_prompt("You help with orders.", Contract(kind="tool")).traffic == "agent"
    assert tell_prompt("Context: {{context}}\nQuestion: {{question}}").traffic == "retrieval"
    assert tell_prompt("You help guests.\n{{text}}", wire=Wire(documents=True)).traffic == "retrieval"
    assert tell_prompt("You help guests.\n{{text}}", wire=Wire(tools=True)).kind == "tool"
    assert tell_prompt("You see a form.\n{{text}}", wire=Wire(schema=True)).kind == "extract"
    assert tell_prompt("Summarise the form.\n{{text}}", wire=Wire(schema=True)).kind == "summarise"


def field(kind: str) -> Field:
    return Field(path=(kind,), kind=kind)  # type: ignore[arg-type]


def test_answers_decide_where_they_are_known() -> None:
    words = "Summarise the message.\n{{text}}"
    labels = Contract(kind="label", labels=("card", "loan"))
    assert tell_prompt(words, labels) == Told("classify", 0.97, "its answers are 2 labels")
    assert tell_prompt(words, Contract(kind="label", labels=("1", "2 stars", "3/5", "four"))).kind == "score"
    assert tell_prompt("Context: {{context}}\nQuestion: {{question}}", labels).kind == "retrieve-and-answer"
    assert tell_prompt("How long?", Contract(kind="number")).kind == "generate"
    assert tell_prompt("Rate it from 1 to 5. {{text}}", Contract(kind="number")).kind == "score"
    assert tell_prompt(words, Contract(kind="object", fields=(field("label"), field("boolean")))).kind == "classify"
    assert tell_prompt(words, Contract(kind="object", fields=(field("label"), field("span")))).kind == "extract"
    assert tell_prompt(words, Contract(kind="text")).kind == "summarise"
    assert tell_prompt("Is it good or bad? {{text}}", Contract(kind="text")).kind == "classify"
    assert tell_prompt("Hm.", Contract(kind="text")) == Told("generate", 0.5, "its answers are free text")


def test_two_kinds_that_are_close_are_unsure_and_both_are_named() -> None:
    told = tell_prompt("{{text}}\nThen extract the names, and write a story.")
    assert told.kind == "unsure" and "extract" in told.why and "generate" in told.why


def test_names_of_slots_count_only_as_slots() -> None:
    assert "summarise" not in ask("{{summary}}").plain
    assert tell_prompt("Write a dialogue that fits: {{summary}}").kind == "generate"
    assert ask("{{name}} ${other:Default text} {third} <<fourth>> [FIFTH]").slots == 5
    assert ask('{"a": 1}').slots == 0


def test_names_of_labels_say_nothing_of_the_task() -> None:
    listed = "What does the user want?\nChoices are translate text, write email, rate song, extract page, convert units.\n{{text}}"
    assert "[list]" in ask(listed).text
    assert tell_prompt(listed).kind == "classify"


def test_clauses_of_a_script_without_spaces_are_no_list() -> None:
    assert (
        "[list]"
        not in ask("请阅读下面这位客户的留言内容，判断他是否真的需要退货，不要输出任何多余解释，只需要回答是或者否，谢谢你的配合").text
    )
    assert "[list]" in ask("类别：退货、换货、发票、投诉、其他、催单").text


def test_a_mined_template_is_read_with_its_gaps() -> None:
    pattern = Pattern(literals=("Context: ", "\nQuestion: "), anchored_start=True)
    template = Template(key="k", system=Pattern(literals=("You answer.",), anchored_start=True, anchored_end=True), user=pattern)
    assert ask_template([template]).text == "you answer.\n\ncontext: ⟨⟩\nquestion: ⟨⟩"
    assert ask_template([]).text == ""


@given(st.text(max_size=600), st.booleans())
def test_any_text_is_told_the_same_again(text: str, known: bool) -> None:
    contract = Contract(kind="text") if known else None
    told = tell_prompt(text, contract)
    assert told == tell_prompt(text, contract) and 0 <= told.sure <= 1 and told.why


@pytest.mark.parametrize("piece", ["\n", " ", "a, ", "a) x\n", "你是", "a-", "yes, ", "{{x}} ", "write a ", "1 2 ", "is this "])
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    before = time.process_time()
    tell_prompt(text)
    assert time.process_time() - before < 3


def test_an_agent_s_conversations_are_named_as_such_when_mined(maker: Any) -> None:
    tools = [
        {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}
    ]
    calls = []
    for number in range(60):
        call = maker.call("You look after the orders of a mill. Keep to the house style.", maker.prose(), maker.prose(20, 40), tools=tools)
        body = json.loads(call.request)
        asked = [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "tool_call_id": "t", "content": maker.prose()}]
        body["messages"] += asked * (number % 3)
        calls.append(replace(call, request=json.dumps(body).encode()))
    (workload,) = mine(calls).workloads
    assert workload.task == "tool" and workload.task_sure > 0.9
    assert workload.task_why == "agent traffic: 67% of its calls send results of tools back"
