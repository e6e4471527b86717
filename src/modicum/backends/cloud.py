"""Credentials from a cloud's default chain: AWS (environment, ~/.aws, ECS, IMDS), Google's ADC, Microsoft Entra.

The clouds' own libraries look for them; each is an extra, imported where it is used and run in a thread, never on the loop. What
they found is kept in memory and renewed before it expires, beside the calls and not before them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

from modicum.backends.credentials import Bound, Headers
from modicum.backends.signing import AwsKeys, sign
from modicum.errors import MissingExtraError, ModicumError, UpstreamError

EARLY_S = 300.0
"""So long before its end a credential is renewed, while calls go on with the old one."""
LATE_S = 30.0
"""With less left than this a call waits for the new one."""
AGAIN_S = 10.0
"""After a failure to renew what still holds, the next try."""
WAIT_S = 20.0
AWS_LOOK_S = 60.0
"""botocore renews by itself when it is asked; it is asked so often."""

GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"

Found = tuple[Any, float]
"""What was found, and until when it holds, in seconds of `time.time()`."""


class Renewed:
    """One credential, fetched in a thread; many callers that wait share one fetch."""

    def __init__(self, fetch: Callable[[], Found], what: str, clock: Callable[[], float] = time.time) -> None:
        self._fetch, self._what, self._clock = fetch, what, clock
        self._found: Any = None
        self._until = 0.0
        self._not_before = 0.0
        self._fetching: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Renewed({self._what})"

    async def get(self) -> Any:
        """What holds now. Raises UpstreamError where the chain finds nothing."""
        now = self._clock()
        if self._until - now > EARLY_S:
            return self._found
        if self._fetching is None and (now >= self._not_before or self._until <= now):
            self._fetching = asyncio.get_running_loop().create_task(self._renew())
            self._fetching.add_done_callback(_looked_at)
        if self._until - now > LATE_S or self._fetching is None:
            return self._found
        try:
            await asyncio.wait_for(asyncio.shield(self._fetching), WAIT_S)
        except TimeoutError:
            raise UpstreamError(f"{self._what} took too long to give credentials") from None
        if self._until <= self._clock():
            raise UpstreamError(f"{self._what} gave no credentials that hold")
        return self._found

    async def _renew(self) -> None:
        try:
            self._found, self._until = await asyncio.to_thread(self._fetch)
        except ModicumError:
            self._not_before = self._clock() + AGAIN_S
            if self._until <= self._clock():
                raise
        except Exception as error:  # whatever a cloud's library raises; its text may hold secrets, so only its kind is told
            self._not_before = self._clock() + AGAIN_S
            if self._until <= self._clock():
                raise UpstreamError(
                    f"{self._what} found no credentials ({type(error).__name__})", hint="does the cloud's own command line work here?"
                ) from None
        finally:
            self._fetching = None


class Token(Bound):
    """A bearer token of Google's or Microsoft's."""

    def __init__(self, origin: str, renewed: Renewed) -> None:
        super().__init__(origin)
        self._renewed = renewed

    async def headers(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> Headers:
        self._only_for(url)
        return [("authorization", f"Bearer {await self._renewed.get()}")]


class Signed(Bound):
    """Requests signed with AWS keys: those of the chain, or fixed ones."""

    def __init__(self, origin: str, region: str, keys: AwsKeys | Renewed, service: str = "bedrock") -> None:
        super().__init__(origin)
        self._region, self._keys, self._service = region, keys, service

    async def headers(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> Headers:
        self._only_for(url)
        keys = await self._keys.get() if isinstance(self._keys, Renewed) else self._keys
        return sign(method, url, headers, body, keys=keys, region=self._region, service=self._service)


def default_chain(cloud: str, origin: str, region: str) -> Signed | Token:
    """The credential of a cloud's default chain. Nothing is looked for yet. Raises MissingExtraError without its library."""
    if cloud == "aws":
        need("botocore", "bedrock", "AWS's default chain of credentials")
        return Signed(origin, region, Renewed(_Aws(), "AWS's default chain"))
    if cloud == "google":
        need("google.auth", "google", "Google's application default credentials")
        return Token(origin, Renewed(_Google(), "Google's default chain"))
    need("azure.identity", "azure", "Entra's default chain of credentials")
    return Token(origin, Renewed(_Entra(), "Entra's default chain"))


def _looked_at(task: asyncio.Task[None]) -> None:
    """A failure that no call waited for is told to the next one that does."""
    if not task.cancelled():
        task.exception()


def need(module: str, extra: str, what: str) -> None:
    """Raise MissingExtraError where a library is not installed. It is not imported."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise MissingExtraError.of(extra, what)


class _Aws:
    def __init__(self) -> None:
        self._credentials: Any = None

    def __call__(self) -> Found:
        if self._credentials is None:
            import botocore.session  # type: ignore[import-untyped]  # it ships no types

            self._credentials = botocore.session.get_session().get_credentials()
        if self._credentials is None:
            raise UpstreamError("AWS's default chain found no credentials", hint="does `aws sts get-caller-identity` work here?")
        frozen = self._credentials.get_frozen_credentials()
        keys = AwsKeys(access_key=frozen.access_key, secret_key=frozen.secret_key, token=frozen.token or "")
        return keys, time.time() + AWS_LOOK_S + EARLY_S


class _Google:
    def __init__(self) -> None:
        self._credentials: Any = None

    def __call__(self) -> Found:
        import google.auth
        from google.auth.transport.requests import Request

        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[GOOGLE_SCOPE])
        self._credentials.refresh(Request())
        expiry = self._credentials.expiry  # in UTC, without saying so
        until = expiry.replace(tzinfo=expiry.tzinfo or UTC).timestamp() if expiry is not None else time.time() + 3600
        return self._credentials.token, until


class _Entra:
    def __init__(self) -> None:
        self._credentials: Any = None

    def __call__(self) -> Found:
        if self._credentials is None:
            from azure.identity import DefaultAzureCredential

            self._credentials = DefaultAzureCredential()
        found = self._credentials.get_token(ENTRA_SCOPE)
        return found.token, float(found.expires_on)
