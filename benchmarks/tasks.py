"""Task kinds: how often the kind of a workload is told right, on templates that others wrote and on logs with an answer key.

    python -m benchmarks.tasks [TEMPLATES.jsonl] [LOG.jsonl TRUTH.jsonl ...] [--unnamed] [--half 0|1] [--rows] [--json FILE]

A line of TEMPLATES has {"id", "dataset", "prompt", "answer", "choices", "kind"}: a Jinja prompt, rendered with a slot wherever a row of
data would stand, and the kind that a reader gave it. What is known of it is that text alone: no answers, no contract. `--unnamed`
takes the names of the slots away, as they are in a log. The kinds of the logs' workloads are in KINDS below.

`tasks_written.txt` beside this file holds templates that were written for it, in the ways of writing that applications have: a few words,
long policies, tags, examples, schemas, runs of agents, in English, Malay, Chinese, Tamil, Arabic and mixed. It is always measured;
`--half` takes every second of both sets, so that rules can be found on one half and tried on the other.

Right of decided counts every line that was decided; a line that the reader left unsure is never right.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from jinja2 import TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from benchmarks import discovery
from modicum.discover import mine
from modicum.discover.task import Wire, tell_prompt
from modicum.types import TaskKind

WRITTEN = Path(__file__).with_name("tasks_written.txt")
_WIRES = {
    "embeddings": Wire(endpoint="embeddings"),
    "rerank": Wire(endpoint="rerank"),
    "tools": Wire(tools=True),
    "results": Wire(tools=True, returned=0.6, turns=4.0),
    "schema": Wire(schema=True),
    "documents": Wire(documents=True),
}
ORDER: tuple[str, ...] = get_args(TaskKind)
_MARK = re.compile("⟦([^⟧]*)⟧")


class Slot(str):
    """What stands for a value of the data: whatever is done with it, it stays a slot of the same name. All comparisons hold."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Slot:
        self = super().__new__(cls, f"⟦{name}⟧")
        self.name = name
        return self

    def __getattribute__(self, attribute: str) -> Any:
        if attribute.startswith("_") or attribute == "name":
            return super().__getattribute__(attribute)
        return self if attribute in _TEXT else Slot(attribute)

    def __call__(self, *_: Any, **__: Any) -> Slot:
        return self

    def __getitem__(self, key: Any) -> Slot:
        return Slot(key) if isinstance(key, str) and not isinstance(key, Slot) else self

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))

    def _same(self, *_: Any) -> Any:
        return self

    def _yes(self, *_: Any) -> bool:
        return True

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = _same
    __floordiv__ = __rfloordiv__ = __neg__ = __round__ = _same
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _yes
    __hash__ = str.__hash__

    def __len__(self) -> int:
        return 2

    def __bool__(self) -> bool:
        return True

    def __int__(self) -> int:
        return 1

    __index__ = __int__


_TEXT = frozenset(name for name in dir(str) if not name.startswith("_"))


class Missing(Undefined):
    """A name that is not defined is a slot of that name."""

    def __new__(cls, *args: Any, name: str | None = None, **_: Any) -> Any:
        return Slot(name or (args[2] if len(args) > 2 and args[2] else ""))


class Environment(ImmutableSandboxedEnvironment):
    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, Slot) and not isinstance(obj, Slot):
            return Slot("choice")
        return super().getitem(obj, argument)


def _first(value: Any, *_: Any, **__: Any) -> Any:
    return value if isinstance(value, Slot) else next(iter(value), "") if isinstance(value, (list, tuple, range)) else value


def _environment() -> Environment:
    made = Environment(undefined=Missing, extensions=["jinja2.ext.do"])
    for name in ("choice", "most_frequent", "random", "first", "last"):
        made.filters[name] = _first
    for name in (
        "round",
        "int",
        "float",
        "abs",
        "selectattr",
        "rejectattr",
        "map",
        "unique",
        "sort",
        "sum",
        "max",
        "min",
        "tojson",
        "list",
    ):
        made.filters[name] = _kept(made.filters[name])
    made.filters["length"] = made.filters["count"] = lambda value: 2 if isinstance(value, Slot) else len(value)
    made.globals |= {"zip": zip, "len": len, "enumerate": enumerate, "str": str, "int": int, "list": list, "set": set, "max": _first}
    return made


def _kept(plain: Any) -> Any:
    def kept(*args: Any, **kwargs: Any) -> Any:
        return args[0] if isinstance(args[0], Slot) else args[1] if len(args) > 1 and isinstance(args[1], Slot) else plain(*args, **kwargs)

    for mark in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(plain, mark):
            setattr(kept, mark, getattr(plain, mark))
    return kept


ENVIRONMENT = _environment()


def render(prompt: str, answer: str | None, choices: str | None, *, named: bool = True) -> str:
    """The prompt as a request would have it, `{{name}}` where data would stand. What cannot be rendered is read without its blocks."""
    try:
        listed = _run(choices).split("|||") if choices else None
        scope = {} if listed is None else {"answer_choices": [choice.strip() for choice in listed]}
        text = _run(f"{prompt}|||{answer or ''}", **scope)
    except (TemplateError, TypeError, ValueError, AttributeError, IndexError, KeyError, OverflowError):
        bare = re.sub(r"{%.*?%}|{#.*?#}", "", prompt, flags=re.DOTALL)
        text = re.sub(r"{{(.*?)}}", lambda found: f"⟦{(re.findall(r'[a-z_]{3,}', found[1]) or [''])[0]}⟧", bare, flags=re.DOTALL)
    text = re.sub("\n{3,}", "\n\n", text.split("|||")[0]).strip()
    return _MARK.sub(lambda found: f"{{{{{found[1] if named else 'x'}}}}}", text)


def _run(text: str, **scope: Any) -> str:
    return ENVIRONMENT.from_string(text).render(**scope)


KINDS: tuple[tuple[str, TaskKind], ...] = (
    ("voice-slots|abstract-keywords", "extract"),
    ("math-tutor|tutor|chatter|nothing|bare-open|preamble-reply|pictures", "generate"),
    ("abstract-summary|long-condense|bare-title", "summarise"),
    ("docs-answer|rag|long-again", "retrieve-and-answer"),
    ("clarity-score|scores", "score"),
    ("voice-tools|tools|tool|agent", "tool"),
    ("bare-translate", "translate"),
)
"""Beginnings of the names of workloads in the answer keys -> kind; all others classify."""


def kind_of(name: str) -> TaskKind:
    return next((kind for names, kind in KINDS if re.match(rf"(?:{names})(?:-|\Z)", name)), "classify")


def measure_templates(path: Path, *, named: bool) -> list[dict[str, Any]]:
    """Each line with what was told of it."""
    rows = []
    for row in map(json.loads, path.read_text("utf-8").splitlines()):
        text = render(row["prompt"], row.get("answer"), row.get("choices"), named=named)
        told = tell_prompt(text)
        rows.append({"id": row["id"], "kind": row["kind"], "told": told.kind, "sure": told.sure, "why": told.why, "text": text})
    return rows


def measure_written(path: Path, *, named: bool) -> list[dict[str, Any]]:
    """The same for `=== kind | language | style [| what the wire shows]` and the prompt below it."""
    rows = []
    for number, part in enumerate(re.split(r"^=== ", path.read_text("utf-8"), flags=re.MULTILINE)[1:], 1):
        head, _, text = part.partition("\n")
        kind, language, style, *wire = (piece.strip() for piece in head.split("|"))
        text = text.strip() if named else re.sub(r"{{[^{}]*}}", "{{x}}", text.strip())
        told = tell_prompt(text, wire=_WIRES[wire[0]] if wire else None)
        row = {"id": f"{number}/{language}/{style}", "language": language, "style": style}
        rows.append({**row, "kind": kind, "told": told.kind, "sure": told.sure, "why": told.why, "text": text})
    return rows


def measure_log(log: Path, key: Path) -> list[dict[str, Any]]:
    """Each workload of the answer key with what was told of the one that holds most of its calls."""
    wanted = discovery.truth(key)
    found = mine(discovery.calls(log))
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    homes: dict[str, Counter[str]] = {}
    for call_id, row in wanted.items():
        homes.setdefault(row["workload"], Counter())[of.get(call_id, "")] += 1
    by_id = {one.workload_id: one for one in found.workloads}
    rows = []
    for name, home in sorted(homes.items()):
        workload = by_id.get(home.most_common(1)[0][0])
        if workload is not None:
            rows.append({"id": name, "kind": kind_of(name), "told": workload.task, "why": workload.task_why})
    return rows


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    decided = [row for row in rows if row["told"] != "unsure"]
    labelled = [row for row in decided if row["kind"] != "unsure"]
    right = sum(row["told"] == row["kind"] for row in decided)
    return {
        "rows": len(rows),
        "decided": round(len(decided) / max(1, len(rows)), 3),
        "right_of_decided": round(right / max(1, len(decided)), 3),
        "right_of_decided_without_those_the_reader_left": round(right / max(1, len(labelled)), 3),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Kinds given (down) against kinds told (across)."""
    cells = Counter((row["kind"], row["told"]) for row in rows)
    kinds = [kind for kind in ORDER if any(kind in pair for pair in cells)]
    width = max(map(len, kinds)) + 2
    lines = ["given \\ told".ljust(width) + "".join(kind[:9].rjust(11) for kind in kinds) + "      right"]
    for kind in kinds:
        told = sum(cells[kind, other] for other in kinds)
        if told:
            counts = "".join(str(cells[kind, other] or ".").rjust(11) for other in kinds)
            lines.append(kind.ljust(width) + counts + (f"{cells[kind, kind]}/{told}".rjust(11) if kind != "unsure" else ""))
    return "\n".join(lines)


def show(name: str, rows: Sequence[dict[str, Any]], *, whole: bool) -> dict[str, Any]:
    summed = summarise(rows)
    print(f"\n{name}: {', '.join(f'{key} {value}' for key, value in summed.items())}\n{table(rows)}")
    for row in rows if whole else ():
        if row["told"] != row["kind"]:
            print(f"  {row['kind']} told {row['told']}: {row['id']} ({row['why']})")
    return {"name": name, **summed}


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--unnamed", action="store_true", help="take the names of the slots away")
    parser.add_argument("--half", type=int, choices=(0, 1), help="every second template alone")
    parser.add_argument("--rows", action="store_true", help="print each that was told otherwise")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(None if arguments is None else list(arguments))
    paths = list(args.paths)
    if not paths and "MODICUM_DATA" in os.environ:
        paths = [Path(os.environ["MODICUM_DATA"], "prompts", "task_kinds.jsonl")]
    halved = slice(args.half, None, 2 if args.half is not None else 1)
    written = measure_written(WRITTEN, named=not args.unnamed)[halved]
    rows = [show(WRITTEN.name, written, whole=args.rows)]
    for language in dict.fromkeys(row["language"] for row in written):
        its = summarise([row for row in written if row["language"] == language])
        print(f"  {language}: {', '.join(f'{key} {value}' for key, value in its.items())}")
    if len(paths) % 2:
        rows.append(show(paths[0].name, measure_templates(paths[0], named=not args.unnamed)[halved], whole=args.rows))
        paths = paths[1:]
    for log, key in zip(paths[::2], paths[1::2], strict=True):
        rows.append(show(log.name, measure_log(log, key), whole=args.rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
