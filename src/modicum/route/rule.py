"""May a stage answer with this prediction? The same function is certified by night and applied by day."""

from __future__ import annotations

from modicum.types import Prediction, Reason, Rule


def refusal(rule: Rule, prediction: Prediction) -> Reason | None:
    """Why the stage must defer, or None where it answers. Ties accept: confidence >= threshold."""
    if prediction.value in rule.deferred_labels or prediction.value in rule.protected_labels:
        return "protected_label"
    if prediction.runner_up in rule.protected_labels and prediction.runner_up_probability >= rule.runner_up_floor:
        return "protected_label"
    if not prediction.confidence >= rule.accept_above:  # written so that NaN defers
        return "below_threshold"
    return None
