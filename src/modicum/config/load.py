"""Read the settings: flag, `MODICUM_SECTION__KEY`, `modicum.toml`, default, in this order. Unknown keys are refused with a suggestion."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from modicum.config.bounds import BOUNDS, Bound
from modicum.config.sections import NAMED, PRICE_KEYS, SECTIONS, Config, DeploymentConfig
from modicum.errors import ConfigError

_ANY: Bound = (lambda number: True, "")


def load(path: Path | None = None, *, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path` (default: ./modicum.toml where it exists), the environment and `flags` ("section.key" -> value, None skipped)."""
    environ = os.environ if environ is None else environ
    text, where = _read(path)
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    origins = {f"{name}.{f.name}": "default" for name, record in SECTIONS.items() for f in dataclasses.fields(record)}

    for section, body in text.items():
        if section == "prices" or section in NAMED:
            continue
        _known(section, [*SECTIONS, *NAMED, "prices"], "section")
        if not isinstance(body, dict):
            raise ConfigError(f"'{section}' in {where} must be a section, not a value", hint=f"write [{section}] on a line of its own")
        for key, value in body.items():
            _set(values, origins, section, key, value, str(where))
    for name, value in environ.items():
        if name.startswith("MODICUM_") and "__" in name:
            section, _, key = name.removeprefix("MODICUM_").lower().partition("__")
            _known(section, list(SECTIONS), "section")
            _set(values, origins, section, key, value, f"environment variable {name}")
    for name, value in (flags or {}).items():
        if value is not None:
            section, _, key = name.partition(".")
            _set(values, origins, section, key, value, "flag")

    records: dict[str, Any] = {name: record(**values[name]) for name, record in SECTIONS.items()}
    records |= {name: _named(name, record, text.get(name, {}), origins, str(where)) for name, record in NAMED.items()}
    return Config(
        **records,
        prices=_prices(text.get("prices", {}), str(where)),
        origins=origins,
    )


def _named(section: str, record: type[Any], body: Any, origins: dict[str, str], where: str) -> Mapping[str, Any]:
    """The records of `[section.NAME]`, by name."""
    if not isinstance(body, dict) or not all(isinstance(row, dict) for row in body.values()):
        raise ConfigError(f"[{section}] in {where} must hold one section a name", hint=f'[{section}."my-name"]')
    return types.MappingProxyType({name: _record(record, row, f"{section}.{name}", origins, where) for name, row in body.items()})


def _record(record: type[Any], row: Mapping[str, Any], place: str, origins: dict[str, str], where: str) -> Any:
    hints = typing.get_type_hints(record)
    for key in row:
        _known(key, list(hints), f"key in [{place}]:")
        origins[f"{place}.{key}"] = where
    try:
        return record(**{key: _coerce(hints[key], value, f"{place}.{key}", where) for key, value in row.items()})
    except TypeError:
        needed = [f.name for f in dataclasses.fields(record) if f.default is f.default_factory is dataclasses.MISSING]
        raise ConfigError(f"[{place}] in {where} lacks {' and '.join(needed)}") from None


def _read(path: Path | None) -> tuple[dict[str, Any], Path]:
    where = path or Path("modicum.toml")
    try:
        return tomllib.loads(where.read_text(encoding="utf-8")), where
    except FileNotFoundError:
        if path is None:
            return {}, where
        raise ConfigError(f"no configuration file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {where}: {error.strerror}") from None


def _known(name: str, names: list[str], what: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise ConfigError(f"unknown {what} '{name}'", hint=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}")


def _set(values: dict[str, dict[str, Any]], origins: dict[str, str], section: str, key: str, value: Any, origin: str) -> None:
    record = SECTIONS[section]
    hints = typing.get_type_hints(record)
    _known(key, list(hints), f"key in [{section}]:")
    values[section][key] = found = _coerce(hints[key], value, f"{section}.{key}", origin)
    holds, allowed = BOUNDS.get(f"{section}.{key}", _ANY)
    if not holds(found):
        raise ConfigError(f"{section}.{key} = {value!r} ({origin}) is not {allowed}")
    origins[f"{section}.{key}"] = origin


def _coerce(kind: Any, value: Any, name: str, origin: str) -> Any:
    """The value as the field's type has it; strings (from the environment) are read, other types must fit."""
    wrong = ConfigError(f"{name} = {value!r} ({origin}) is not {_describe(kind)}")
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise wrong
        return value
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    if kind == Path | None:
        return _coerce(Path, value, name, origin) if value else None
    if kind == Mapping[str, str] and isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return types.MappingProxyType(dict(value))
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str):
            value = [word.strip() for word in value.split(",") if word.strip()]
        if not isinstance(value, list | tuple):
            raise wrong
        return tuple(_coerce(typing.get_args(kind)[0], one, f"{name}[{number}]", origin) for number, one in enumerate(value))
    if kind is DeploymentConfig:
        if not isinstance(value, str | dict):
            raise wrong
        return _record(DeploymentConfig, {"model": value} if isinstance(value, str) else value, name, {}, origin)
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        value = words.get(value.lower(), value) if isinstance(value, str) else value
        if not isinstance(value, bool):
            raise wrong
        return value
    if kind in (int, float):
        try:
            number = kind(value) if isinstance(value, str) else value
        except ValueError:
            raise wrong from None
        if isinstance(number, bool) or not isinstance(number, (int, float) if kind is float else int) or not 0 <= number < float("inf"):
            raise wrong
        return kind(number)
    if kind is str and isinstance(value, str):
        return value
    raise wrong


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return "a list"
    names: dict[Any, str] = {bool: "true or false", int: "a whole number >= 0", float: "a number >= 0", str: "a string", Path: "a path"}
    return names.get(kind, {Path | None: "a path", Mapping[str, str]: "a table of strings"}.get(kind, "a table"))


def _prices(body: Any, where: str) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(body, dict) or not all(isinstance(row, dict) for row in body.values()):
        raise ConfigError(f"[prices] in {where} must hold one section a model", hint='[prices."my-model"]\ninput_usd_mtok = 0.5')
    for model, row in body.items():
        for key, value in row.items():
            _known(key, list(PRICE_KEYS), f'key in [prices."{model}"]:')
            if key == "read" and type(value) is not date:
                raise ConfigError(f'[prices."{model}"] read = {value!r} is not a day', hint="read = 2026-11-22")
            if key not in ("source", "read") and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
                raise ConfigError(
                    f'[prices."{model}"] {key} = {value!r} is not a price', hint="US dollars per million tokens, a number >= 0"
                )
    return types.MappingProxyType({model: types.MappingProxyType({k: str(v) for k, v in row.items()}) for model, row in body.items()})
