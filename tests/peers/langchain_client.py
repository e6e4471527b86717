"""What LangChain's and LiteLLM's clients make of the gateway: one JSON object of results. Runs in their environment: URL KEY."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
url, key = sys.argv[1:]
results: dict[str, Any] = {}


def attempt(name: str, work: Callable[..., Any], *given: Any) -> None:
    try:
        results[name] = work(*given)
    except Exception as error:
        results[name] = {"error": type(error).__name__, "message": str(error)[:300]}


def langchain(model: str) -> Any:
    from langchain_openai import ChatOpenAI  # type: ignore[import-not-found]

    return ChatOpenAI(model=model, api_key=key, base_url=f"{url}/v1", max_retries=0, stream_usage=True)


def langchain_anthropic(model: str) -> Any:
    from langchain_anthropic import ChatAnthropic  # type: ignore[import-not-found]

    return ChatAnthropic(model=model, api_key=key, base_url=url, max_retries=0, max_tokens=64)


def weather(city: str, days: int = 1) -> str:
    """How the weather will be."""
    raise NotImplementedError


def said(message: Any) -> dict[str, Any]:
    usage = message.usage_metadata or {}
    content = message.content if isinstance(message.content, str) else "".join(part.get("text", "") for part in message.content)
    calls = [[call["name"], call["args"]] for call in message.tool_calls]
    return {"text": content, "input": usage.get("input_tokens"), "output": usage.get("output_tokens"), "calls": calls}


def invoked(chat: Any) -> dict[str, Any]:
    return said(chat.invoke("hello"))


def streamed(chat: Any) -> dict[str, Any]:
    whole: Any = None
    for chunk in chat.stream("hello"):
        whole = chunk if whole is None else whole + chunk
    return said(whole)


for where, model in (("openai", "gpt"), ("anthropic", "anthropic/claude")):
    for client, chat in (("langchain_openai", langchain), ("langchain_anthropic", langchain_anthropic)):
        attempt(f"{client}.{where}.plain", invoked, chat(model))
        attempt(f"{client}.{where}.streamed", streamed, chat(model))
        attempt(f"{client}.{where}.tools", streamed, chat(f"{model}-tools").bind_tools([weather]))
        attempt(f"{client}.{where}.broken", streamed, chat(f"{model}-broken"))


def litellm_plain(model: str, base: str) -> dict[str, Any]:
    import litellm  # type: ignore[import-not-found]

    done = litellm.completion(model=model, messages=[{"role": "user", "content": "hello"}], api_base=base, api_key=key, num_retries=0)
    return {"text": done.choices[0].message.content, "total": done.usage.total_tokens}


def litellm_streamed(model: str, base: str) -> dict[str, Any]:
    import litellm

    text = ""
    hello = [{"role": "user", "content": "hello"}]
    for chunk in litellm.completion(model=model, messages=hello, api_base=base, api_key=key, stream=True, num_retries=0):
        text += chunk.choices[0].delta.content or ""
    return {"text": text}


for name, model, base in (
    ("openai", "openai/gpt", f"{url}/v1"),
    ("openai_across", "openai/anthropic/claude", f"{url}/v1"),
    ("anthropic", "anthropic/anthropic/claude", url),
    ("anthropic_across", "anthropic/gpt", url),
):
    attempt(f"litellm.{name}.plain", litellm_plain, model, base)
    attempt(f"litellm.{name}.streamed", litellm_streamed, model, base)
print(json.dumps(results))
