"""The coin: shares, the chance of each side, and that limits which move take along as few conversations as possible."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.route.coin import Arm, toss

MANY = 20_000
SHARES = st.floats(0, 1)
NAMES = [f"c{number}" for number in range(400)]


def test_a_conversation_stays_on_its_side() -> None:
    assert len({toss("c1", salt="s", control=0.3, share=0.5) for _ in range(20)}) == 1
    sides = {toss("c1", salt=f"r{number}", control=0.5)[0] for number in range(40)}
    assert sides == {"control", "route"}, "another route tosses anew"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("control", "share", "kept"), [(0.05, 0.1, 1.0), (0.2, 0.5, 0.25), (0.05, 1.0, 1.0), (0.3, 1.0, 0.5)])
def test_the_arms_have_their_shares_and_say_how_likely_they_were(control: float, share: float, kept: float, named: bool) -> None:
    drawn = [toss(f"c{n}" if named else None, salt="s", control=control, share=share, kept=kept) for n in range(MANY)]
    wanted: dict[Arm, float] = {
        "control": control,
        "route": (1 - control) * share * kept,
        "unwatched": (1 - control) * share * (1 - kept),
        "canary": (1 - control) * (1 - share),
    }
    found = Counter(arm for arm, _ in drawn)
    assert all(chance == pytest.approx(wanted["route"] if arm == "route" else 1 - wanted["route"]) for arm, chance in set(drawn))
    expected = {arm: MANY * chance for arm, chance in wanted.items() if chance}
    assert found.keys() <= expected.keys()
    chi_square = sum((found[arm] - number) ** 2 / number for arm, number in expected.items())
    assert chi_square < 21.1, "0.9999 quantile with three degrees of freedom; fewer arms have less"


def test_none_and_all() -> None:
    assert {toss(None, salt="s", control=0.0) for _ in range(100)} == {("route", 1.0)}
    assert {toss(None, salt="s", control=1.0) for _ in range(100)} == {("control", 1.0)}
    assert {toss(None, salt="s", control=0.0, share=0.0) for _ in range(100)} == {("canary", 1.0)}
    assert {toss(None, salt="s", control=0.0, kept=0.0) for _ in range(100)} == {("unwatched", 1.0)}


def test_what_was_control_stays_control() -> None:
    """Sides as they were before there were canaries, so that an upgrade moves nobody."""
    assert [name for name in NAMES[:100] if toss(name, salt="s", control=0.05)[0] == "control"] == ["c7", "c32", "c86", "c90", "c98"]


@given(SHARES, SHARES, SHARES, SHARES, SHARES, SHARES)
def test_a_limit_that_moves_takes_along_only_what_lies_between(
    control: float, share: float, kept: float, control_then: float, share_then: float, kept_then: float
) -> None:
    less, more = sorted((control, control_then))
    for name in NAMES:
        before, after = (toss(name, salt="s", control=c, share=share, kept=kept)[0] for c in (less, more))
        assert before == after or after == "control", "a larger control only takes"
    less, more = sorted((share, share_then))
    for name in NAMES:
        before, after = (toss(name, salt="s", control=control, share=s)[0] for s in (less, more))
        assert before == after or (before, after) == ("canary", "route"), "a larger share only takes what it left out"
    less, more = sorted((kept, kept_then))
    for name in NAMES:
        before, after = (toss(name, salt="s", control=control, share=share, kept=k)[0] for k in (more, less))
        assert before == after or (before, after) == ("route", "unwatched"), "giving back only gives back"


@given(st.none() | st.text(), st.text(), SHARES, SHARES, SHARES)
def test_any_name_has_an_arm_and_a_chance(name: str | None, salt: str, control: float, share: float, kept: float) -> None:
    _, chance = toss(name, salt=salt, control=control, share=share, kept=kept)
    assert 0 <= chance <= 1
    toss("\ud800", salt="s", control=0.5)
