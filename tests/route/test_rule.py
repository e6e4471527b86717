from modicum.route.rule import refusal
from modicum.types import Prediction, Rule


def test_a_tie_with_the_threshold_answers() -> None:
    assert refusal(Rule(accept_above=0.5), Prediction(value="a", confidence=0.5)) is None


def test_below_the_threshold_defers() -> None:
    assert refusal(Rule(accept_above=0.5), Prediction(value="a", confidence=0.49999)) == "below_threshold"


def test_not_a_number_defers() -> None:
    assert refusal(Rule(accept_above=0.0), Prediction(value="a", confidence=float("nan"))) == "below_threshold"


def test_protected_labels_defer_as_prediction_and_as_close_runner_up() -> None:
    rule = Rule(accept_above=0.5, protected_labels=("lost_card",), runner_up_floor=0.2)
    assert refusal(rule, Prediction(value="lost_card", confidence=1.0)) == "protected_label"
    assert refusal(rule, Prediction(value="a", confidence=0.6, runner_up="lost_card", runner_up_probability=0.2)) == "protected_label"
    assert refusal(rule, Prediction(value="a", confidence=0.6, runner_up="lost_card", runner_up_probability=0.19)) is None


def test_rare_labels_defer_only_when_predicted() -> None:
    rule = Rule(accept_above=0.5, deferred_labels=("rare",))
    assert refusal(rule, Prediction(value="rare", confidence=1.0)) == "protected_label"
    assert refusal(rule, Prediction(value="a", confidence=0.6, runner_up="rare", runner_up_probability=0.4)) is None
