"""Every error of the house, drawn as a tree.

    ModicumError                       what a reader can act upon; anything else is a bug
     ├─ ConfigError                    a setting is wrong or unknown
     ├─ InputError                     bytes from outside do not fit
     │   ├─ LogFormatError             a log, or a line of it
     │   └─ RequestError               an HTTP request (status 400 unless it says otherwise)
     │       ├─ UntranslatableError    a field that the provider's dialect has no words for
     │       ├─ RequestTooLargeError   413
     │       ├─ UnauthorisedError      401: no key, or one that is unknown, expired or revoked
     │       ├─ ForbiddenError         403: foreign Origin, Host that is not loopback, a model or scope that the key may not use
     │       ├─ UnsupportedMediaError  415
     │       ├─ RequestTimeoutError    408
     │       └─ UnknownEndpointError   404
     │           └─ MethodNotAllowedError  405
     ├─ LimitError                     429: the key's requests, tokens or calls at once
     │   └─ BudgetError                429: the key's budget; asking again does not help
     ├─ JobRunningError                409: one long operation at a time
     ├─ RemoteError                    a gateway that a command was sent to refused it
     ├─ NotFoundError                  no such workload, route, certificate, call, model
     ├─ StoreError                     the home cannot be read or written
     │   ├─ StoreBusyError             another process holds the lock
     │   └─ StoreUnavailableError      503: a call cannot be counted or recorded, and must not be served without
     ├─ ArtefactError                  an artefact is damaged, foreign or not allowed
     ├─ NotEnoughDataError             a statistic would be made of nothing
     ├─ CertificateError               a certificate does not hold, has expired, or covers something else
     ├─ RouteError                     this change of a route is not allowed
     ├─ MissingExtraError              an optional dependency is not installed
     └─ UpstreamError                  the provider could not be reached or broke off (502)
         ├─ UpstreamTimeoutError       504
         └─ UpstreamUnavailableError   503: every deployment is cooling down

Messages carry the value and the fix. `code` is stable and may be matched by programs; `hint` says what the reader should do.
"""

from __future__ import annotations


class ModicumError(Exception):
    """Base of everything a reader can act upon."""

    code = "error"
    status: int | None = None

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class ConfigError(ModicumError):
    code = "config_invalid"


class InputError(ModicumError):
    code = "input_invalid"
    status = 400


class LogFormatError(InputError):
    code = "log_format"


class RequestError(InputError):
    code = "request_invalid"


class UntranslatableError(RequestError):
    code = "untranslatable"


class RequestTooLargeError(RequestError):
    code = "request_too_large"
    status = 413


class UnauthorisedError(RequestError):
    code = "invalid_api_key"
    status = 401


class ForbiddenError(RequestError):
    code = "forbidden"
    status = 403


class UnsupportedMediaError(RequestError):
    code = "unsupported_media_type"
    status = 415


class UnknownEndpointError(RequestError):
    code = "unknown_endpoint"
    status = 404


class MethodNotAllowedError(UnknownEndpointError):
    code = "method_not_allowed"
    status = 405


class RequestTimeoutError(RequestError):
    code = "request_timeout"
    status = 408


class LimitError(ModicumError):
    """`retry_after_s` says when asking again may help; None: not by itself."""

    code = "rate_limit_exceeded"
    status = 429

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class BudgetError(LimitError):
    code = "budget_exceeded"


class JobRunningError(ModicumError):
    code = "job_running"
    status = 409


class RemoteError(ModicumError):
    """`code` and `status` are the gateway's own."""

    code = "refused"

    def __init__(self, message: str, *, hint: str = "", code: str = "refused", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class NotFoundError(ModicumError):
    code = "not_found"
    status = 404


class StoreError(ModicumError):
    code = "store_failed"


class StoreBusyError(StoreError):
    code = "store_busy"


class StoreUnavailableError(StoreError):
    code = "store_unavailable"
    status = 503


class ArtefactError(ModicumError):
    code = "artefact_invalid"


class NotEnoughDataError(ModicumError):
    code = "not_enough_data"


class CertificateError(ModicumError):
    code = "certificate_invalid"


class RouteError(ModicumError):
    code = "route_refused"


class MissingExtraError(ModicumError):
    code = "extra_missing"

    @classmethod
    def of(cls, extra: str, for_what: str) -> MissingExtraError:
        return cls(f"{for_what} needs the extra '{extra}'", hint=f"pip install 'modicum[{extra}]'")


class UpstreamError(ModicumError):
    code = "upstream_failed"
    status = 502


class UpstreamTimeoutError(UpstreamError):
    code = "upstream_timeout"
    status = 504


class UpstreamUnavailableError(UpstreamError):
    """`retry_after_s` says when a deployment is tried again."""

    code = "upstream_unavailable"
    status = 503

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
