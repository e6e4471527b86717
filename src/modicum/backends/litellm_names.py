"""How LiteLLM writes a model's provider, and the kind that it is here (docs.litellm.ai/docs/providers, read 2026-11-22)."""

from __future__ import annotations

import re

KINDS = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "azure": "azure",
    "azure_text": "azure",
    "anthropic": "anthropic",
    "anthropic_text": "anthropic",
    "gemini": "gemini",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "mistral": "mistral",
    "codestral": "mistral",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "xai": "xai",
    "groq": "groq",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "replicate": "replicate",
    "openrouter": "openrouter",
    "huggingface": "huggingface",
    "hosted_vllm": "vllm",
    "ollama": "ollama",
    "ollama_chat": "ollama",
}
COMPATIBLE = frozenset(
    ("custom_openai", "openai_like", "litellm_proxy", "lm_studio", "llamafile", "xinference", "nvidia_nim", "triton", "custom")
    + ("deepinfra", "perplexity", "cerebras", "sambanova", "nebius", "novita", "github", "databricks", "moonshot", "dashscope")
)
"""Providers of LiteLLM's without facts here that speak OpenAI's dialect: served where the entry names its `api_base`."""
FAMILIES = (
    ("openai", ("gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-", "ft:gpt-", "babbage-", "davinci-")),
    ("anthropic", ("claude-",)),
    ("cohere", ("command", "embed-", "rerank-")),
    ("mistral", ("mistral-", "ministral-", "codestral-", "open-mistral", "pixtral-")),
    ("vertex", ("gemini-",)),
)
"""Names without a prefix, by how they begin."""
_ALL = ("logit_bias", "service_tier", "store", "verbosity", "prediction", "web_search_options")
_SAMPLING = ("seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs")
DROPPED = {
    "anthropic": (*_ALL, *_SAMPLING),
    "vertex_anthropic": (*_ALL, *_SAMPLING),
    "bedrock": (*_ALL, *_SAMPLING, "parallel_tool_calls"),
    "gemini": (*_ALL, "parallel_tool_calls"),
    "vertex": (*_ALL, "parallel_tool_calls"),
    "mistral": (*_ALL, "user", "metadata", "logprobs", "top_logprobs", "stream_options", "seed"),
    "groq": ("logit_bias", "logprobs", "top_logprobs", "verbosity", "prediction", "web_search_options"),
    "cohere": (*_ALL, "user", "metadata", "n", "top_logprobs", "parallel_tool_calls", "stream_options"),
}
"""Kind -> what `drop_params` leaves out: fields of a chat request that the provider has no words for or refuses."""
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d", re.ASCII)


def split_model(model: str, provider: str, base: str) -> tuple[str, str, str]:
    """(kind, the provider's name of the model, region) of LiteLLM's `model`; an empty kind where it is of none that is known here.

    `provider` is `custom_llm_provider`; `base` is `api_base`, with which any OpenAI-compatible server may stand behind `openai/`.
    """
    prefix, slash, rest = model.partition("/")
    if provider:
        name = model.removeprefix(provider + "/")
    elif slash and (prefix in KINDS or prefix in COMPATIBLE):
        provider, name = prefix, rest
    else:
        provider, name = next((kind for kind, begins in FAMILIES if model.startswith(begins)), "openai" if base else ""), model
        provider = {"vertex": "vertex_ai"}.get(provider, provider)
    kind = KINDS.get(provider, "openai_compatible" if provider in COMPATIBLE and base else "")
    if kind == "openai" and base and not base.startswith("https://api.openai.com"):
        kind = "openai_compatible"
    if kind == "mistral" and provider == "codestral" and not base:
        return "", name, ""
    if kind == "vertex" and name.startswith("claude-"):
        kind = "vertex_anthropic"
    region = ""
    if kind == "bedrock":
        name = name.removeprefix("converse/").removeprefix("converse_like/")
        first, slash, rest = name.partition("/")
        if slash and REGION.fullmatch(first):
            region, name = first, rest
        if name.startswith(("invoke/", "async_invoke/", "agent/", "agentcore/")):
            return "", name, ""
    return kind, name, region
