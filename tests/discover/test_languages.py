"""Logs in Malay, Chinese, Tamil, Arabic and mixed text: workloads, labels, names, kinds and what people see of them."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchmarks.discovery import adjusted_rand
from modicum.cli.options import print_table, printable
from modicum.discover import Discovery, mine
from modicum.discover.shingles import TOKEN
from modicum.types import Call, Contract, Workload
from modicum.wire import chat
from modicum.workload import Recogniser, read
from modicum.workload.bare import bare, fold, light, refuses
from modicum.workload.letters import isolate, spell

from .conftest import Maker


@dataclass(frozen=True)
class Tongue:
    """A small grammar: who did what with which thing, and when."""

    who: list[str]
    did: list[str]
    what: list[str]
    when: list[str]
    join: str
    sort: str
    labels: list[str]
    wordy: list[str]
    """Frames of a verbose answer that names the label."""
    pick: str
    reply: str
    greetings: list[str]

    def sentence(self, rng: random.Random) -> str:
        return self.join.join(rng.choice(part) for part in (self.when, self.who, self.did, self.what))


TONGUES = {
    "malay": Tongue(
        who="saya kami suami-saya adik-saya jiran-kami pelanggan-lama ibu-saya bapa-saya".replace("-", "\u00a0").split(" "),
        did="membeli memesan memulangkan menerima menghantar kehilangan merosakkan membayar menukar".split(),
        what="sebuah telefon|sehelai baju|sepasang kasut|satu bungkusan|sebiji cawan|sebuah beg|tiga buku|satu meja|dua kerusi".split("|"),
        when="semalam hari-ini minggu-lepas pagi-tadi bulan-lalu malam-tadi".split(),
        join=" ",
        sort="Anda ialah penyusun aduan kedai kami. Baca mesej pelanggan dan kelaskan kepada salah satu kategori: bayaran balik, "
        "penghantaran, pertanyaan, aduan. Jawab dengan kategori sahaja.",
        labels=["bayaran balik", "penghantaran", "pertanyaan", "aduan"],
        wordy=["{}. Pelanggan menyebut perkara itu dengan jelas.", "Kategori: {}\nSebabnya ada dalam mesej."],
        pick="Ekstrak barang dan masa daripada mesej berikut. Pulangkan JSON dengan medan barang dan masa.\n\nMesej: ",
        reply="Tulis balasan yang sopan kepada pelanggan kedai bunga kami dalam tiga ayat dan tandatangan sebagai Melati.",
        greetings=["Terima kasih kerana menulis", "Kami memohon maaf atas kesulitan", "Selamat sejahtera", "Pesanan anda sedang diurus"],
    ),
    "chinese": Tongue(
        who="我|我们|我先生|我妹妹|邻居|老顾客|我妈妈|我同事".split("|"),
        did="买了|订了|退了|收到了|寄出了|弄丢了|弄坏了|付款买了|换了".split("|"),
        what="一部手机|一件衬衫|一双鞋|一个包裹|一个杯子|一个背包|三本书|一张桌子|两把椅子".split("|"),
        when="昨天|今天|上周|早上|上个月|昨晚".split("|"),
        join="",
        sort="你是网店的客服分类助手。请阅读顾客的留言，并归入以下类别之一：退款、物流、咨询、投诉。只输出类别名称，不要解释。",
        labels=["退款", "物流", "咨询", "投诉"],
        wordy=["{}。顾客在留言里说得很清楚。", "类别：{}\n原因见留言。", "这条留言属于【{}】类别。"],
        pick="请从下面的留言中提取商品和时间，返回 JSON，字段为 商品 和 时间。\n\n留言：",
        reply="请以花店店员的身份给顾客写一封礼貌的回信，三句话，署名小兰。",
        greetings=["感谢您的来信", "给您带来不便我们深表歉意", "您好，很高兴为您服务", "您的订单正在处理"],
    ),
    "tamil": Tongue(
        who="நான்|நாங்கள்|என் கணவர்|என் தங்கை|எங்கள் அண்டை வீட்டார்|பழைய வாடிக்கையாளர்|என் அம்மா".split("|"),
        did="வாங்கினேன்|பதிவு செய்தேன்|திருப்பி அனுப்பினேன்|பெற்றேன்|தொலைத்துவிட்டேன்|உடைத்துவிட்டேன்|மாற்றினேன்".split("|"),
        what="ஒரு கைபேசியை|ஒரு சட்டையை|ஒரு ஜோடி காலணியை|ஒரு பொதியை|ஒரு கோப்பையை|ஒரு பையை|மூன்று புத்தகங்களை|இரண்டு நாற்காலிகளை".split("|"),
        when="நேற்று|இன்று|கடந்த வாரம்|காலையில்|கடந்த மாதம்|நேற்றிரவு".split("|"),
        join=" ",
        sort="நீங்கள் எங்கள் கடையின் வாடிக்கையாளர் செய்திகளை வகைப்படுத்தும் உதவியாளர். செய்தியைப் படித்து பின்வரும் வகைகளில் ஒன்றைத் "
        "தேர்ந்தெடுக்கவும்: பணம் திரும்ப, விநியோகம், கேள்வி, புகார். வகையின் பெயரை மட்டும் எழுதவும்.",
        labels=["பணம் திரும்ப", "விநியோகம்", "கேள்வி", "புகார்"],
        wordy=["{}. வாடிக்கையாளர் இதைத் தெளிவாகக் கூறியுள்ளார்.", "வகை: {}\nகாரணம் செய்தியில் உள்ளது."],
        pick="பின்வரும் செய்தியிலிருந்து பொருளையும் நேரத்தையும் பிரித்தெடுத்து JSON வடிவில் தரவும். புலங்கள்: பொருள், நேரம்.\n\nசெய்தி: ",
        reply="எங்கள் பூக்கடையின் வாடிக்கையாளருக்கு மூன்று வாக்கியங்களில் மரியாதையான பதில் கடிதம் எழுதி மல்லிகை என்று கையொப்பமிடவும்.",
        greetings=["எழுதியதற்கு நன்றி", "ஏற்பட்ட சிரமத்திற்கு வருந்துகிறோம்", "வணக்கம்", "உங்கள் ஆணை கவனிக்கப்படுகிறது"],
    ),
    "arabic": Tongue(
        who="أنا|نحن|زوجي|أختي|جارنا|عميل قديم|أمي|زميلي".split("|"),
        did="اشترى|طلب|أعاد|استلم|أرسل|فقد|كسر|دفع ثمن|استبدل".split("|"),
        what="هاتفا|قميصا|حذاء|طردا|كوبا|حقيبة|ثلاثة كتب|طاولة|كرسيين".split("|"),
        when="أمس|اليوم|الأسبوع الماضي|هذا الصباح|الشهر الماضي|الليلة الماضية".split("|"),
        join=" ",
        sort="أنت مساعد لتصنيف رسائل متجرنا. اقرأ رسالة العميل وصنفها إلى واحدة من الفئات التالية: استرداد، توصيل، استفسار، شكوى. "
        "أجب باسم الفئة فقط.",
        labels=["استرداد", "توصيل", "استفسار", "شكوى"],
        wordy=["{}. العميل ذكر ذلك بوضوح.", "الفئة: {}\nالسبب مذكور في الرسالة.", "\u200f{}\u200f"],
        pick="استخرج السلعة والوقت من الرسالة التالية وأعد JSON بالحقلين السلعة و الوقت.\n\nالرسالة: ",
        reply="اكتب ردا مهذبا إلى عميل متجر الزهور في ثلاث جمل ووقع باسم ياسمين.",
        greetings=["شكرا على رسالتك", "نعتذر عن الإزعاج", "تحية طيبة", "طلبك قيد المعالجة"],
    ),
    "mixed": Tongue(
        who="saya|I|我|نحن|my boss|customer ni".split("|"),
        did="nak refund|beli|ordered|退了|استلم|cancel".split("|"),
        what="phone baru|一个包裹|the blue bag|kasut 鞋|قميصا|dua cawan".split("|"),
        when="semalam|today|昨天|اليوم|last week".split("|"),
        join=" ",
        sort="Anda ialah support agent untuk kedai online. Read the chat dan tentukan intent 客户意图, answer in one word only: "
        "REFUND, 物流, SOALAN, شكوى.",
        labels=["REFUND", "物流", "SOALAN", "شكوى"],
        wordy=["{} - sebab customer cakap macam tu.", "Intent: {}"],
        pick="Extract barang dan masa dari chat ni, return JSON only, keys 商品 and masa.\n\nChat: ",
        reply="Tulis reply yang friendly untuk customer kedai bunga, campur BM and English, sign off as 小兰.",
        greetings=["Terima kasih ya", "sorry for the trouble", "您好", "order you tengah process"],
    ),
}


@dataclass(frozen=True)
class Log:
    calls: list[Call]
    truth: dict[str, tuple[str, str | None]]
    """(workload, label) of each call."""


def write(name: str, each: int = 100, seed: int = 3) -> Log:
    """A log of one language: classification with plain and with wordy answers, extraction, free text."""
    tongue, maker = TONGUES[name], Maker(seed)
    rng = maker.rng
    calls: list[Call] = []
    truth: dict[str, tuple[str, str | None]] = {}

    def keep(call: Call, workload: str, label: str | None = None) -> None:
        calls.append(call)
        truth[call.call_id] = workload, label

    for _ in range(each):
        label = rng.choice(tongue.labels)
        frame = rng.choice(tongue.wordy) if rng.random() < 0.3 else "{}"
        keep(maker.call(tongue.sort, tongue.sentence(rng), frame.format(label)), "sort", label)
        thing, when = rng.choice(tongue.what), rng.choice(tongue.when)
        text = tongue.join.join((when, rng.choice(tongue.who), rng.choice(tongue.did), thing))
        keys = re.findall(r"商品|masa|barang|السلعة|الوقت|பொருள்|நேரம்|时间", tongue.pick.split("JSON")[-1] if "JSON" in tongue.pick else "")
        fields = dict(zip(list(dict.fromkeys(keys))[:2] or ["a", "b"], (thing, when), strict=False))
        keep(maker.call(None, tongue.pick + text, json.dumps(fields, ensure_ascii=False)), "pick")
        body = tongue.join.join((rng.choice(tongue.greetings), tongue.sentence(rng), tongue.sentence(rng), rng.choice(tongue.greetings)))
        keep(maker.call(tongue.reply, tongue.sentence(rng), body), "reply")
    return Log(calls, truth)


def answer(text: str) -> chat.Answer:
    return chat.Answer(text, None, (), "stop")


LOGS: dict[str, tuple[Log, Discovery]] = {}


def mined(name: str) -> tuple[Log, Discovery]:
    if name not in LOGS:
        log = write(name)
        LOGS[name] = log, mine(log.calls)
    return LOGS[name]


def homes(log: Log, found: Discovery) -> dict[str, Workload]:
    """The workload that holds most calls of each true one."""
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    by_id = {one.workload_id: one for one in found.workloads}
    counts: dict[str, Counter[str]] = {}
    for call_id, (name, _) in log.truth.items():
        counts.setdefault(name, Counter())[of.get(call_id, "")] += 1
    return {name: by_id[held.most_common(1)[0][0]] for name, held in counts.items()}


@pytest.mark.parametrize("name", TONGUES)
def test_workloads_are_found(name: str) -> None:
    log, found = mined(name)
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    assert adjusted_rand(Counter((row[0], of.get(call_id, "")) for call_id, row in log.truth.items())) >= 0.98
    kinds = {workload: one.contract.kind for workload, one in homes(log, found).items()}
    assert kinds == {"sort": "label", "pick": "object", "reply": "text"}


@pytest.mark.parametrize("name", TONGUES)
def test_labels_are_read(name: str) -> None:
    log, found = mined(name)
    contract = homes(log, found)["sort"].contract
    assert sorted(contract.labels) == sorted(TONGUES[name].labels)
    wrong = read_ = total = 0
    for call in log.calls:
        workload, label = log.truth[call.call_id]
        if workload == "sort":
            value = read(contract, chat.answer(chat.loads(call.response or b"{}")))
            total += 1
            read_ += value is not None
            wrong += value not in (None, label)
    assert wrong == 0 and read_ >= 0.9 * total


@pytest.mark.parametrize("name", TONGUES)
def test_kinds_are_told(name: str) -> None:
    log, found = mined(name)
    assert {workload: one.task for workload, one in homes(log, found).items()} == {
        "sort": "classify",
        "pick": "extract",
        "reply": "generate",
    }


@pytest.mark.parametrize("name", TONGUES)
def test_names_can_be_said_and_tell_workloads_apart(name: str) -> None:
    _, found = mined(name)
    names = [one.name for one in found.workloads]
    assert len(set(names)) == len(names) and "open-chat" not in names
    for one in names:
        assert 3 <= len(one) <= 70 and unicodedata.normalize("NFC", one) == one
        # no word begins with a mark that belongs to the letter before it
        assert all(part and unicodedata.category(part[0]).startswith(("L", "N")) for part in one.split("-"))


@pytest.mark.parametrize("name", TONGUES)
def test_no_letter_is_cut_in_two(name: str) -> None:
    log, found = mined(name)
    recogniser = Recogniser(found.workloads)
    for workload in found.workloads:
        for version in workload.versions:
            for pattern in (version.template.system, version.template.user):
                for literal in pattern.literals if pattern else ():
                    assert not unicodedata.category(literal[0]).startswith("M")
    for call in log.calls[:60]:
        seen = recogniser.recognise(chat.loads(call.request or b"{}"))
        assert seen is not None
        assert not any(value and unicodedata.category(value[0]).startswith("M") for _, value in seen.slots)


@pytest.mark.parametrize("name", TONGUES)
def test_ids_stay_as_the_log_grows(name: str) -> None:
    log, found = mined(name)
    before = mine(log.calls[: len(log.calls) // 2])
    after = mine(log.calls, known=before.workloads)
    assert {one.workload_id for one in before.workloads} <= {one.workload_id for one in after.workloads}
    assert len(after.workloads) == len(found.workloads)


def test_what_is_not_seen_tells_no_labels_apart() -> None:
    assert fold("\u200fشكوى\u200f") == fold("شكوى")
    assert fold("cafe\u0301 au_lait") == fold("Café au lait")
    assert fold("ொ") == fold("ொ")
    assert light("\u2067«شكوى»\u2069") == "شكوى"


def test_a_label_is_no_part_of_a_word_but_stands_anywhere_where_words_are_not_parted() -> None:
    tamil = Contract(kind="label", labels=("புகார்", "கேள்வி"), reader="search")
    assert read(tamil, answer("இது ஒரு புகார் என்று தோன்றுகிறது")) == "புகார்"
    assert read(tamil, answer("இது புகார்கள் பற்றிய நீண்ட குறிப்பு")) is None
    chinese = Contract(kind="label", labels=("投诉", "咨询"), reader="search")
    assert read(chinese, answer("我认为这条留言属于投诉类别，请处理")) == "投诉"
    assert read(chinese, answer("这可能是投诉或咨询，难以确定")) is None


def test_leads_and_stops_of_other_languages_are_taken_off() -> None:
    for said, value in [
        ("Kategori: aduan.", "aduan"),
        ("الفئة: شكوى", "شكوى"),
        ("类别：投诉。", "投诉"),
        ("வகை: புகார்", "புகார்"),
        ("शिकायत।", "शिकायत"),
    ]:
        assert bare(said) == value
    for said in ("Maaf, saya tidak dapat membantu.", "மன்னிக்கவும், என்னால் முடியாது", "抱歉，我无法帮助", "عذرا، لا أستطيع المساعدة"):
        assert refuses(said)


def test_text_from_right_to_left_is_set_apart_and_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("workload", "calls"), [("شكوى-العميل", "12"), ("网店的客服", "7"), ("வாடிக்கையாளர்", "5"), ("plain", "3")], right=(1,))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip() and "─" not in line]
    assert "\u2068شكوى-العميل\u2069" in lines[1]
    assert len({cell_len(line.rstrip()) for line in lines}) == 1
    assert isolate("plain") == "plain" and isolate("客服") == "客服"
    assert printable("می\u200cخواهم") == "می\u200cخواهم" and printable("a\u202eb") == "a\\u202eb"


@given(st.text(max_size=200))
def test_tokens_cover_any_text_and_begin_with_no_mark_of_a_letter_before(text: str) -> None:
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == re.sub(r"[^\S\n]", "", text)
    assert spell(spell(text)) == spell(text)
