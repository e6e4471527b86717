"""`modicum models`: lists that narrow, a page with sources, searches here and on a scripted Hub."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.cli.model_page import wrapped
from modicum.cli.models import GROUP_EXAMPLES, LIST_EXAMPLES, SEARCH_EXAMPLES
from modicum.errors import ModicumError, NotFoundError, RequestError
from tests.backends.test_hub import Scripted, scripted

__all__ = ["scripted"]


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments, "--home", str(home)])


def listed(home: Path, *arguments: str) -> list[dict[str, object]]:
    result = run(home, *arguments, "--format", "json")
    assert result.exception is None, result.output
    lines: list[dict[str, object]] = json.loads(result.stdout)
    return lines


def ids(home: Path, *arguments: str) -> list[str]:
    return [line["card"]["id"] for line in listed(home, "list", *arguments)]  # type: ignore[index]


def test_a_list_narrows(tmp_path: Path) -> None:
    everything = ids(tmp_path)
    assert len(everything) >= 60
    small = ids(tmp_path, "--kind", "llm", "--open", "--commercial", "--max-parameters", "10B", "--sort", "size")
    assert "llama-3.1-8b" in small and "gpt-4o" not in small and "llama-3.1-70b" not in small and small[0] == "qwen2.5-0.5b"
    assert set(ids(tmp_path, "--task", "rerank", "--licence", "Apache-2.0")) >= {"qwen3-reranker-0.6b"}
    assert "jina-embeddings-v3" not in ids(tmp_path, "--commercial") and "jina-embeddings-v3" in ids(tmp_path, "--licence", "cc-by-nc*")
    cheap = ids(tmp_path, "--laboratory", "openai", "--closed", "--max-price", "0.1", "--sort", "price")
    assert "gpt-5-nano" in cheap and "gpt-4o" not in cheap
    assert ids(tmp_path, "--min-context", "1M", "--laboratory", "google")[0].startswith("gemini")
    assert list(tmp_path.iterdir()) == []  # a list makes no home


def test_a_table_and_nothing(tmp_path: Path) -> None:
    shown = run(tmp_path, "list", "--laboratory", "deepseek").output
    assert "deepseek-v4-flash" in shown and "for open weights the cheapest" in shown
    assert "No model that is known fits." in run(tmp_path, "list", "--kind", "guard", "--max-price", "0").output


def test_a_page_has_its_sources(tmp_path: Path) -> None:
    page = run(tmp_path, "show", "us.anthropic.claude-haiku-4-5-20251001-v1:0").output
    assert page.startswith("claude-haiku-4-5") and "read 2026-11-22: https://" in page and "not legal advice" in page
    open_page = run(tmp_path, "show", "llama-3.1-8b").output
    assert "4.29 GB for 32,768 tokens" in open_page and "under conditions" in open_page and "LicenseRef-Llama" in open_page
    as_json = json.loads(run(tmp_path, "show", "gpt-4o", "--format", "json").stdout)
    assert as_json["card"]["retires"] and as_json["terms"]["quote"] and as_json["offers"][0]["price"]["input_usd_mtok"] == 2.5


def test_a_name_that_is_near_is_named(tmp_path: Path) -> None:
    error = run(tmp_path, "show", "gpt-4o-mni").exception
    assert isinstance(error, NotFoundError) and "gpt-4o-mini" in error.hint
    error = run(tmp_path, "list", "--laboratory", "nobody").exception
    assert isinstance(error, RequestError) and "Mistral AI" in error.hint
    assert run(tmp_path, "list", "--max-parameters", "big").exit_code == 2


def test_a_search_here(tmp_path: Path) -> None:
    found = [line["card"]["id"] for line in listed(tmp_path, "search", "mistral small-4")]  # type: ignore[index]
    assert found == ["mistral-small-4"]


def test_an_operators_model_and_price_are_shown(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "ours.toml").write_text(
        'laboratory = "Ours"\n[sources.wiki]\ntitle = "Our wiki"\nurl = "https://wiki.example/7b"\nread = 2026-01-05\n'
        '[[models]]\nid = "ours-7b"\nfamily = "Ours"\nkind = "llm"\nlimits = { context_tokens = 8192, source = "wiki" }\n'
    )
    settings = tmp_path / "modicum.toml"
    settings.write_text('[prices."ours-7b"]\ninput_usd_mtok = 0.02\nsource = "our server"\nread = 2026-01-05\n')
    result = CliRunner().invoke(cli, ["models", "list", "--laboratory", "ours", "--home", str(tmp_path), "--config", str(settings)])
    assert "ours-7b (own)" in result.output and "operator" in result.output and "over 90 days ago" in result.output
    page = CliRunner().invoke(cli, ["models", "show", "ours-7b", "--home", str(tmp_path), "--config", str(settings)])
    assert "our server" in page.output and "days ago: over 90" in page.output


def test_a_search_on_the_hub(tmp_path: Path, scripted: Scripted) -> None:
    result = run(tmp_path, "search", "rerank", "--hub", "--task", "rerank", "--licence", "Apache-2.0", "--max-parameters", "1B")
    assert "BAAI/bge-reranker-v2-m3" in result.output and "568M" in result.output and scripted.url in result.output
    again = run(tmp_path, "search", "rerank", "--hub", "--task", "rerank", "--licence", "Apache-2.0", "--max-parameters", "1B")
    assert "(kept)" in again.output and len(scripted.asked) == 1
    refused = run(tmp_path, "search", "rerank", "--hub", "--min-context", "8k").exception
    assert isinstance(refused, ModicumError) and "--min-context" in refused.message


def test_a_list_says_what_it_left_out_for_want_of_a_fact(tmp_path: Path) -> None:
    shown = run(tmp_path, "list", "--kind", "guard", "--max-price", "0").output
    assert "No model that is known fits. Left out: " in shown and "is not known" in shown
    assert "Left out" not in run(tmp_path, "list", "--kind", "guard").output
    assert "Left out" not in run(tmp_path, "list", "--closed", "--commercial").output, "a licence is of weights alone"


def test_a_size_without_its_letter_is_refused(tmp_path: Path) -> None:
    result = run(tmp_path, "list", "--max-parameters", "8")
    assert result.exit_code == 2 and "8B is eight billion" in result.output
    assert ids(tmp_path, "--max-parameters", "1000000") == []


def test_nothing_found_names_the_hub(tmp_path: Path) -> None:
    assert "--hub asks" in run(tmp_path, "search", "xyzzy").output
    assert listed(tmp_path, "search", "xyzzy") == []


@pytest.mark.parametrize("example", [line for text in (GROUP_EXAMPLES, LIST_EXAMPLES, SEARCH_EXAMPLES) for line in text.split("\n")[2:]])
def test_examples_work_as_they_stand(example: str, tmp_path: Path, scripted: Scripted) -> None:
    result = run(tmp_path, *shlex.split(example)[2:])
    assert result.exception is None and result.output, result.output


def test_a_page_fits_its_terminal_and_breaks_no_address() -> None:
    address = "https://example.org/" + "a-b/" * 40
    parts = wrapped("  licence                   " + "commercial use under conditions " * 5 + address, 80)
    assert len(parts) > 3 and all(len(part) <= 80 for part in parts[:-1]) and parts[-1].strip() == address
    assert all(part.startswith(" " * 28) for part in parts[1:]) and wrapped("", 80) == [""]


def test_help_has_examples() -> None:
    for words in (("models",), ("models", "list"), ("models", "show"), ("models", "search")):
        assert "Example" in CliRunner().invoke(cli, [*words, "--help"]).output


@pytest.mark.parametrize("word", ["models", "--help"])
def test_the_group_is_listed(word: str) -> None:
    assert "models" in CliRunner().invoke(cli, [word, "--help"] if word == "models" else [word]).output
