"""The checksums that a table of identity numbers may name. A table never brings code: these are all there are."""

from __future__ import annotations


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: from the right, every second digit doubled and its digits summed; the sum ends in 0."""
    total = 0
    for number, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if number % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0
