"""Write the pages that say what the code says: docs/cli.md, docs/configuration.md, docs/errors.md, docs/admin-api.json.

`python docs/generate.py` writes them; with `--check` it writes nothing, says which page is stale, and also which link
in any of the Markdown pages leads nowhere.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path

import click

from modicum import cli, config, errors
from modicum.admin import openapi

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by docs/generate.py from the code: change it there, then `make docs`. -->\n"


def main() -> int:
    pages = {
        "docs/cli.md": cli_page(),
        "docs/configuration.md": configuration_page(),
        "docs/errors.md": errors_page(),
        "docs/admin-api.json": json.dumps(openapi.document(), indent=1, ensure_ascii=False) + "\n",
    }
    if "--check" not in sys.argv[1:]:
        for name, text in pages.items():
            (ROOT / name).write_text(text, encoding="utf-8")
        return 0
    wrong = [f"{name} is stale: make docs" for name, text in pages.items() if not same(ROOT / name, text)]
    wrong += list(dead_links())
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def cli_page() -> str:
    parts = [NOTE, "# The command line\n"]
    for path, command in commands(cli.cli, ("modicum",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=100, terminal_width=100)
        parts.append(f"## `{' '.join(path)}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, (*path, name))


def configuration_page() -> str:
    parts = [NOTE, "# Configuration\n", textwrap.dedent(inspect.getdoc(config) or "") + "\n"]
    parts.append("With no file at all everything works on these defaults. A key that is not listed here is refused.\n")
    named = {"providers.NAME": config.ProviderConfig, 'models."NAME"': config.ModelConfig}
    for name, record in {**config.SECTIONS, **named}.items():
        parts.append(f"## `[{name}]`\n\n{inspect.getdoc(record)}\n")
        parts.append("| key | kind | default | what it is |\n|---|---|---|---|")
        hints, said = typing.get_type_hints(record), field_docstrings(record)
        for item in dataclasses.fields(record):
            parts.append(f"| `{item.name}` | {kind_of(hints[item.name])} | `{shown(item.default)}` | {said.get(item.name, '')} |")
        parts.append("")
    parts.append('## `[prices."MODEL"]`\n\nYour own prices come before the list prices: US dollars per million tokens.\n')
    parts.append("Keys: " + ", ".join(f"`{key}`" for key in config.PRICE_KEYS) + ".\n")
    return "\n".join(parts)


def kind_of(hint: object) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return "list"
    kinds = {"int": "whole number", "float": "number", "str": "text", "bool": "true, false", "Path": "path"}
    return kinds.get(getattr(hint, "__name__", ""), "path" if hint == Path | None else "table")


def shown(value: object) -> str:
    if value is dataclasses.MISSING or value in (None, (), ""):
        return " "
    return str(value).lower() if isinstance(value, bool) else str(value)


def field_docstrings(record: type) -> dict[str, str]:
    """The string below a field, as one line; inherited ones too."""
    said: dict[str, str] = {}
    for base in reversed(record.__mro__[:-1]):
        said |= own_docstrings(base)
    return said


def own_docstrings(record: type) -> dict[str, str]:
    body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(record))).body[0]).body
    said: dict[str, str] = {}
    for before, after in zip(body, body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = " ".join(text.split()).replace("|", "\\|")
    return said


def errors_page() -> str:
    parts = [NOTE, "# Errors\n", f"```text\n{inspect.getdoc(errors)}\n```\n", "| error | code | HTTP status |\n|---|---|---|"]
    for _, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.ModicumError):
            parts.append(f"| `{error.__name__}` | `{error.code}` | {error.status or ''} |")
    return "\n".join(parts) + "\n"


def dead_links() -> Iterator[str]:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("demo/*.md")]
    for page in sorted(pages):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            if "://" in path or path.startswith("mailto:"):
                continue
            aim = (page.parent / path).resolve() if path else page
            if not aim.exists():
                yield f"{page.relative_to(ROOT)}: no such file: {target}"
            elif anchor and aim.suffix == ".md" and anchor not in anchors(aim.read_text(encoding="utf-8")):
                yield f"{page.relative_to(ROOT)}: no such heading: {target}"


def anchors(text: str) -> set[str]:
    """The heading anchors as Markdown viewers make them: lower case, spaces to hyphens, punctuation dropped."""
    headings = re.findall(r"^#+ +(.+?) *$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    raise SystemExit(main())
