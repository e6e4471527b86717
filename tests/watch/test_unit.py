"""Which draws count: what is one request to the certificate is one here."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.config import Config
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Pattern, Template, Version, Watch
from modicum.watch.callers import Callers, hear, takes
from modicum.watch.draws import Toss
from modicum.watch.round import Rounds
from modicum.watch.sketch import alike, sketch
from modicum.watch.unit import DAY_S, LATEST, Seen, counts
from tests.watch.watched_home import START, call, made, workload

PARCEL = "my parcel with the number {} has not come yet please tell me where it is and when it comes thank you"
ASKED = "Say up or down, in one word and whatever else the customer writes to you about it: "


def digest(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())


def toss(number: int, **changes: object) -> Toss:
    found = Toss(started_us=number * 1_000_000, call_id=f"{number}", route_id="r1", workload_id="w1", reason="control", outcome="agreed")
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def with_template(home: Path) -> Config:
    """A route of a workload whose prompt has much fixed text."""
    config = made(home, "on")
    template = Template(key="", user=Pattern(literals=(ASKED,), anchored_start=True))
    version = Version(version_id="v1", template=template, first_seen=START, last_seen=START)
    Control(home).replace_workloads([dataclasses.replace(workload(), versions=(version,))])
    return config


def looked(config: Config, calls: list[Call], seconds: int) -> Watch:
    writer = SegmentWriter(config.home)
    for one in calls:
        writer.append(one)
    writer.close()
    Rounds(config).look(START + timedelta(seconds=seconds))
    (watch,) = Control(config.home).watches()
    return watch


def asked(second: int, text: str, *, agreed: bool) -> Call:
    return call(START + timedelta(seconds=second), ASKED + text, agreed=agreed, reason="control")


def test_copies_that_differ_in_a_number_are_one_request_and_ring_nothing(tmp_path: Path) -> None:
    config, dice = with_template(tmp_path), random.Random(2)
    good = [asked(second, f"{dice.random()} {second}", agreed=dice.random() >= 0.005) for second in range(1_000)]
    copies = [asked(1_000 + one, PARCEL.format(1_000 + one), agreed=False) for one in range(40)]
    watch = looked(config, good + copies, 1_100)
    assert Control(tmp_path).route("r1").state == "on"
    assert not watch.broken
    assert 1_000 < watch.audits <= 1_002
    assert len(msgspec.json.encode(watch)) < 150_000
    assert b"parcel" not in msgspec.json.encode(watch)


def test_fixed_text_makes_no_two_requests_alike(tmp_path: Path) -> None:
    config = with_template(tmp_path)
    watch = looked(config, [asked(second, f"question {second}", agreed=second % 3 > 0) for second in range(300)], 400)
    assert watch.broken
    assert watch.audits == 300


@pytest.mark.parametrize(
    ("common", "other", "share"), [(19, 1, (0.95, 1.0)), (90, 10, (0.6, 1.0)), (60, 20, (0.0, 0.1)), (20, 20, (0.0, 0.0))]
)
def test_sketches_say_what_jaccard_says(common: int, other: int, share: tuple[float, float]) -> None:
    dice, hits = random.Random(5), 0
    for _ in range(100):
        words = [f"w{one}" for one in dice.sample(range(100_000), common + 2 * other)]
        one, two = words[: common + other], words[:common] + words[common + other :]
        hits += alike([sketch(" ".join(one), digest)], sketch(" ".join(two), digest))
    assert share[0] <= hits / 100 <= share[1]


def test_a_day_later_a_request_counts_again_and_memory_is_bounded() -> None:
    seen, same = Seen(), sketch(PARCEL.format(1), digest)
    assert counts(seen, toss(0, sketch=same))
    assert not counts(seen, toss(DAY_S - 1, sketch=sketch(PARCEL.format(2), digest)))
    assert counts(seen, toss(DAY_S + 1, sketch=same))
    for number in range(LATEST + 10):
        counts(seen, toss(DAY_S + 2, sketch=random.Random(number).randbytes(32)))
    assert len(seen.latest) == LATEST


def test_it_counts_again_behind_two_hundred_others_and_is_never_more_of_the_draws() -> None:
    seen, counted = Seen(), []
    for second in range(3 * (LATEST + 1)):  # every other call is the same one
        counted += [counts(seen, toss(second, keys=("same",))), counts(seen, toss(second, keys=(f"other {second}",)))]
    assert all(counted[1::2])
    assert [which for which, one in enumerate(counted[0::2]) if one] == [0, LATEST, 2 * LATEST, 3 * LATEST]


def test_the_same_few_hundred_requests_all_day_are_looked_at_round_after_round() -> None:
    seen, dice, counted = Seen(), random.Random(3), 0
    for number in range(10 * 300):
        counted += counts(seen, toss(number, keys=(f"{dice.randrange(300)}",)))
    assert 800 < counted < 1_200


def under(key: str, calls: list[Call]) -> list[Call]:
    return [dataclasses.replace(one, key_id=key) for one in calls]


def rightly(number: int, keys: int) -> list[Call]:
    return [dataclasses.replace(asked(one, f"good {one}", agreed=True), key_id=f"key{one % keys}") for one in range(number)]


def test_one_key_alone_does_not_send_a_route_back_where_there_are_five(tmp_path: Path) -> None:
    config = with_template(tmp_path)
    attack = under("key0", [asked(300 + one, f"unreadable {one}", agreed=False) for one in range(80)])
    watch = looked(config, rightly(300, 5) + attack, 500)
    assert not watch.broken
    assert (watch.audits, watch.lost) == (380, 1)


def test_several_keys_do(tmp_path: Path) -> None:
    config = with_template(tmp_path)
    broken = [
        one for key in range(5) for one in under(f"key{key}", [asked(300 + 5 * n + key, f"bad {n} {key}", agreed=False) for n in range(4)])
    ]
    assert looked(config, rightly(300, 5) + sorted(broken, key=lambda one: one.started_at), 400).broken


def test_a_single_key_is_all_there_is(tmp_path: Path) -> None:
    config = with_template(tmp_path)
    assert looked(config, rightly(300, 1) + under("key0", [asked(300 + n, f"bad {n}", agreed=False) for n in range(20)]), 400).broken


def test_who_asks_most_may_lose_most_once_others_lose_too() -> None:
    callers = Callers()
    for number in range(200):
        hear(callers, toss(number, key="most" if number % 5 else f"key{number % 4}"))
    hear(callers, toss(200, key="key5"))
    hear(callers, toss(200, key="key6"))
    hear(callers, toss(200, key="key7"))
    assert [takes(callers, 200, key, "") for key in ("most", "most", "key1", "most", "key2", "most", "most")] == [
        True,
        False,
        True,
        True,
        True,
        True,
        True,
    ]
