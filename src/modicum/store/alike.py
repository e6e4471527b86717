"""What calls must have in common so that what they used, summed up, can be priced as one: columns of a query, no query.

A sum of calls costs what its calls cost only where all of them say what they cost or none does, all say what they used or none does,
nobody's usage contradicts itself, the price does not rise with the length of the input between two of them, and none of them is more
than twice as long as another, as far as that says whether its model can have taken it.
"""

from __future__ import annotations

LEFT = 499
"""The client left: nobody answered it, and it may be billed."""
STEPS = (32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288)
"""Input tokens above which some listed price rises (genai-prices, all models; a test holds this to the installed list)."""

MOST_TOKENS = 10_000_000
"""No call has more, in or out: several times what any model takes."""
_LONG = 8_192
"""From there on calls are told apart by how long they are."""

_LONGER = "greatest(coalesce(input_tokens, 0), coalesce(output_tokens, 0))"
COSTED = "cost_usd IS NOT NULL"
COUNTED = "input_tokens IS NOT NULL AND output_tokens IS NOT NULL"
REFUSED = f"coalesce(status >= 400 AND status <> {LEFT}, false) AND coalesce(input_tokens, output_tokens) IS NULL AND cost_usd IS NULL"
"""Nobody answered, and nobody bills that."""
SOUND = (
    "coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) + coalesce(audio_input_tokens, 0) <= coalesce(input_tokens, 0)"
    " AND coalesce(cache_write_1h_tokens, 0) <= coalesce(cache_write_tokens, 0)"
    " AND coalesce(audio_output_tokens, 0) <= coalesce(output_tokens, 0)"
    f" AND {_LONGER} <= {MOST_TOKENS}"
)
LENGTH = " + ".join(f"(coalesce(input_tokens, 0) > {step})::INTEGER" for step in STEPS)
"""How many steps an input is beyond."""
REACH = f"CASE WHEN {_LONGER} > {_LONG} THEN ceil(log2({_LONGER}))::INTEGER ELSE 0 END"
"""The power of two that a call's tokens, in or out, do not exceed."""
LONGEST = f"max({_LONGER})::BIGINT"
"""Of one of the calls that are summed up, in or out."""
OF_ANSWERED = {"costed": COSTED, "counted": COUNTED, "sound": SOUND, "length": LENGTH, "reach": REACH}
"""name -> the column, for calls that were answered."""
OF_ALL = {**OF_ANSWERED, "refused": REFUSED}


def named(columns: dict[str, str]) -> str:
    """The columns under their names, to be selected."""
    return ", ".join(f"{text} AS {name}" for name, text in columns.items())
