"""Keys and passwords of known shapes. What has no shape of its own (a password in a sentence) is not known here.

The shapes are those that their makers publish or that their keys show; each is a fixed beginning and a long rest.
"""

from __future__ import annotations

import re

Span = tuple[int, int, str]

SHORTEST = 20
"""Characters of the shortest key that is known by its beginning."""

_W = "[A-Za-z0-9_-]"
_KEYS = (
    (
        "sk-",
        rf"sk-{_W}{{17,}}",
    ),  # OpenAI (sk-, sk-proj-, sk-svcacct-, sk-admin-), Anthropic (sk-ant-), OpenRouter (sk-or-), DeepSeek, LiteLLM
    ("mk-", rf"mk-{_W}{{43}}"),  # our own
    ("AKIA", "(?:AKIA|ASIA)[A-Z2-7]{16}"),  # Amazon Web Services: access key ids
    ("ASIA", ""),
    ("ABIA", "A(?:BI|CC)A[A-Z2-7]{16}"),
    ("ACCA", ""),
    ("ghp_", "gh[pousr]_[A-Za-z0-9]{30,}"),  # GitHub
    ("gho_", ""),
    ("ghu_", ""),
    ("ghs_", ""),
    ("ghr_", ""),
    ("github_pat_", "github_pat_[A-Za-z0-9_]{22,}"),
    ("glpat-", rf"gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas)-{_W}{{20,}}(?:\.[a-z0-9]{{2}}\.[a-z0-9]{{9}})?"),  # GitLab
    ("gldt-", ""),
    ("glrt-", ""),
    ("glcbt-", ""),
    ("glptt-", ""),
    ("glft-", ""),
    ("glsoat-", ""),
    ("glagent-", ""),
    ("gloas-", ""),
    ("xox", "xox[abeoprs]-[A-Za-z0-9-]{10,}"),  # Slack
    ("xapp-", "xapp-[0-9]-[A-Za-z0-9-]{10,}"),
    ("AIza", rf"AIza{_W}{{35}}"),  # Google: keys
    ("ya29", rf"ya29\.{_W}{{20,}}"),  # Google: tokens
    ("GOCSPX-", rf"GOCSPX-{_W}{{28}}"),
    ("sk_live_", "(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),  # Stripe
    ("sk_test_", ""),
    ("rk_live_", ""),
    ("rk_test_", ""),
    ("whsec_", "whsec_[A-Za-z0-9+/=]{24,}"),
    ("hf_", "hf_[A-Za-z0-9]{30,}"),  # Hugging Face
    ("npm_", "npm_[A-Za-z0-9]{36}"),
    ("pypi-", rf"pypi-{_W}{{50,}}"),
    ("gsk_", "gsk_[A-Za-z0-9]{40,}"),  # Groq
    ("xai-", "xai-[A-Za-z0-9]{60,}"),
    ("r8_", "r8_[A-Za-z0-9]{30,}"),  # Replicate
    ("pplx-", "pplx-[A-Za-z0-9]{40,}"),
    ("fw_", "fw_[A-Za-z0-9]{20,}"),  # Fireworks
    ("nvapi-", rf"nvapi-{_W}{{50,}}"),
    ("lsv2_", "lsv2_[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{10}"),  # LangSmith
    ("dapi", "dapi[0-9a-f]{32}(?:-[0-9])?"),  # Databricks
    ("dop_v1_", "do[opr]_v1_[0-9a-f]{64}"),  # DigitalOcean
    ("doo_v1_", ""),
    ("dor_v1_", ""),
    ("shpat_", "shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
    ("shpca_", ""),
    ("shppa_", ""),
    ("shpss_", ""),
    ("PMAK-", "PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),  # Postman
    ("lin_api_", "lin_api_[A-Za-z0-9]{40}"),
    ("ntn_", "ntn_[A-Za-z0-9]{40,}"),
    ("dckr_pat_", rf"dckr_pat_{_W}{{27}}"),
    ("hvs", rf"hv[sb]\.{_W}{{24,}}"),  # Vault
    ("hvb", ""),
    ("AGE-SECRET-KEY-", "AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("eyJ", rf"eyJ{_W}{{10,}}\.{_W}{{10,}}(?:\.{_W}*)?(?:\.{_W}+\.{_W}+)?"),  # JSON web tokens
    ("SG", rf"SG\.{_W}{{22}}\.{_W}{{43}}"),  # SendGrid
)
_MARKED = (
    # a PEM block, or as much of it as there is
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,20000}"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    r"(?<=[Bb]earer )[A-Za-z0-9._~+/-]{20,}={0,2}",
    r"(?<=BEARER )[A-Za-z0-9._~+/-]{20,}={0,2}",
)
PEM = b"-----BEGIN "
MARKS = (b"earer ", b"BEARER ", b"ccess_key", b"ccessKey", b"CCESS_KEY", b"ccountKey", b"hooks.slack.com")
"""One of these or of `PEM` stands in every text that holds a secret which is not one long word with a known beginning; with one of these,
all the same, a long word.
"""
PREFIX = re.compile("|".join(sorted((re.escape(prefix) for prefix, _ in _KEYS), key=len, reverse=True)).encode())


def _patterns() -> dict[str, re.Pattern[str]]:
    patterns = {}
    pattern = ""
    for prefix, written in _KEYS:
        pattern = written or pattern
        patterns[prefix] = re.compile(rf"(?<![A-Za-z0-9])(?:{pattern})")
    return patterns


_PATTERNS = _patterns()
"""What a key that begins so looks like."""
_BY_CONTEXT = re.compile("|".join(_MARKED))
_NAMED = re.compile(
    # a secret that only its name gives away: AWS's secret key, Azure's account key
    r"(?:aws_?)?secret[_-]?access[_-]?key[\"']?\s{0,3}(?:=|:|=>)\s{0,3}[\"']?(?P<aws>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
    r"|(?:AccountKey|SharedAccessKey)=(?P<azure>[A-Za-z0-9+/]{40,88}={0,2})"
    r"|hooks\.slack\.com/services/(?P<hook>T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,})",
    re.IGNORECASE,
)


def find(text: str) -> list[Span]:
    """(start, end, "SECRET") of each, in order."""
    spans: list[Span] = []
    for prefix, pattern in _PATTERNS.items():
        at = text.find(prefix)
        while at >= 0:
            if found := pattern.match(text, at):
                spans.append((*found.span(), "SECRET"))
                at = found.end() - 1
            at = text.find(prefix, at + 1)
    if "PRIVATE KEY" in text or "earer " in text or "BEARER " in text:
        spans += [(found.start(), found.end(), "SECRET") for found in _BY_CONTEXT.finditer(text)]
    if "ccess" in text or "CCESS" in text or "ccountKey" in text or "hooks.slack" in text:
        spans += [(*found.span(found.lastgroup or 0), "SECRET") for found in _NAMED.finditer(text)]
    return disjoint(spans)


def disjoint(spans: list[Span]) -> list[Span]:
    """In order, without those that begin within one before."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0], -one[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept
