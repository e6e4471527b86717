"""Requests that try to choose a host, a statement or a line of the log (S1, S3)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.faults.conftest import Length, Report
from tests.faults.raw import chat, request, send, status
from tests.faults.shim import Shim
from tests.faults.world import world

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/rerank")


@contextmanager
def traps() -> Iterator[tuple[list[str], list[str]]]:
    """Addresses that nobody configured, and who came there."""
    came: list[str] = []
    with ExitStack() as stack:
        names = []
        done = stack.enter_context(_Set())
        for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.0.0.99"):
            listening = stack.enter_context(socket.socket())
            listening.bind((host, 0))
            listening.listen(64)
            listening.settimeout(0.1)
            names.append(f"{host}:{listening.getsockname()[1]}")

            def watch(listening: socket.socket = listening, name: str = names[-1], done: threading.Event = done) -> None:
                while True:
                    try:
                        connection, _ = listening.accept()
                        came.append(name)
                        connection.close()
                    except TimeoutError:
                        if done.is_set():
                            return
                    except OSError:
                        return

            threading.Thread(target=watch, daemon=True).start()
        yield names, came


class _Set(threading.Event):
    def __enter__(self) -> _Set:
        return self

    def __exit__(self, *_: object) -> None:
        self.set()


def spellings(trap: str) -> list[str]:
    """One place in the ways in which parsers of addresses were fooled elsewhere."""
    host, _, port = trap.partition(":")
    a, b, c, d = map(int, host.split("."))
    number = a << 24 | b << 16 | c << 8 | d
    found = [
        f"http://{trap}",
        f"http://{trap}/v1",
        f"https://{trap}",
        f"http://{number}:{port}",
        f"http://0x{number:x}:{port}",
        f"http://0{a:o}.0{b:o}.0{c:o}.0{d:o}:{port}",
        f"http://0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}:{port}",
        f"http://{a}.{d}:{port}",
        f"http://[::ffff:{host}]:{port}",
        f"http://[::ffff:{a << 8 | b:x}:{c << 8 | d:x}]:{port}",
        f"http://[64:ff9b::{host}]:{port}",
        f"http://user@{trap}",
        f"http://api.openai.com@{trap}",
        f"http://{trap}#@api.openai.com",
        f"http://{trap}?@api.openai.com",
        f"http://api.openai.com\\@{trap}",
        f"http://%31%32%37.0.0.{d}:{port}",
        f"//{trap}/v1",
        f"{trap}",
        f"\thttp://{trap}",
        f"http://{host}.:{port}",
        f"http://localtest.me:{port}",
        f"gopher://{trap}/_x",
        f"ftp://{trap}/",
    ]
    return found + [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "unix:/var/run/docker.sock:/x",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
    ]


def vectors(trap: str) -> list[tuple[dict[str, Any], bytes]]:
    """(fields of a body, further header lines)."""
    spelled = spellings(trap)
    fields = [
        "api_base",
        "base_url",
        "api_host",
        "endpoint",
        "custom_llm_provider",
        "url",
        "host",
        "proxy",
        "webhook",
        "callback_url",
        "azure_endpoint",
    ]
    fields += [
        "aws_bedrock_runtime_endpoint",
        "vertex_location",
        "litellm_params",
        "extra_body",
        "router_settings_override",
        "fallbacks",
        "region",
    ]
    found: list[tuple[dict[str, Any], bytes]] = [({name: spelled[0]}, b"") for name in fields]
    found += [({"litellm_params": {"api_base": one}, "extra_body": {"base_url": one}, "api_base": one}, b"") for one in spelled]
    found += [({"fallbacks": [{"model": "steady", "api_base": spelled[0]}]}, b"")]
    found += [({"model": one}, b"") for one in spelled] + [({"model": f"openai/{one}"}, b"") for one in spelled]
    for one in spelled:
        image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": one}}, {"type": "text", "text": "x"}]}]
        found.append(({"messages": image}, b""))
    found += [
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_url": one, "file_data": one}}]}]}, b"")
        for one in spelled[:6]
    ]
    found += [({"tools": [{"type": "mcp", "server_label": "x", "server_url": one}]}, b"") for one in spelled[:6]]
    names = (
        "x-api-base",
        "x-base-url",
        "x-portkey-custom-host",
        "helicone-target-url",
        "x-forwarded-host",
        "x-modicum-provider",
        "x-litellm-api-base",
        "forwarded",
    )
    found += [({}, f"{name}: {spelled[0]}\r\n".encode()) for name in names]
    return found


def test_nothing_that_a_caller_says_chooses_a_host(tmp_path: Path, shim: Shim, length: Length, report: Report) -> None:
    """Every connection that the process makes is written down by the file layer; traps listen besides."""
    connects = tmp_path / "connects.txt"
    home = tmp_path / "home"
    with traps() as (names, came), world(home, env=shim.environment(None, connects=connects)) as made:
        sent = 0
        for number, (fields, more) in enumerate(vectors(names[1]) + vectors(names[0])):
            path = PATHS[number % len(PATHS)] if not length.long else None
            for one in PATHS if path is None else (path,):
                body = {**chat(), "max_tokens": 5, "input": "x", "query": "q", "documents": ["a"], **fields}
                received = send(made.port, request(made, body, path=one, more=more), timeout_s=10)
                assert status(received) in (200, 400, 403, 404, 413, 429, 502, 503), (fields, received[:200])
                sent += 1
        for one in spellings(names[0]):
            for path in (f"/v1/models/{one}", f"/v1/files/{one}", f"/v1/batches/{one}", f"/{one}", one):
                send(made.port, request(made, b"", path=path.replace(" ", "%20").replace("\t", "%09"), method=b"GET"), timeout_s=10)
                sent += 1
        assert came == []
        configured = {made.provider.port, made.backup.port}
        elsewhere = [
            line for line in connects.read_text().splitlines() if not line.startswith("unix") and int(line.split()[1]) not in configured
        ]
        assert elsewhere == [], elsewhere[:5]
        assert "gateway:" not in made.errors()
        report(
            "S1",
            f"{sent} requests over {len(vectors(names[0]))} vectors: 0 connections to traps, 0 to any address "
            f"that is not configured (each connect of the process written down)",
        )


PAYLOADS = (
    "' OR '1'='1", "'; DROP TABLE keys; --", '" OR ""="', "1; ATTACH 'x' AS y",
    "') UNION SELECT digest FROM keys --", "%27%20OR%201=1", "\\'; --",
    "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7*7 %>",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}", "{0.__class__}", "%(x)s", "%n%n%s",
    "${jndi:ldap://127.0.0.1/x}", "$(id)", "`id`", "| id", "; id", "&& id",
    "a\u2028modicum alarm: forged", "a\x1b[2Jcleared", "a\u202egnol", "a\u0085modicum alarm: forged",
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>",
)  # fmt: skip


def test_nothing_that_a_caller_says_is_a_statement_a_template_or_a_line(tmp_path: Path, length: Length, report: Report) -> None:
    with world(tmp_path / "home") as made:
        made.settle_in()
        keys_before = (made.home / "keys.json").read_bytes()
        sent = 0
        for number in range(length.of(1, 40)):
            for payload in PAYLOADS:
                text = payload * (1 + number % 3)
                for fields in (
                    {"model": text},
                    {"user": text},
                    {"metadata": {"user_id": text, "tags": text}},
                    {"messages": [{"role": "user", "content": text}]},
                ):
                    found = send(made.port, request(made, {**chat(), **fields}))
                    assert status(found) in (200, 400, 403, 404, 429), (fields, found[:200])
                    sent += 1
                line = b"Authorization: Bearer " + text.encode("utf-8").replace(b"\n", b"") + b"\r\n"
                data = request(made, chat(), more=line).replace(b"X-Modicum-Key: " + made.secret.encode() + b"\r\n", b"")
                assert status(send(made.port, data)) in (400, 401), payload
                sent += 1
        assert (made.home / "keys.json").read_bytes() == keys_before
        assert b"49" not in b"".join(one.body for one in made.provider.seen if b"7*7" in one.body)
        lines = made.errors().splitlines()
        assert not [line for line in lines if "forged" in line or "\x1b" in line]
        figures = made.get("/metrics", secret=made.secret)[1].decode()
        assert "forged" not in figures and "DROP" not in figures and figures.count("\n") == figures.rstrip("\n").count("\n") + 1
        assert made.ask("steady").done
        assert json.loads(keys_before)
        report(
            "S3",
            f"{sent} payloads in key, model, user, tags and text: keys unchanged, no template evaluated, no line forged in log or figures",
        )
