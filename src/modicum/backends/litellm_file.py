"""Read a LiteLLM config.yaml: bounded YAML, and the places in it that name environment variables. What it means: `litellm`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modicum.config import secret
from modicum.errors import ConfigError, MissingExtraError

LONGEST_FILE = 1 << 20
MOST_ALIASES = 1000
MOST_MERGED = 10_000
"""Entries of one mapping after `<<`."""
MOST_NODES = 200_000
FROM_ENVIRONMENT = "os.environ/"


def load(path: Path) -> dict[str, Any]:
    """The file as plain data. Raises ConfigError where it is not such a file or too large, MissingExtraError without a YAML parser."""
    try:
        with open(path, "rb") as file:
            text = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    return parse(text, str(path))


def parse(text: bytes, where: str) -> dict[str, Any]:
    """The same of its bytes."""
    if len(text) > LONGEST_FILE:
        raise ConfigError(f"{where} is longer than {LONGEST_FILE} bytes")
    try:
        import yaml  # it ships no types
    except ImportError:
        raise MissingExtraError.of("litellm", "a LiteLLM config.yaml") from None
    try:
        body = yaml.load(text, _loader(yaml))  # a SafeLoader: plain data, no code
        if not isinstance(body, dict):
            raise ConfigError(f"{where} is not a LiteLLM configuration", hint="it needs a model_list")
        _count(body, [MOST_NODES], where)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{where} cannot be read as YAML ({type(error).__name__}{at})") from None
    return body


def variable(value: Any) -> str | None:
    """The environment variable that `os.environ/NAME` names; None for any other value."""
    return value.removeprefix(FROM_ENVIRONMENT) if isinstance(value, str) and value.startswith(FROM_ENVIRONMENT) else None


def resolver(given: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Value -> the same, or what its environment variable holds (None where unset). `given` is the file's `environment_variables`."""

    def resolve(value: Any) -> Any:
        name = variable(value)
        if name is None:
            return value
        return secret(name) or (str(given[name]) if name in given and variable(given[name]) is None else None)

    return resolve


def _loader(yaml: Any) -> Any:
    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Aliases are counted and merges bounded, so that a short file cannot become a large one."""

        aliases = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                self.aliases += 1
                if self.aliases > MOST_ALIASES:
                    raise yaml.YAMLError("too many aliases")
            return super().compose_node(parent, index)

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            if len(node.value) > MOST_MERGED:
                raise yaml.YAMLError("too many merged entries")

    return Loader


def _count(value: Any, left: list[int], where: str) -> None:
    """Walk everything, each alias as often as it stands, within a budget."""
    left[0] -= 1
    if left[0] < 0:
        raise ConfigError(f"{where} holds more than {MOST_NODES} values")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _count(one, left, where)
