"""Labelling on a page of this machine: a desk behind five small operations, and three files that are the page.

Who may use it: whoever holds the secret that the printed address can be exchanged for, once. The address stands behind its `#`, which no
browser sends anywhere, and the secret goes in a header that no page from elsewhere can set. Host and Origin must be this very address.
What calls said reaches the page as JSON and is put there as text; the page may load and run its own files alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import signal
import threading
import webbrowser
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import click
import msgspec

from modicum.cli.label_terminal import progress
from modicum.cli.options import Config, printable
from modicum.cli.side_by_side import differences, shown
from modicum.errors import ForbiddenError, InputError, MethodNotAllowedError, ModicumError, UnauthorisedError, UnknownEndpointError
from modicum.evaluate.labels import Choice
from modicum.gateway import admit, front, server
from modicum.gateway.exchange import JSON, Asked, Header, Reply
from modicum.pipeline.label_wants import Question
from modicum.pipeline.labelling import Desk, next_command, prompt_of
from modicum.report.words import count, visible

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS: tuple[Header, ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
MOST_BYTES = 256 * 1024
PATIENCE_S = 10.0
PAGES = {
    "/": ("modicum.cli", "label.html", b"text/html; charset=utf-8"),
    "/label.css": ("modicum.cli", "label.css", b"text/css; charset=utf-8"),
    "/label.js": ("modicum.cli", "label.js", b"text/javascript; charset=utf-8"),
    "/page.css": ("modicum.report", "page.css", b"text/css; charset=utf-8"),
}


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of every operation; each takes what it needs."""

    ticket: str = ""
    id: str = ""
    verdict: Choice | None = None
    gold: str | None = None


class DeskPage:
    """One desk, for one browser."""

    def __init__(self, desk: Desk, then: str, address: str, leave: Callable[[], None]) -> None:
        self.desk, self.then, self._leave = desk, then, leave
        self.ticket, self._secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        port = address.rpartition(":")[2]
        self._hosts = {address, f"localhost:{port}", f"127.0.0.1:{port}"}
        self._operations: dict[str, Callable[[Said], dict[str, Any]]] = {
            "/begin": self._begin,
            "/say": self._say,
            "/skip": self._skip,
            "/undo": self._undo,
            "/stop": self._stop,
            "/enough": self._enough,
            "/leave": self._end,
        }

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        try:
            self._check(asked)
            if asked.path in PAGES:
                if asked.method not in ("GET", "HEAD"):
                    raise MethodNotAllowedError("a page is only read")
                room, name, kind = PAGES[asked.path]
                body = files(room).joinpath("html", name).read_bytes()
                await reply.whole(200, body, ((b"content-type", kind), *ALWAYS))
                return
            told = await self._answer(asked)
            await reply.whole(200, msgspec.json.encode(told), (JSON, *ALWAYS))
        except asyncio.CancelledError:
            return  # the page left
        except ModicumError as error:
            await admit.refuse(asked, reply, error, [*ALWAYS])

    def _check(self, asked: Asked) -> None:
        """Raise where somebody else asks: another site, or a name that was made to point here."""
        admit.check_caller(asked)
        host, origin = asked.header(b"host").lower(), asked.header(b"origin").lower()
        if host not in self._hosts:
            raise ForbiddenError("this page answers at its own address alone")
        if (origin and origin != f"http://{host}") or asked.header(b"sec-fetch-site") not in ("", "none", "same-origin"):
            raise ForbiddenError("another page may not ask here")

    async def _answer(self, asked: Asked) -> dict[str, Any]:
        if asked.path != "/enter" and asked.path not in self._operations:
            raise UnknownEndpointError("no such place on this page")
        if asked.method != "POST" or asked.header(b"content-type") != "application/json":
            raise MethodNotAllowedError("operations are asked for with POST, in JSON")
        body = await asked.body(MOST_BYTES, PATIENCE_S)
        if asked.path != "/enter" and not secrets.compare_digest(asked.header(b"x-modicum-label").encode(), self._secret.encode()):
            raise UnauthorisedError("this page was opened by somebody else, or before a restart", hint="open the address that was printed")
        try:
            said = msgspec.json.decode(body, type=Said)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"not understood: {error}") from None
        return self._enter(said) if asked.path == "/enter" else self._operations[asked.path](said)

    # ------------------------------------------------------------------------------------------------------ operations

    def _enter(self, said: Said) -> dict[str, Any]:
        """Exchange the ticket of the address, which is used up by it."""
        if not self.ticket or not secrets.compare_digest(said.ticket.encode(), self.ticket.encode()):
            raise UnauthorisedError("this address was used already: it works once", hint="end the command and start it again")
        self.ticket = ""
        return {"secret": self._secret}

    def _begin(self, said: Said) -> dict[str, Any]:
        head: dict[str, Any] = {
            "workload": visible(self.desk.workload.name, 90),
            "attempt": self.desk.attempt.number,
            "by": visible(self.desk.by),
        }
        head |= {"labels": self.desk.choices, "texts": self.desk.workload.contract.kind == "text"}
        head["prompt"] = shown(prompt_of(self.desk.workload))
        return head | self._told(self.desk.next())

    def _say(self, said: Said) -> dict[str, Any]:
        self.desk.label(said.id, verdict=said.verdict, gold=said.gold)
        return self._told(self.desk.next(after=said.id))

    def _skip(self, said: Said) -> dict[str, Any]:
        self.desk.skip(said.id)
        return self._told(self.desk.next(after=said.id))

    def _undo(self, said: Said) -> dict[str, Any]:
        return self._told(self.desk.undo() or self.desk.next())

    def _stop(self, said: Said) -> dict[str, Any]:
        return self._told(None)

    def _enough(self, said: Said) -> dict[str, Any]:
        if not self.desk.standing().enough:
            raise InputError("the test waits for labels on four calls in five")
        self.desk.close()
        return self._told(None)

    def _end(self, said: Said) -> dict[str, Any]:
        self._leave()
        return {}

    def _told(self, question: Question | None) -> dict[str, Any]:
        standing = self.desk.standing()
        told: dict[str, Any] = {"standing": standing, "progress": progress(standing), "question": None}
        if question is not None:
            first, second = differences(question.a, question.b)
            said = self.desk.said(question.id)
            slots = [(visible(name, 200), shown(value)) for name, value in question.slots]
            told["question"] = {"id": question.id, "slots": slots, "a": first, "b": second, "said": said.verdict if said else None}
            return told
        missing = standing.wanted - standing.settled
        if standing.complete:
            title, said_of_it = "Every call is labelled", "The next command looks at these calls once, with these labels."
        elif standing.closed:
            title, said_of_it = "Enough", f"The next command looks once; {count(missing, 'call')} without a label count as lost."
        else:
            title = f"{standing.settled:,} of {standing.wanted:,} labelled"
            said_of_it = "Go on any time: everything is kept, and nothing is looked at before it is complete or you say that it is enough."
            if standing.enough:
                said_of_it += (
                    f" Enough now would mean: the next command looks once, and {count(missing, 'call')} without a label count as lost."
                )
        people = [f"{visible(by)}: {count(number, 'call')}" for by, number in standing.people] if len(standing.people) > 1 else []
        for pair in standing.agreements:
            kappa = "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
            people.append(f"{visible(pair.first)} and {visible(pair.second)}: the same on {pair.agree:,} of {pair.both:,}{kappa}")
        if standing.conflicts:
            people.append(f"{count(standing.conflicts, 'call')} labelled differently: without a label until a third person says.")
        may_close = standing.enough and not standing.complete and not standing.closed
        told["end"] = {
            "title": title,
            "said": said_of_it,
            "command": visible(self.then) if standing.enough else "",
            "people": people,
            "may_close": may_close,
        }
        return told


def open_page(desk: Desk, config: Config, *, listen: str, browse: bool) -> None:
    """Serve the page until its person finishes. Raises KeyboardInterrupt where Ctrl-C, or SIGTERM, comes first."""
    bound = server.bind(listen)
    address = server.address(bound)
    limits = dataclasses.replace(config.serve, listen=address, workers=1, drain_s=2.0)

    async def work() -> bool:
        """Was it interrupted?"""
        loop, stopped, interrupted = asyncio.get_running_loop(), asyncio.Event(), False

        def interrupt() -> None:
            nonlocal interrupted
            interrupted = not stopped.is_set()
            stopped.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        page = DeskPage(desk, next_command(config.home, desk), address, stopped.set)
        url = f"http://{address}/#{page.ticket}"
        click.echo(printable(f"Labelling '{desk.workload.name}' at {url}"))
        click.echo("The address works once. Ctrl-C ends it; everything said is kept.")
        if browse:
            threading.Thread(target=_browse, args=(url,), daemon=True).start()
        await front.serve(page, bound, limits, stopped)
        return interrupted

    if asyncio.run(work()):
        raise KeyboardInterrupt


def _browse(url: str) -> None:
    """Open the page where this machine has a browser with windows; one in the terminal would take it away."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if not isinstance(browser, webbrowser.GenericBrowser) or isinstance(browser, webbrowser.BackgroundBrowser):
        browser.open(url)
