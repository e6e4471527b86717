"""What `run_extractor.py` puts a record together with: the likeliest tags, a closed field's value, a copied one's spelling."""

import json
import math
import re
from typing import Any

import numpy as np
from run_linear import decide  # type: ignore[import-not-found]
from run_pieces import number, plain  # type: ignore[import-not-found]

SPELLINGS: Any = {"same": str, "lower": str.lower, "upper": str.upper, "title": str.title, "capital": str.capitalize}
TAKEN_OUT = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>")


def best_path(scores: Any, steps: Any, starts: Any, unit: float) -> tuple[list[int], float]:
    """The likeliest legal tags and the logarithm of their probability."""
    back, best = np.zeros(scores.shape, np.int64), scores[0] + starts
    for at in range(1, len(scores)):
        options = best[:, None] + steps
        back[at], best = options.argmax(axis=0), options.max(axis=0) + scores[at]
    path = [int(best.argmax())]
    for at in range(len(scores) - 1, 0, -1):
        path.append(int(back[at, path[-1]]))
    return path[::-1], min(0.0, float(best.max()) * unit - log_total(scores * unit, steps * unit, starts * unit))


def log_total(scores: Any, steps: Any, starts: Any) -> float:
    moves, total, ahead = np.exp(steps), 0.0, scores[0] + starts
    for at in range(len(scores)):
        top = float(ahead.max())
        total, odds = total + top, np.exp(ahead - top)
        if at < len(scores) - 1:
            with np.errstate(divide="ignore"):
                ahead = np.log(odds @ moves) + scores[at + 1]
    return total + float(np.log(odds.sum()))


def choose(head: Any, slots: dict[str, str], seen: Any, weights: dict[str, Any], n: int) -> dict[str, Any]:
    """A closed field's value, by the linear specialist and, where an encoder read, by both."""
    if seen is None or f"weights-{n}" not in weights:
        told: dict[str, Any] = head.predict(slots)
        return told
    mixed = np.logaddexp(log_softmax(head.scores(slots)), log_softmax(seen[0] @ weights[f"weights-{n}"] + weights[f"bias-{n}"]))
    told = decide(mixed, head.labels)
    return told


def log_softmax(scores: Any) -> Any:
    shifted = np.asarray(scores, np.float64) - np.asarray(scores, np.float64).max()
    return shifted - np.log(np.exp(shifted).sum())


def likelihood(told: dict[int, dict[str, Any]], logs: list[float]) -> float:
    """The log odds of a record by its heads."""
    total = sum(math.log(max(one["confidence"] + one["runner_up_probability"], 1e-12)) for one in told.values()) + sum(logs)
    total = max(-40.0, min(total, -1e-9))
    return total - math.log(-math.expm1(total))


def spell(field: dict[str, Any], text: str) -> Any:
    """A marked text as the field's value; None where it should be a number and is none."""
    if field["head"] == "span":
        return plain(text if TAKEN_OUT.search(text) else SPELLINGS[field["spelling"]](text))
    digits = number(text)
    if digits is None or len(digits) > 30:
        return None
    return float(digits) if field["fraction"] or "." in digits else int(digits)


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def build(values: dict[tuple[str, ...], str | None], holders: list[dict[str, Any]]) -> str:
    """The record that has these values; a holder that holds nothing is what it was mostly."""
    whole: dict[str, Any] = {}
    for path, value in values.items():
        if value is not None:
            put(whole, path, json.loads(value))
    for holder in sorted(holders, key=lambda one: (-len(one["path"]), one["path"])):
        if not there(whole, holder["path"]):
            put(whole, tuple(holder["path"]), json.loads(holder["empty"]))
    return compact(whole)


def put(whole: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(whole.get(key), dict):
            whole[key] = {}
        whole = whole[key]
    whole[path[-1]] = value


def there(found: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True
