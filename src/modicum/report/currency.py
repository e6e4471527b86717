"""Which currency the figures are shown in. Inside, money is dollars; here it is turned at the edge, at a rate that somebody gave.

No rate is fetched: it comes from a flag or from `[report]`, with its source and date, and both stand beside the figures.
`shown_in` holds for everything that is put into words within it, so that sentences and tables of one report cannot differ.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from modicum.errors import InputError

SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "VND": "₫", "PHP": "₱", "THB": "฿", "ILS": "₪", "NGN": "₦",
    "UAH": "₴", "TRY": "₺", "KZT": "₸", "GEL": "₾", "CNY": "CN¥", "SGD": "S$", "AUD": "A$", "CAD": "C$", "HKD": "HK$", "NZD": "NZ$",
    "TWD": "NT$", "BRL": "R$", "MXN": "MX$", "MYR": "RM\u00a0", "IDR": "Rp\u00a0", "ZAR": "R\u00a0",
}  # fmt: skip
"""What stands before the number; any other code stands there itself."""
WHOLE = frozenset("JPY KRW VND IDR CLP ISK HUF PYG UGX RWF XAF XOF XPF".split())
"""Currencies in which nobody writes a smaller unit (ISO 4217: exponent 0, or out of use)."""
IN_FORCE = frozenset(
    (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY"
        " COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD"
        " IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN"
        " MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD"
        " SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF"
        " YER ZAR ZMW ZWG"
    ).split()
)
"""ISO 4217, list one (SIX, the standard's maintenance agency), as of November 2026, without metals, units of account and codes for tests.
The guilder of Curaçao is XCG, Zimbabwe's dollar ZWG; BGN and HRK became the euro."""
FAR = Decimal("1e9")
"""No currency's rate to the dollar is beyond this, or below its inverse."""
# Three digits behind a point or two behind a comma are cents here and thousands there: they are asked back.
_NUMBER = r"[0-9]{1,3}(?:[,_' \u00a0][0-9]{3})+(?:\.[0-9]{1,2})?|[0-9]+(?:\.[0-9]{1,2})?"
_AMOUNT = re.compile(rf"\s*(?:([A-Za-z]{{3}})\s*)?({_NUMBER})\s*([A-Za-z]{{3}})?\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """A currency, and what a dollar is worth in it."""

    code: str = "USD"
    """ISO 4217."""
    rate: Decimal = Decimal(1)
    """Units of it for one US dollar."""
    source: str = ""
    """Where the rate is from; empty for dollars."""
    as_of: date | None = None

    @property
    def is_dollar(self) -> bool:
        return self.code == "USD"

    @property
    def symbol(self) -> str:
        return SYMBOLS.get(self.code, f"{self.code}\u00a0")

    def of(self, usd: Decimal) -> Decimal:
        return usd * self.rate

    def usd(self, amount: Decimal) -> Decimal:
        return amount / self.rate

    def round(self, amount: Decimal) -> Decimal:
        """To whole units from a hundred on, to cents below, as a reader wants it."""
        coarse = self.code in WHOLE or abs(amount) >= 100
        return amount.quantize(Decimal(1) if coarse else Decimal("0.01"), ROUND_HALF_UP)


DOLLARS = Currency()
_shown: ContextVar[Currency] = ContextVar("shown", default=DOLLARS)


@contextmanager
def shown_in(currency: Currency) -> Iterator[None]:
    """Money that is put into words within this is in `currency`."""
    token = _shown.set(currency)
    try:
        yield
    finally:
        _shown.reset(token)


def shown() -> Currency:
    """The currency in force."""
    return _shown.get()


def written(usd: Decimal) -> str:
    """Dollars, in the currency in force: $1,240 · RM 12.40 · under ¥1."""
    currency = shown()
    amount = currency.of(usd)
    if amount < 0:
        return f"−{written(-usd)}"
    if not amount:
        return f"{currency.symbol}0"
    least = Decimal(1) if currency.code in WHOLE else Decimal("0.01")
    if amount < least / 2:
        return f"under {currency.symbol}{least}"
    return f"{currency.symbol}{currency.round(amount):,}"


def code_of(text: str) -> str:
    """An ISO 4217 code in capitals. Raises InputError."""
    code = text.strip().upper()
    if not re.fullmatch("[A-Z]{3}", code, re.ASCII):
        raise InputError(f"{text!r} is not a currency", hint="three letters, as in ISO 4217: MYR, EUR, JPY")
    if code not in IN_FORCE:
        near = difflib.get_close_matches(code, sorted(IN_FORCE), 3, cutoff=0.6)
        raise InputError(
            f"{code} is no currency of ISO 4217", hint=f"did you mean {' or '.join(near)}?" if near else "three letters: MYR, EUR, JPY"
        )
    return code


def rate_of(text: str | Decimal) -> Decimal:
    """How many units of a currency a dollar is worth. Raises InputError."""
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or not 1 / FAR <= rate <= FAR:
        raise InputError(f"{text!r} is not a rate", hint="how many units one US dollar is worth: 4.7 for the ringgit")
    return rate


def amount_of(text: str) -> tuple[Decimal, str]:
    """(amount, code) of "MYR 3000", "3,000 EUR", "$500" or "500" (dollars). Raises InputError."""
    plain = text.strip()
    for symbol, code in (("$", "USD"), ("€", "EUR"), ("£", "GBP")):
        if plain.startswith(symbol):
            plain = f"{code} {plain.removeprefix(symbol)}"
    if re.match(r"(?i)rm\s*[0-9]", plain):
        plain = f"MYR {plain[2:]}"
    found = _AMOUNT.fullmatch(plain)
    if found is None or (found[1] and found[3]):
        raise InputError(
            f"{text!r} is not an amount of money", hint="a currency and a number, a point before the cents: 'MYR 3000', '250.50 EUR'"
        )
    number = re.sub(r"[,_'\u00a0 ]", "", found[2])
    amount = Decimal(number)
    if not 0 < amount < Decimal("1e15"):
        raise InputError(f"{text!r} is no budget", hint="it must be more than nothing")
    return amount, code_of(found[1] or found[3] or "USD")
