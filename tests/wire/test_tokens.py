"""Estimates of tokens: by script, not below what any vocabulary makes of a text where money is reserved, and of the right order else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.wire.tokens import likely_tokens, most_tokens

COUNTED = {
    "english": (
        "Water boils at one hundred degrees at sea level; on a high mountain it boils earlier because the air presses less.",
        23,
        23,
        25,
    ),
    "malay": (
        "Air mendidih pada seratus darjah di aras laut; di gunung yang tinggi air mendidih lebih awal kerana tekanan udara lebih rendah.",
        38,
        30,
        44,
    ),
    "chinese": ("水在海平面上一百度沸腾；在高山上因为气压较低，水会更早沸腾。", 42, 29, 37),
    "tamil": ("கடல் மட்டத்தில் நீர் நூறு பாகையில் கொதிக்கிறது; உயரமான மலையில் காற்றழுத்தம் குறைவாக இருப்பதால் அது முன்னதாகவே கொதிக்கும்.", 170, 39, 227),
    "arabic": ("يغلي الماء عند مئة درجة عند مستوى سطح البحر، أما على جبل عال فيغلي قبل ذلك لأن ضغط الهواء أقل.", 67, 27, 93),
    "hindi": ("सरकारी अधिकारियों ने मंगलवार को कहा कि भारी बारिश से देश के उत्तर में कई पुल क्षतिग्रस्त हो गए हैं और मरम्मत में महीनों लगेंगे।", 120, 35, 132),
    "japanese": ("政府関係者は火曜日、大雨で国の北部にあるいくつかの橋が損傷し、修理には数か月かかると述べた。", 57, 42, 54),
    "korean": ("정부 관계자들은 화요일 폭우로 북부의 여러 다리가 파손되었으며 수리에 몇 달이 걸릴 것이라고 말했다.", 56, 31, 61),
    "thai": ("เจ้าหน้าที่รัฐกล่าวเมื่อวันอังคารว่าฝนตกหนักทำให้สะพานหลายแห่งทางเหนือของประเทศเสียหาย", 79, 29, 148),
    "russian": (
        "Представители правительства заявили во вторник, что сильные дожди повредили несколько мостов на севере страны.",
        46,
        28,
        51,
    ),
    "greek": (
        "Η πελάτισσα έγραψε ότι το δέμα έφτασε αργά και ένα φλιτζάνι ήταν σπασμένο, γι' αυτό θέλει επιστροφή χρημάτων.",
        101,
        45,
        115,
    ),
    "hebrew": ("הלקוחה כתבה שהחבילה הגיעה באיחור ושכוס אחת הייתה שבורה, ולכן היא רוצה החזר כספי או כוס חדשה לפני סוף השבוע.", 105, 37, 95),
    "german": (
        "Die Kundin schrieb, dass das Paket zu spät ankam "
        "und eine Tasse zerbrochen war, weshalb sie bis zum Ende der Woche ihr Geld zurück oder eine neue möchte.",
        42,
        36,
        47,
    ),
    "json": (
        '{"id": "0f840764-38c4-b3b9-0942", "user": {"name": "Femi", "tier": "free"}, '
        '"total": 1842.55, "items": [{"sku": "A-1192", "qty": 3}]}',
        64,
        64,
        65,
    ),
    "code": ("def f(x: int) -> dict[str, list[int]]:\n    return {str(i): [j for j in range(i) if j % 3] for i in range(x)}\n", 39, 39, 45),
    "digits": ("4915 1182 2093 7716 0042 9981 1120 3345 6671 8890 1234", 32, 32, 21),
    "emoji": ("🎉🚀😍👍🏽🔥❤️🥲🙏", 26, 13, 23),
}
"""A text, and its tokens in cl100k_base, o200k_base and the vocabulary published for Claude 2, counted once with each."""


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_reserved_is_not_below_any_count_however_the_body_is_escaped(name: str) -> None:
    text, *counts = COUNTED[name]
    assert most_tokens(text.encode()) >= max(counts)
    for escaped in (True, False):
        body = json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=escaped).encode()
        assert max(counts) <= most_tokens(body) <= 8 * max(counts)


@pytest.mark.parametrize("name", COUNTED)
def test_an_estimate_is_of_the_order_of_the_counts(name: str) -> None:
    text, *counts = COUNTED[name]
    assert 0.4 * min(counts) <= likely_tokens(text) <= 1.6 * max(counts)


def test_english_is_four_bytes_a_token_and_nothing_is_one() -> None:
    assert likely_tokens("x" * 400) == 100 == likely_tokens(b"x" * 400)
    assert likely_tokens("") == 1 and most_tokens(b"") == 0


def test_a_long_body_is_judged_by_all_of_it() -> None:
    hidden = b"the same old story " * 3_000 + b"4915 1182 " * 3_000
    assert 0.95 < most_tokens(hidden) / (most_tokens(b"the same old story " * 3_000) + most_tokens(b"4915 1182 " * 3_000)) < 1.05


@given(st.binary(max_size=20_000))
def test_any_bytes_have_at_most_a_token_a_byte(body: bytes) -> None:
    assert 0 <= most_tokens(body) <= len(body)
    assert 1 <= likely_tokens(body) <= max(1, len(body))


@given(st.text(max_size=2_000))
def test_more_is_reserved_than_is_likely(text: str) -> None:
    assert most_tokens(text.encode("utf-8", "replace")) >= likely_tokens(text) - 1
