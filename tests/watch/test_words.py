"""What the watcher says of a proposal: who takes it on."""

from __future__ import annotations

from datetime import timedelta

from modicum.watch import words
from tests.watch.watched_home import START, route

UNTIL = START + timedelta(days=90)
TOLD = f"direction: r1 is proposed, certified until {UNTIL:%Y-%m-%d}"


def test_a_proposal_names_the_next_step() -> None:
    said = words.proposed(route("proposed"), "direction", UNTIL, None, None, automatic=False)
    assert said == f"{TOLD}; next: `modicum route auto r1` lets it come on by itself, `modicum route promote r1` takes a step"


def test_one_that_comes_on_by_itself_says_so() -> None:
    said = words.proposed(route("proposed"), "direction", UNTIL, None, None, automatic=True)
    assert said == f"{TOLD}; it comes on by itself once its conditions hold (`modicum route show r1`)"


def test_beside_a_live_route_it_says_whose_place_it_takes() -> None:
    live = route("on", route_id="r0")
    ends = START + timedelta(days=3)
    beside = f"{TOLD}, beside r0, whose certificate ends on {ends:%Y-%m-%d}; "
    said = words.proposed(route("proposed"), "direction", UNTIL, live, ends, automatic=True)
    assert said == f"{beside}it takes the place of r0 by itself once its conditions hold (`modicum route show r1`)"
    said = words.proposed(route("proposed"), "direction", UNTIL, live, ends, automatic=False)
    assert said == f"{beside}next: `modicum route auto r1` lets it come on by itself, `modicum route on r1` puts it in its place"
