"""A pattern takes a text apart exactly, or says that it does not fit."""

from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Pattern, Template
from modicum.workload.pattern import gaps, match, rebuild, slot_names, weight

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
