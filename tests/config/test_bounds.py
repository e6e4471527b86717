"""Numbers that would break what they steer are refused where they are read, by name."""

from __future__ import annotations

import pytest

from modicum.config.bounds import BOUNDS
from modicum.config.load import load
from modicum.config.sections import SECTIONS
from modicum.errors import ConfigError


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [
        ("watch.false_rollback", (0, 1, 1.5)),
        ("watch.run_length", (0, 0.4)),
        ("watch.canary_share", (3, 1.01, -0.1)),
        ("watch.least_control", (1.5,)),
        ("watch.most_control", (2,)),
        ("watch.max_error_share", (1.1,)),
        ("watch.look_every_s", (0, -1)),
        ("watch.shadow_hours", (-1,)),
        ("watch.order_s", (-1, float("nan"), float("inf"))),
        ("route.control_share", (1.2,)),
        ("fit.margin", (0, 1)),
        ("fit.confidence", (0, 1)),
    ],
)
def test_what_cannot_be_is_refused_by_name_wherever_it_is_said(setting: str, wrong: tuple[float, ...]) -> None:
    for value in wrong:
        with pytest.raises(ConfigError, match=setting.replace(".", r"\.")) as told:
            load(environ={}, flags={setting: value})
        assert "(flag)" in told.value.message
        section, _, key = setting.partition(".")
        with pytest.raises(ConfigError, match=setting.replace(".", r"\.")):
            load(environ={f"MODICUM_{section.upper()}__{key.upper()}": str(value)})


def test_the_ends_of_a_share_are_shares() -> None:
    found = load(environ={}, flags={"watch.canary_share": 1, "watch.least_control": 0, "watch.run_length": 1, "route.control_share": 1})
    assert (found.watch.canary_share, found.watch.least_control, found.watch.run_length, found.route.control_share) == (1, 0, 1, 1)


def test_every_bound_is_of_a_setting_and_holds_for_its_default() -> None:
    for name, (holds, allowed) in BOUNDS.items():
        section, _, key = name.partition(".")
        assert allowed and holds(getattr(SECTIONS[section](), key))
