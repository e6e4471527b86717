"""What the calls tell beyond their price, counted in the database: repeats, what was sent before, lengths, waits, hours, conversations.

Nothing here reads a body: what is asked of them was kept as marks (`store.marks`) when each call entered the table. A call that
entered before there were marks, or whose body nobody could read, counts as one without a body.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from modicum.store import alike
from modicum.store.codec import to_us
from modicum.store.engine import SUMMING
from modicum.store.scan import View, viewed
from modicum.store.usage import TOKENS, UsageRow, figures

LIFE = timedelta(days=1)
"""How long an answer is kept by the cache that repeats are counted for, from its last use."""
_LIFE_US = LIFE // timedelta(microseconds=1)
_COLUMNS = (
    "scope", "conversation_id", "trace_id", "started_us", "status", "specialist", "workload_id", "version_id", "input_tokens",
    "output_tokens", "duration_ms", "streamed", "usage_estimated", "request_model", "response_model", "provider", "service_tier", "day",
    "cost_usd", "request_mark", "messages_mark", "prior_mark", "head_mark", "input_chars", "prior_chars", "head_chars", "has_tools",
    "has_media",
)  # fmt: skip
_NAMED = ("scope", "conversation_id", "trace_id", "started_us", "status", "specialist")
_KIND = ("scope", "request_model", "response_model", "provider", "service_tier", "day")
_RUN = "CASE WHEN coalesce(conversation_id, trace_id) IS NOT NULL THEN hash(scope, coalesce(conversation_id, trace_id)) END"
_ANSWERED = "coalesce(status, 200) < 400 AND NOT coalesce(specialist, false)"
_SUMS = (
    ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in TOKENS)
    + ", count(*) FILTER (input_tokens IS NULL OR output_tokens IS NULL)"
    + ", coalesce(sum(try_cast(cost_usd AS DECIMAL(38, 12))), 0)::VARCHAR, count(*) FILTER (cost_usd IS NULL), count(*)"
    + f", {alike.LONGEST}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The calls of one version of a workload (None: of none) that a provider answered. Characters are sums."""

    workload_id: str | None
    version_id: str | None
    calls: int
    with_body: int
    chars: int
    head_chars: int
    """Of the system's and developer's messages at the beginning."""
    streamed: int
    tools: int
    media: int
    estimated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A conversation, or a run of an agent: two calls or more that name it."""

    conversation_id: str
    scope: str
    chars: int
    resent_chars: int
    usage: tuple[UsageRow, ...]
    """Its calls by models, provider, tier and day."""


@contextmanager
def looked_at(
    home: Path,
    *,
    scope: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    workloads: Mapping[str, Sequence[str]],
) -> Iterator[Look | None]:
    """Look at the calls with `since <= started_at < until`; None where there are no calls. `workloads`: those there are -> their versions.

    A call of any other workload counts as one of none.
    """
    with viewed(home, memory=SUMMING) as view:
        there = any(True for _ in figures(view, ("scope",)))
        yield Look(view, scope, since, until, workloads) if there else None


class Look:
    """The calls of a period, in a table of numbers that is gone with the block."""

    def __init__(
        self, view: View, scope: str | None, since: datetime | None, until: datetime | None, workloads: Mapping[str, Sequence[str]]
    ) -> None:
        self._view, self._sql = view, view.connection
        self._names: list[str] = list(workloads)
        self._versions = [(version, number) for number, name in enumerate(workloads) for version in workloads[name]]
        self._since_us = 0 if since is None else to_us(since)
        conditions, self._bounds = [_ANSWERED], list[Any]()
        # What was asked just before the period can be what is asked again in it.
        for text, bound in (
            ("scope = ?", scope),
            ("started_us >= ?", None if since is None else to_us(since - LIFE)),
            ("started_us < ?", None if until is None else to_us(until)),
        ):
            if bound is not None:
                conditions.append(text)
                self._bounds.append(bound)
        self._where = " AND ".join(conditions)
        self._make()

    def _make(self) -> None:
        sql = self._sql
        self._fill(
            "named",
            _NAMED,
            f"SELECT {_RUN} AS run, count(*) AS calls FROM ({{figures}}) WHERE {self._where} AND run IS NOT NULL GROUP BY run",
        )
        sql.execute("CREATE TEMP TABLE runs AS SELECT run FROM named GROUP BY run HAVING sum(calls) > 1")
        sql.execute("DROP TABLE named")
        sql.execute("CREATE TEMP TABLE names AS SELECT unnest(?::VARCHAR[]) AS workload_id, unnest(range(?)) AS n", _listed(self._names))
        versions = [version for version, _ in self._versions]
        sql.execute(
            "CREATE TEMP TABLE versions AS SELECT unnest(?::VARCHAR[]) AS version_id, unnest(range(?)) AS v, unnest(?::BIGINT[]) AS n",
            [*_listed(versions), [number for _, number in self._versions]],
        )
        self._fill(
            "t",
            _COLUMNS,
            f"SELECT started_us, started_us >= {self._since_us} AS inside, names.n, versions.v, runs.run,"
            f" hash({', '.join(_KIND)}) AS kind, {_believed('input_tokens')}, {_believed('output_tokens')},"
            " duration_ms, coalesce(streamed, false) AS streamed,"
            " coalesce(usage_estimated, false) AS estimated, try_cast(cost_usd AS DOUBLE) AS usd,"
            " request_mark, messages_mark, prior_mark, head_mark, input_chars, prior_chars, head_chars, has_tools, has_media"
            f" FROM (SELECT *, {_RUN} AS named FROM ({{figures}}) WHERE {self._where}) c"
            " LEFT JOIN names ON c.workload_id = names.workload_id"
            " LEFT JOIN versions ON c.version_id = versions.version_id AND names.n = versions.n"
            " LEFT JOIN runs ON c.named = runs.run",
        )

    def _fill(self, table: str, columns: Sequence[str], query: str) -> None:
        """Put what a query says of the calls into a new table, some days at a time."""
        begin = f"CREATE TEMP TABLE {table} AS"
        for calls, values in figures(self._view, columns):
            self._sql.execute(f"{begin} {query.format(figures=calls)}", [*values, *self._bounds])
            begin = f"INSERT INTO {table}"

    def _name(self, number: int | None) -> str | None:
        return None if number is None else self._names[number]

    def lengths(self) -> list[Lengths]:
        """By workload and version."""
        found = self._sql.execute(
            "SELECT n, v, count(*), count(has_tools), coalesce(sum(input_chars), 0)::BIGINT,"
            " coalesce(sum(head_chars) FILTER (input_chars IS NOT NULL), 0)::BIGINT, count(*) FILTER (streamed),"
            " count(*) FILTER (has_tools), count(*) FILTER (has_media), count(*) FILTER (estimated)"
            " FROM t WHERE inside GROUP BY n, v ORDER BY n, v"
        ).fetchall()
        return [
            Lengths(
                workload_id=self._name(n),
                version_id=None if v is None else self._versions[v][0],
                calls=calls,
                with_body=with_body,
                chars=chars,
                head_chars=head_chars,
                streamed=streamed,
                tools=tools,
                media=media,
                estimated=estimated,
            )
            for n, v, calls, with_body, chars, head_chars, streamed, tools, media, estimated in found
        ]

    def repeated(self) -> dict[str | None, int]:
        """workload -> calls whose very request had been answered within the day before them."""
        found = self._sql.execute(
            "WITH again AS (SELECT request_mark FROM t WHERE request_mark IS NOT NULL GROUP BY request_mark HAVING count(*) > 1),"
            " gaps AS (SELECT n, inside, started_us - lag(started_us + (1000 * coalesce(duration_ms, 0))::BIGINT)"
            " OVER (PARTITION BY request_mark ORDER BY started_us) AS gap FROM t WHERE request_mark IN (FROM again))"
            f" SELECT n, count(*) FROM gaps WHERE inside AND gap BETWEEN 0 AND {_LIFE_US} GROUP BY n"
        ).fetchall()
        return {self._name(n): count for n, count in found}

    def resent(self) -> dict[str | None, tuple[int, int]]:
        """workload -> (characters sent, those of them that had been sent in the same place of the same conversation)."""
        self._sent()
        found = self._sql.execute("SELECT n, sum(chars)::BIGINT, sum(again)::BIGINT FROM sent GROUP BY n").fetchall()
        return {self._name(n): (chars, again) for n, chars, again in found}

    def resent_in_runs(self) -> tuple[float, float]:
        """(input tokens of the calls in conversations, those of them that stood in an earlier call of theirs); only of calls whose text and
        tokens are known. A call's tokens are taken as spread evenly over its characters."""
        self._sent()
        ((sent, again),) = self._sql.execute(
            "SELECT coalesce(sum(tokens), 0)::DOUBLE, coalesce(sum(tokens_again), 0)::DOUBLE FROM sent WHERE run IS NOT NULL"
        ).fetchall()
        return sent, again

    def _sent(self) -> None:
        # What was sent to get the newest answer of a request is an earlier request, whether or not either names its conversation.
        self._sql.execute(
            "CREATE TEMP TABLE IF NOT EXISTS sent AS WITH"
            " priors AS (SELECT messages_mark AS mark, min(started_us) AS first FROM t WHERE messages_mark IN"
            "  (SELECT prior_mark FROM t WHERE prior_mark IS NOT NULL) GROUP BY ALL),"
            " wholes AS (SELECT run, messages_mark AS mark, min(started_us) AS first FROM t"
            "  WHERE run IS NOT NULL AND messages_mark IS NOT NULL GROUP BY ALL),"
            " heads AS (SELECT run, head_mark AS mark, min(started_us) AS first FROM t"
            "  WHERE run IS NOT NULL AND head_mark IS NOT NULL GROUP BY ALL)"
            " SELECT n, run, sum(input_chars) AS chars, sum(again) AS again,"
            "  sum(input_tokens) FILTER (input_chars > 0) AS tokens,"
            "  sum(input_tokens * (again::DOUBLE / input_chars)) FILTER (input_chars > 0) AS tokens_again FROM"
            " (SELECT t.n, t.run, t.input_chars, t.input_tokens, greatest("
            "  CASE WHEN w.first < t.started_us THEN t.input_chars ELSE 0 END,"
            "  CASE WHEN p.first < t.started_us THEN t.prior_chars ELSE 0 END,"
            "  CASE WHEN h.first < t.started_us THEN t.head_chars ELSE 0 END) AS again"
            " FROM t LEFT JOIN priors p ON t.prior_mark = p.mark"
            " LEFT JOIN wholes w ON t.run = w.run AND t.messages_mark = w.mark"
            " LEFT JOIN heads h ON t.run = h.run AND t.head_mark = h.mark"
            " WHERE t.inside AND t.input_chars IS NOT NULL) GROUP BY n, run"
        )

    def quantiles(self, column: str, at: tuple[float, ...] = (0.5, 0.95)) -> dict[str | None, tuple[float, ...]]:
        """workload -> the least values of `column` (tokens, milliseconds) that so large a share of its calls do not exceed.

        To three digits: of values that are rounded so, however many calls there are, few differ.
        """
        picked = ", ".join(f"min(value) FILTER (upto >= {share} * calls)" for share in at)
        found = self._sql.execute(
            f"WITH counted AS (SELECT n, CASE WHEN {column} > 0 THEN round({column}::DOUBLE, 2 - floor(log10({column}))::INTEGER)"
            f"  ELSE 0 END AS value, count(*) AS calls FROM t WHERE inside AND {column} IS NOT NULL GROUP BY ALL),"
            " running AS (SELECT n, value, sum(calls) OVER (PARTITION BY n ORDER BY value) AS upto,"
            "  sum(calls) OVER (PARTITION BY n) AS calls"
            f"  FROM counted) SELECT n, {picked} FROM running GROUP BY n"
        ).fetchall()
        return {self._name(n): tuple(values) for n, *values in found}

    def hours(self) -> dict[str | None, tuple[tuple[int, ...], int]]:
        """workload -> (calls by hour of the day in UTC, calls in the busiest hour of all)."""
        found = self._sql.execute(
            "SELECT n, hour % 24, sum(calls)::BIGINT, max(calls) FROM"
            " (SELECT n, started_us // 3600000000 AS hour, count(*) AS calls FROM t WHERE inside GROUP BY ALL) GROUP BY ALL"
        ).fetchall()
        by_hour: dict[str | None, tuple[list[int], int]] = {}
        for n, hour, calls, busiest in found:
            counts, most = by_hour.get(self._name(n), ([0] * 24, 0))
            counts[hour] = calls
            by_hour[self._name(n)] = counts, max(most, busiest)
        return {name: (tuple(counts), most) for name, (counts, most) in by_hour.items()}

    def runs(self) -> tuple[int, list[tuple[int, UsageRow]]]:
        """How many conversations there are, and what their calls used: (number of the kind, its row) by models, provider, tier and day."""
        # Read to the end: an unfinished result keeps the connection from all else.
        ((count,),) = self._sql.execute("SELECT count(DISTINCT run) FROM t WHERE inside AND run IS NOT NULL").fetchall()
        rows = self._usage("IN (FROM runs)", "NULL::UBIGINT", [])
        return count, [(kind, row) for _, kind, row, _ in rows]

    def dearest(self, rates: Iterable[tuple[int, float, float]], most: int) -> list[Run]:
        """The conversations that cost most or nearly so: by what was written down, else by `rates`: (kind, dollars of an input token, of
        an output token), where known."""
        listed = list({kind: (kind, *rest) for kind, *rest in rates}.values())
        kinds, prices_in, prices_out = ([one[column] for one in listed] for column in range(3))
        found = self._sql.execute(
            "WITH rates AS (SELECT unnest(?::UBIGINT[]) AS kind, unnest(?::DOUBLE[]) AS of_input, unnest(?::DOUBLE[]) AS of_output)"
            " SELECT run FROM t LEFT JOIN rates USING (kind) WHERE inside AND run IS NOT NULL GROUP BY run"
            " ORDER BY sum(coalesce(usd, input_tokens * of_input + output_tokens * of_output, 0)) DESC, run LIMIT ?",
            [kinds, prices_in, prices_out, most],
        ).fetchall()
        chosen = [run for (run,) in found]
        if not chosen:
            return []
        self._sent()
        sent = {
            run: (chars, again)
            for run, chars, again in self._sql.execute(
                "SELECT run, sum(chars)::BIGINT, sum(again)::BIGINT FROM sent WHERE run IN (SELECT unnest(?::UBIGINT[])) GROUP BY run",
                [chosen],
            ).fetchall()
        }
        usage: dict[int, list[UsageRow]] = {}
        names: dict[int, str] = {}
        for run, _, row, name in self._usage("IN (SELECT unnest(?::UBIGINT[]))", "run", [chosen]):
            usage.setdefault(run, []).append(row)
            names[run] = name
        return [
            Run(
                conversation_id=names[run],
                scope=usage[run][0].scope,
                chars=sent.get(run, (0, 0))[0],
                resent_chars=sent.get(run, (0, 0))[1],
                usage=tuple(usage[run]),
            )
            for run in chosen
        ]

    def _usage(self, which: str, by: str, values: list[Any]) -> Iterator[tuple[int, int, UsageRow, str]]:
        """(run or None, kind, usage, the run's name) of the calls whose run is among `which`."""
        query = (
            f"SELECT {by} AS of, hash({', '.join(_KIND)}) AS kind, any_value(coalesce(conversation_id, trace_id)),"
            f" {', '.join(_KIND)}, sound, {_SUMS} FROM (SELECT *, {_RUN} AS run, {alike.named(alike.OF_ANSWERED)} FROM ({{figures}})"
            f" WHERE {self._where}) WHERE started_us >= {self._since_us} AND run {which}"
            f" GROUP BY of, {', '.join((*_KIND, *alike.OF_ANSWERED))} ORDER BY ALL"
        )
        found = [
            row
            for calls, paths in figures(self._view, (*_NAMED, *_KIND[1:], *TOKENS, "cost_usd"))
            for row in self._sql.execute(query.format(figures=calls), [*paths, *self._bounds, *values]).fetchall()
        ]
        for run, kind, name, scope, asked, used, provider, tier, day, sound, *sums in found:
            *tokens, without_usage, cost, without_cost, calls, longest = sums
            yield (
                run,
                kind,
                UsageRow(
                    scope=scope,
                    workload_id=None,
                    request_model=asked,
                    response_model=used,
                    day=day,
                    specialist=False,
                    provider=provider,
                    service_tier=tier,
                    calls=calls,
                    failed=0,
                    reasons=(),
                    calls_without_usage=without_usage,
                    cost_usd=Decimal(cost),
                    calls_without_cost=without_cost,
                    duration_p50_ms=None,
                    duration_p95_ms=None,
                    sound=sound,
                    longest=longest,
                    **dict(zip(TOKENS, tokens, strict=True)),
                ),
                name,
            )


def _believed(column: str) -> str:
    """The column, without what no call has."""
    return f"CASE WHEN {column} <= {alike.MOST_TOKENS} THEN {column} END AS {column}"


def _listed(names: Sequence[str]) -> list[Any]:
    return [list(names), len(names)]
