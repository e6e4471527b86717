"""A pattern takes a text apart exactly, or says that it does not fit."""

from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Pattern, Template
from modicum.workload.pattern import gaps, marked_lines, match, rebuild, slot_names, weight

TEXT = st.text(alphabet="ab \n.", max_size=12)
LITERALS = st.lists(st.text(alphabet="ab \n.", min_size=1, max_size=6), max_size=4).map(tuple)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    literals = draw(LITERALS)
    return Pattern(
        literals=literals, anchored_start=bool(literals) and draw(st.booleans()), anchored_end=bool(literals) and draw(st.booleans())
    )


@given(patterns(), st.data())
def test_a_text_built_from_a_pattern_fits_it_and_is_rebuilt(pattern: Pattern, data: st.DataObject) -> None:
    count = gaps(pattern)
    if len(pattern.literals) == 1 and pattern.anchored_start and pattern.anchored_end:
        count = 0
    text = rebuild(pattern, tuple(data.draw(TEXT) for _ in range(count)))
    values = match(pattern, text)
    assert values is not None
    assert rebuild(pattern, values) == text
    assert len(values) == count


@given(patterns(), TEXT)
def test_what_fits_is_rebuilt_from_its_values(pattern: Pattern, text: str) -> None:
    values = match(pattern, text)
    assert values is None or rebuild(pattern, values) == text


def test_ends_may_not_overlap() -> None:
    assert match(Pattern(literals=("aba", "ba"), anchored_start=True, anchored_end=True), "aba") is None


def test_names_follow_the_gaps() -> None:
    template = Template(
        key="",
        system=Pattern(literals=("Today is ", ". Sort."), anchored_start=True, anchored_end=True),
        user=Pattern(literals=("Q: ",), anchored_start=True),
    )
    assert slot_names(template) == ("system.0", "user.0")
    assert weight(template.system) == 16
    assert slot_names(Template(key="", user=Pattern(literals=("Goal: ",), anchored_start=True), user_at="first")) == ("user.0", "user.last")


def test_a_template_is_shown_with_its_slots_named() -> None:
    dated = Pattern(literals=("Today is ", ". Sort."), anchored_start=True, anchored_end=True)
    both_ends_open = Pattern(literals=("\nQ: ", '\nAs {"label": …}:'))
    whole = Pattern(literals=("Sort the mail.",), anchored_start=True, anchored_end=True)
    assert marked_lines(Template(key="", system=dated, user=both_ends_open)) == (
        ("system", "Today is {system.0}. Sort."),
        ("user", '{user.0}\nQ: {user.1}\nAs {"label": …}:{user.2}'),
    )
    assert marked_lines(Template(key="", system=whole, user=Pattern())) == (("system", "Sort the mail."), ("user", "{user.0}"))
    assert marked_lines(Template(key="", user=whole)) == (("user", "Sort the mail."),)
    assert marked_lines(Template(key="", system=Pattern(), user=None)) == (("system", "{system.0}"),)
    goal = Pattern(literals=("Goal: ",), anchored_start=True)
    assert marked_lines(Template(key="", user=goal, user_at="first")) == (("user", "Goal: {user.0}"), ("user", "{user.last}"))


@given(patterns(), patterns())
def test_every_slot_is_shown_once_in_order(system: Pattern, user: Pattern) -> None:
    template = Template(key="", system=system, user=user)
    shown = "".join(text for _, text in marked_lines(template))
    at = -1
    for name in slot_names(template):
        assert shown.count(f"{{{name}}}") == 1
        assert shown.index(f"{{{name}}}") > at
        at = shown.index(f"{{{name}}}")
