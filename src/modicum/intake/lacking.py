"""What a log did not hold and how the next one would: in words, by the codes that the formats give."""

from __future__ import annotations

from collections.abc import Iterable

LACKING = {
    "litellm_no_bodies": (
        "{calls} came without what was asked: LiteLLM's spend logs hold no prompts by default. They count towards spend, not towards"
        " workloads. One line in LiteLLM's config.yaml records them from now on:  general_settings: {{store_prompts_in_spend_logs: true}}"
    ),
    "litellm_cut": (
        "{calls} came with prompts that LiteLLM cut short before it stored them; those are left out, their figures are in."
        " MAX_STRING_LENGTH_PROMPT_IN_DB=1000000 in LiteLLM's environment keeps them whole from now on."
    ),
    "litellm_redacted": (
        "{calls} came without what was asked: LiteLLM left it out. litellm_settings: {{turn_off_message_logging: false}} in its"
        " config.yaml records it from now on."
    ),
    "langfuse_no_bodies": "{calls} came without input: they count towards spend, not towards workloads.",
    "otlp_no_bodies": (
        "{calls} came without what was said: most emitters leave it out unless"
        " OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true (or the emitter's own setting) says otherwise."
    ),
    "helicone_no_bodies": "{calls} came without bodies: `npx @helicone/export --include-body` exports them.",
    "openrouter_no_bodies": (
        "{calls} came without what was asked: OpenRouter's export holds figures alone. They count towards spend, not towards workloads;"
        " a log with the same generation ids and the bodies joins them."
    ),
    "batch_no_input": "{calls} are a batch's answers without its requests: name the input file in the same import, and they are joined.",
    "columns_no_bodies": "{calls} came without a prompt: --columns prompt=NAME says which column holds it.",
}


def notes(lacking: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """A sentence for each code, most calls first."""
    ordered = sorted(((count, code) for code, count in lacking if code in LACKING and count), key=lambda pair: (-pair[0], pair[1]))
    return tuple(LACKING[code].format(calls=f"{count:,} call{'' if count == 1 else 's'}") for count, code in ordered)
