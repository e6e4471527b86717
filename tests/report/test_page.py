"""The page: whole in itself, nothing runs, nothing from a log is markup, no slot's value, a table beside each bar."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.report import charts, page, panels, words
from modicum.report.records import Report
from modicum.types import Contract, LabelRow, Pattern, Template, Verdict, Version
from tests.report.everything import everything, ladder
from tests.report.records import NOW, TEXT, certificate, certified, days, report, route, row, workload

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "</title><meta http-equiv=refresh content='0;url=//evil.example'>",
    "{{ 7 * 7 }} {% include 'x' %}",
    "<!-- ", "]]>", "&lt;b&gt;", "javascript:alert(1)",
    "\u202eevil\u2066\x00\x1b[2J",
    "x" * 100_000,
]  # fmt: skip
VOID = {"meta", "rect", "path", "line", "br", "link", "img", "input"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "article", "h1", "h2", "h3", "p", "dl",
    "dt", "dd", "div", "span", "table", "thead", "tbody", "tr", "th", "td", "small", "bdi", "svg", "rect", "path", "ul", "ol", "li",
    "blockquote", "details", "summary", "pre", "mark", "code", "nav", "a", "figure", "figcaption", "g", "line", "text", "strong", "em",
}  # fmt: skip


class Outline(HTMLParser):
    """What a browser would see: elements, attributes, balance, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(text: str) -> Outline:
    """Nothing but our own elements, balanced, none that loads or runs."""
    outline = Outline(text)
    assert outline.open == []
    for tag, attributes in outline.elements:
        assert tag in ALLOWED, tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "style", "action", "xlink:href"), (tag, name, value)
            assert name != "href" or (value or "").startswith("#"), (tag, value)
    return outline


def full(name: str = "bank-intent") -> Report:
    """A report with everything in it, `name` wherever a log can put text."""
    version = Version(
        version_id=name,
        template=Template(key="k", system=Pattern(literals=(name, name), anchored_start=True), user=Pattern(literals=(name,))),
        marks=(("slot", "SECRET-SLOT-VALUE"),),
        first_seen=NOW,
        last_seen=NOW,
        calls=7,
    )
    proof = certificate(
        certificate_id=name,
        workload_name=name,
        sentence=f"of 100 at most 1 differs from {name}'s",
        label_table=(LabelRow(label=name, groups=5, answered=3, differing=1, upper_bound=0.5),),
        cover=dataclasses.replace(certificate().cover, incumbents=("big", name)),
    )
    usage = days(5) + [row(0, request_model=name, response_model=name), row(1, workload_id=None, scope=name)]
    usage += [row(2, specialist=True, response_model="modicum/x", reasons=(("answered", 100),))]
    usage += [row(2, workload_id="w2"), row(2, workload_id="w3")]
    refused = Verdict(workload_id="w2", verdict="refused", reason=name, code="too_few_calls", needs_calls=10, needs_days=3.0)
    return report(
        usage,
        workloads=[
            workload(name=name, versions=(version, version)),
            workload("w2", name=name, versions=(version,), contract=Contract(kind="label", labels=(name,))),
            workload("w3", name=name, contract=TEXT),
        ],
        verdicts=[refused],
        certificates=[proof],
        routes=[route(state="on", certificate_id=name)],
    )


def test_the_page_is_whole_in_itself() -> None:
    text = page.render(full())
    outline = check(text)
    policies = [a["content"] for tag, a in outline.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]
    assert not re.search(r"url\(|@import|https?:", text)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_log_is_markup(hostile: str) -> None:
    text = page.render(full(hostile))
    check(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert len(text) < 100_000


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_catalogue_or_a_person_is_markup(hostile: str) -> None:
    text = page.render(everything(hostile))
    check(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert len(text) < 250_000


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_name_breaks_the_page(name: str) -> None:
    check(page.render(everything(name)))


def test_every_part_is_there_when_it_is_known_and_left_out_when_not() -> None:
    full_page, bare = page.render(everything()), page.render(report(days(1)))
    for part in (
        "Over budget", "Is there something smaller", "at least 99", "Models that retire", "What changed", "Spend by day", "By scope",
        "What could take it over", "Label by label", "How the models are asked", "Calls by hour", "Conversations and runs",
        "Models and prices", "How good the data is", "How these figures were made", "A dollar is taken as MYR",
    ):  # fmt: skip
        assert part in full_page, part
    for part in (
        "budget",
        "at least 99",
        "retire",
        "What changed",
        "Spend by day",
        "By scope",
        "How the models are asked",
        "Conversations",
    ):
        assert part not in bare[bare.index("<body>") :], part


def test_every_link_of_the_page_leads_somewhere() -> None:
    for it in (everything(), report(days(3)), report(days(3, workload_id=None))):
        text = page.render(it)
        anchors = set(re.findall(r'href="#([a-z]+)"', text))
        assert anchors and anchors <= set(re.findall(r' id="([a-z]+)"', text))


def test_a_long_obstacle_is_folded_away_and_a_loss_is_not_drawn_as_a_saving() -> None:
    text = page.render(everything())
    assert "<summary>terms of use are to be read</summary>" in text
    assert 'class="f-more" x="0%" y="0" width="100.0%"' in text
    assert "−RM\u00a03,760 to −RM\u00a0940" in text


def test_what_is_escaped_still_reads_as_it_was() -> None:
    outline = check(page.render(full("<b>R&D</b>")))
    assert any("<b>R&D</b>" in piece for piece in outline.text)


def test_templates_stand_there_without_what_their_slots_held() -> None:
    text = page.render(report(days(3)))
    assert "Say where gold goes on <mark>slot</mark>.\nOne word." in text
    assert "SECRET-SLOT-VALUE" not in text


def test_each_workload_has_a_row_and_a_bar_on_one_scale() -> None:
    it = report([row(0), row(0, workload_id="w2", input_tokens=50_000, output_tokens=5_000)], workloads=[workload(), workload("w2")])
    dearest = it.workloads[0].baseline_usd_month
    assert dearest is not None
    assert [charts.bar(line, dearest).spend for line in it.workloads] == [100.0, 50.0]
    text = page.render(it)
    assert text.count('<rect class="b-spend" x="0" y="2" width="100.0%"') == 1
    assert text.count('<rect class="b-spend" x="0" y="2" width="50.0%"') == 1
    assert "name-of-w1" in text and "$36.53" in text


def test_a_bar_carries_its_saving() -> None:
    (line,) = report(days(30), verdicts=[certified()]).workloads
    assert line.baseline_usd_month is not None
    bar = charts.bar(line, line.baseline_usd_month)
    assert bar.saving == pytest.approx(47.5, abs=0.1)
    assert bar.low is not None and bar.high is not None and bar.low < bar.saving < bar.high


def test_unknown_prices_are_said_and_drawn_as_nothing() -> None:
    it = report(days(3, request_model="nobody", response_model="nobody"))
    text = page.render(it)
    assert "unknown" in text and "$0" not in text
    assert '[prices."<bdi>nobody</bdi>"]' in text


def test_the_certificates_sentence_and_the_refusal_are_there() -> None:
    text = page.render(full())
    assert "Of 100 at most 1 differs from bank-intent&#39;s." in text
    assert "too_few_calls" in text
    assert "10 calls, 3 days" in text


def test_nothing_worth_changing_is_the_first_thing_said() -> None:
    it = everything()
    assert it.worth is not None
    nothing = dataclasses.replace(it.worth, changing=False, sentence="Nothing here is worth changing: too little. Enough is more.")
    text = page.render(dataclasses.replace(it, worth=nothing))
    assert "<h1>Nothing here is worth changing: too little.</h1>" in text
    assert f'<p class="lead">Enough is more. {it.headline}</p>' in text
    assert f"{it.headline}</p>" in page.render(it)


def test_a_name_that_runs_from_right_to_left_keeps_to_itself_within_a_sentence() -> None:
    assert page.prose("تصنيف الشكاوى costs $3") == "<bdi>تصنيف الشكاوى</bdi> costs $3"
    assert page.prose("a & `b` שלום, c") == "a &amp; <code>b</code> <bdi>שלום</bdi>, c"


def test_a_thousand_workloads_make_a_page_that_opens() -> None:
    ids = [f"w{number}" for number in range(1000)]
    it = report([row(0, workload_id=own) for own in ids], workloads=[workload(own) for own in ids])
    text = page.render(dataclasses.replace(it, ladders=tuple(ladder(own, "x") for own in ids)))
    check(text)
    assert (
        "988 cheaper workloads" in text
        and "<summary>188 cheaper workloads, the dearest of 988;" in text
        and "940 workloads cost still less" in text
    )
    assert len(text) < 1_000_000


def test_what_a_state_means_stands_below_the_table() -> None:
    text = page.render(full())
    assert "<dt>not proposed</dt><dd>a small model was tried and could not be proven good enough</dd>" in text
    assert "<dt>paused</dt>" not in text, "only those that are there"
    assert set(panels.STATES_SAY) == set(words.STATES)


def test_why_a_task_is_taken_as_what_it_is_stands_beside_it_and_the_unsure_are_counted() -> None:
    one = workload(task="unsure", task_why="its text says too little of what is wanted")
    it = report(days(3), workloads=[one])
    text = page.render(dataclasses.replace(it, ladders=(ladder("w1", "x"),)))
    assert "Taken as <em>unsure</em>: its text says too little of what is wanted." in text
    assert "Workloads whose kind of task is unsure" in text


def test_what_is_not_missing_is_said_in_a_sentence() -> None:
    said = (
        "<p>No calls of unknown price, without usage, whose usage cannot be, that failed before any token, that failed later, of no"
        " workload, seen without their text.</p>"
    )
    assert said in page.render(report(days(3)))
