"""The checks that a table of identity numbers may name. A table never brings code: these are all there are.

Each takes a number without its separators, letters in capitals, in the length that its pattern gives it, and says whether it could
have been issued. What is no such number may raise ValueError or IndexError.
"""

from __future__ import annotations

from collections.abc import Callable

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""Values of A–Z, and of 0–9 as A–J, at odd places of a codice fiscale."""
_OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")
_BORN_IN = {*range(1, 17), *range(21, 69), 71, 72, 74, 75, 76, 77, 78, 79, *range(82, 94), 98, 99}
"""Places of birth that Malaysia numbers."""
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: from the right, every second digit doubled and its digits summed; the sum ends in 0."""
    total = 0
    for number, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if number % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def mod_97(text: str) -> bool:
    """ISO 7064 mod 97-10, as IBANs use it: the first four characters moved to the end, letters as numbers from 10 on."""
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def verhoeff(digits: str) -> bool:
    check = 0
    for number, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[number % 8][int(digit)])])
    return check == 0


def mod_11_10(digits: str) -> bool:
    """ISO 7064 mod 11,10."""
    check = 5
    for digit in digits:
        check = (((check or 10) * 2) % 11 + int(digit)) % 10
    return check == 1


def weighted(text: str, weights: tuple[int, ...]) -> int:
    """The sum of digits times weights."""
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=False))


def is_date(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= _DAYS[int(month) - 1]


def mykad(text: str) -> bool:
    """Malaysia: a date of birth (YYMMDD) and the number of a place of birth. There is no check digit."""
    return is_date(text[2:4], text[4:6]) and int(text[6:8]) in _BORN_IN


def nric(text: str) -> bool:
    """Singapore: the letter of NRIC (S, T) and FIN (F, G, M)."""
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2))
    if text[0] == "M":
        return text[8] == "XWUTRQPNJLK"[(total + 3) % 11]
    total += 4 if text[0] in "TG" else 0
    return text[8] == ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def steuer_id(text: str) -> bool:
    """Germany: ISO 7064 mod 11,10, and of the first ten digits exactly one stands twice or three times."""
    repeated = [times for digit in "0123456789" if (times := text[:10].count(digit)) > 1]
    return len(repeated) == 1 and repeated[0] <= 3 and mod_11_10(text)


def nir(text: str) -> bool:
    """France: 97 less the number modulo 97; 2A and 2B are Corsica."""
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(text[13:])


def dni(text: str) -> bool:
    """Spain: the letter of DNI and NIE (X, Y, Z for 0, 1, 2)."""
    return text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(text[:-1].translate(str.maketrans("XYZ", "012"))) % 23]


def codice_fiscale(text: str) -> bool:
    """Italy: the last letter, and a day and a month that there are; letters may stand for digits where two people's would be equal."""
    day = text[9:11].translate(_OMOCODIA)
    if not day.isdigit() or not 1 <= int(day) % 40 <= 31 or text[8] not in "ABCDEHLMPRST":
        return False
    total = 0
    for number, character in enumerate(text[:15], 1):
        value = ord(character) - (48 if character.isdigit() else 65)
        total += _ODD[value] if number % 2 else value
    return ord(text[15]) - 65 == total % 26


def cpf(text: str) -> bool:
    """Brazil: two check digits."""
    return len(set(text)) > 1 and all(
        str(weighted(text[:size], tuple(range(size + 1, 1, -1))) * 10 % 11 % 10) == text[size] for size in (9, 10)
    )


def bsn(text: str) -> bool:
    """The Netherlands: the test of eleven."""
    return weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(text) > 0


def pesel(text: str) -> bool:
    """Poland: a date whose month tells the century, and a check digit."""
    month = int(text[2:4]) % 20
    return is_date(str(month), text[4:6]) and weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def personnummer(text: str) -> bool:
    """Sweden: a date (days from 61 on are coordination numbers) and Luhn over the last ten digits."""
    text = text[-10:]
    return is_date(text[2:4], str(int(text[4:6]) % 60)) and luhn(text)


def hetu(text: str) -> bool:
    """Finland: a date and a sign modulo 31."""
    number = text[:6] + text[-4:-1]
    return is_date(text[2:4], text[:2]) and text[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31]


def fodselsnummer(text: str) -> bool:
    """Norway: a date (40 more is a D number) and two check digits."""
    day, month = int(text[:2]) % 40, int(text[2:4]) % 40
    return (
        is_date(str(month), str(day))
        and weighted(text, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
        and weighted(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    )


def rijksregister(text: str) -> bool:
    """Belgium: a date of birth, and 97 less the number modulo 97, a 2 before it for those born from 2000 on."""
    return is_date(str(int(text[2:4]) % 20), text[4:6]) and int(text[9:]) in (97 - int(text[:9]) % 97, 97 - int("2" + text[:9]) % 97)


def ean(text: str) -> bool:
    """The check digit of article numbers; Switzerland's social insurance numbers have it too."""
    return sum(int(digit) * (3 if number % 2 else 1) for number, digit in enumerate(text)) % 10 == 0


def resident_id(text: str) -> bool:
    """China: a date, and ISO 7064 mod 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return is_date(text[10:12], text[12:14]) and "10X98765432"[weighted(text[:17], weights) % 11] == text[17]


def hkid(text: str) -> bool:
    """Hong Kong: a sign modulo 11; a single letter has a space before it."""
    letters = text[:-7].rjust(2)
    values = [36 if letter == " " else ord(letter) - 55 for letter in letters]
    total = values[0] * 9 + values[1] * 8 + weighted(text[-7:-1], (7, 6, 5, 4, 3, 2))
    return (total + (10 if text[-1] == "A" else int(text[-1]))) % 11 == 0


def taiwan_id(text: str) -> bool:
    """Taiwan: the letter is a number of two digits."""
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    return (letter // 10 + letter % 10 * 9 + weighted(text[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def rrn(text: str) -> bool:
    """South Korea: a date. Numbers from 2020 on have no check digit."""
    return is_date(text[2:4], text[4:6])


def my_number(text: str) -> bool:
    """Japan: a check digit modulo 11."""
    rest = weighted(text, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(text[11]) == (0 if rest <= 1 else 11 - rest)


def kimlik(text: str) -> bool:
    """Turkey: two check digits."""
    digits = [int(digit) for digit in text]
    return (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10 == digits[9] and sum(digits[:10]) % 10 == digits[10]


def za_id(text: str) -> bool:
    """South Africa: a date and Luhn."""
    return is_date(text[2:4], text[4:6]) and luhn(text)


def curp(text: str) -> bool:
    """Mexico: a date and a check digit over letters and digits."""
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(character) * (18 - number) for number, character in enumerate(text[:17]))
    return is_date(text[6:8], text[8:10]) and text[17] == str(-total % 10)


def thai_id(text: str) -> bool:
    """Thailand: a check digit modulo 11."""
    return (11 - weighted(text, tuple(range(13, 1, -1))) % 11) % 10 == int(text[12])


def ppsn(text: str) -> bool:
    """Ireland: a letter modulo 23; a second letter counts nine times."""
    total = weighted(text, (8, 7, 6, 5, 4, 3, 2))
    if len(text) == 9 and text[8] != "W":
        total += 9 * (ord(text[8]) - 64)
    return text[7] == "WABCDEFGHIJKLMNOPQRSTUV"[total % 23]


def nhs(text: str) -> bool:
    """The United Kingdom's health service: a check digit modulo 11."""
    return weighted(text, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def tfn(text: str) -> bool:
    """Australia's tax file number."""
    return weighted(text, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def nik(text: str) -> bool:
    """Indonesia: a date of birth, 40 more on a woman's day."""
    return is_date(text[8:10], str(int(text[6:8]) % 40))


CHECKSUMS: dict[str, Callable[[str], bool]] = {
    one.__name__: one
    for one in (
        *(luhn, mod_97, verhoeff, mod_11_10, mykad, nric, steuer_id, nir, dni, codice_fiscale, cpf, bsn, pesel, personnummer, hetu),
        *(
            fodselsnummer,
            rijksregister,
            ean,
            resident_id,
            hkid,
            taiwan_id,
            rrn,
            my_number,
            kimlik,
            za_id,
            curp,
            thai_id,
            ppsn,
            nhs,
            tfn,
            nik,
        ),
    )
}
