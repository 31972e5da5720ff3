"""Passenger records with personal data. Nothing real may hold those, so they are generated, the same each time."""

import random
from collections.abc import Iterator
from typing import Any

FIRST_NAMES = [
    "Ada",
    "Alan",
    "Amara",
    "Anna",
    "Bashir",
    "Carlos",
    "Chen",
    "Dara",
    "Elena",
    "Emeka",
    "Farah",
    "Grace",
    "Hiro",
    "Ines",
    "Ivan",
    "Jun",
    "Kofi",
    "Lena",
    "Luca",
    "Maya",
    "Mei",
    "Nadia",
    "Noor",
    "Olga",
    "Omar",
    "Priya",
    "Rosa",
    "Samir",
    "Sven",
    "Tara",
    "Uma",
    "Vera",
    "Wei",
    "Yara",
    "Yusuf",
    "Zoe",
]
LAST_NAMES = [
    "Abe",
    "Adler",
    "Banda",
    "Bauer",
    "Chaudhry",
    "Costa",
    "Diaz",
    "Eze",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ivanov",
    "Jensen",
    "Kim",
    "Kowalski",
    "Lopez",
    "Mensah",
    "Moreau",
    "Nguyen",
    "Novak",
    "Okafor",
    "Park",
    "Patel",
    "Quinn",
    "Rossi",
    "Sato",
    "Silva",
    "Singh",
    "Tanaka",
    "Ueda",
    "Vega",
    "Weber",
    "Xu",
    "Young",
]
# Reserved for documentation (RFC 2606), so that no address belongs to anybody.
MAIL_DOMAINS = ("example.com", "example.org", "example.net")
# Issuer ranges that payment networks publish for tests; the last digit is a Luhn check digit.
TEST_CARD_PREFIXES = ("411111", "555555", "378282")


def luhn_digit(digits: str) -> str:
    """The check digit of ISO/IEC 7812-1 Annex B for `digits`."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += sum(divmod(value, 10))
    return str(-total % 10)


def make_card(rng: random.Random) -> str:
    """A card number of 16 digits (15 for 3782…) that passes the Luhn check."""
    prefix = rng.choice(TEST_CARD_PREFIXES)
    length = 15 if prefix.startswith("37") else 16
    body = prefix + "".join(rng.choices("0123456789", k=length - 1 - len(prefix)))
    return body + luhn_digit(body)


def generate_passengers(
    flights: list[dict[str, Any]], *, count: int, seed: int = 2013
) -> Iterator[dict[str, Any]]:
    """`count` bookings on rows of `flights`; the region is the airport of departure (EWR, JFK, LGA)."""
    rng = random.Random(seed)  # noqa: S311 - test data, the same in each run
    for number in range(count):
        flight = flights[rng.randrange(len(flights))]
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        yield {
            "booking_id": number + 1,
            "name": f"{first} {last}",
            "email": f"{first}.{last}{number}@{rng.choice(MAIL_DOMAINS)}".lower(),
            "card_number": make_card(rng),
            "region": flight["origin"],
            "carrier": flight["carrier"],
            "flight": flight["flight"],
            "month": flight["month"],
            "day": flight["day"],
            "fare": round(rng.uniform(49, 899), 2),
            "booked_at": f"2012-12-{rng.randrange(1, 29):02d}T{rng.randrange(24):02d}:00:00Z",
        }
