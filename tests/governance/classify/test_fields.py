"""What is suggested for a field: each kind by its values, by its name, and its look-alikes."""

import json
from datetime import date, timedelta
from ipaddress import IPv4Address

import pytest
from stdnum import luhn

from governance.classify import classify_field
from governance.classify.documents import parts_of

TODAY = date(2026, 11, 1)
PEOPLE = ["Anna Schmidt", "Juan García", "Mary Jones", "Peter Novak", "Olga Ivanova", "Marco Rossi"]


def labels(name, kind="string", samples=(), **more) -> list[str]:
    return [each.label for each in classify_field(name, kind, samples, today=TODAY, **more)]


def with_luhn(prefix: str, *, count: int = 20) -> list[str]:
    numbers = (f"{prefix}{place * 7919:09}" for place in range(1, count + 1))
    return [number + luhn.calc_check_digit(number) for number in numbers]


EMAILS = [f"person.{place}@mail{place % 3}.example" for place in range(20)]
PHONES = [f"+49 30 9018{place:04}" for place in range(100, 120)]
IBANS = ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606"]
ADDRESSES = [f"{place} Oak Street\nSpringfield, IL {62700 + place}" for place in range(1, 20)]
BIRTHS = [date(1950, 1, 1) + timedelta(days=977 * place) for place in range(20)]
WIDE_IPS = [str(IPv4Address(2_887_000_000 + 98_765_432 * place)) for place in range(12)]


@pytest.mark.parametrize(
    ("label", "samples"),
    [
        ("pii.email", EMAILS),
        ("pii.phone", PHONES),
        ("pii.card", with_luhn("411111")),
        ("pii.iban", IBANS),
        ("pii.ip", WIDE_IPS),
        ("pii.mac", [f"00:1a:2b:3c:4d:{place:02x}" for place in range(9)]),
        ("pii.national_id", [f"{place:03}-45-{6700 + place}" for place in range(201, 215)]),
        ("pii.name", PEOPLE),
        ("pii.address", ADDRESSES),
        ("secret.credential", [f"ghp_{place:036d}" for place in range(5)]),
        ("geo.coordinates", [f"52.51{place:03}, 13.40{place:03}" for place in range(9)]),
    ],
)
def test_values_alone_tell_the_label(label, samples):
    assert labels("c1", samples=samples) == [label]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("user.contact.email", "pii.email"),
        ("customerEMail", "pii.email"),
        ("Rufnummer", "pii.phone"),
        ("KARTENNUMMER", "pii.card"),
        ("payout_iban", "pii.iban"),
        ("clientIp", "pii.ip"),
        ("codice_fiscale", "pii.national_id"),
        ("fecha_nacimiento", "pii.birthdate"),
        ("Дата рождения", "pii.birthdate"),
        ("prénom", "pii.name"),
        ("姓名", "pii.name"),
        ("lieferanschrift", "pii.address"),
    ],
)
def test_a_name_alone_is_enough_and_says_that_nothing_was_sampled(name, label):
    (found,) = classify_field(name, "string")
    assert (found.label, found.confidence) == (label, 0.769)
    assert found.evidence == ("the field's name is one of this kind", "no values were sampled")


@pytest.mark.parametrize(
    ("name", "kind", "samples"),
    [
        ("order_number", "string", [str(4_000_000_000_000_000 + 7 * place) for place in range(50)]),
        ("id", "long", [100_000_000 + 17 * place for place in range(60)]),
        ("session", "uuid", ["6f2c1c9e-0d1f-4a55-9d6a-0f6a1f3d2b7c"]),
        ("version", "string", [f"1.{place}.{place % 4}.0" for place in range(20)]),
        ("created_at", "date", [date(2025, 1, 1) + timedelta(days=place) for place in range(50)]),
        ("released", "string", ["1999-05-01", "2004-02-02", "1987-11-30"]),
        ("product_name", "string", ["Walnut Desk", "Steel Lamp", "Oak Shelf"]),
        ("company", "string", ["Smith and Sons", "Miller Group", "Jones Ltd"]),
        ("city", "string", ["Paris", "Berlin", "Madrid", "Florence"]),
        ("email_verified", "boolean", [True, False]),
        ("email_hash", "string", [f"{place:064x}" for place in range(10**60, 10**60 + 9)]),
        ("icon", "string", [f"pin-{place}@2x.png" for place in range(9)]),
        ("phone_attempts", "int", list(range(9))),
        ("lat_ms", "double", [12.5, 80.25]),
    ],
)
def test_look_alikes_are_not_suggested(name, kind, samples):
    assert labels(name, kind, samples) == []


def test_dirty_values_lower_the_share_and_not_the_label():
    samples = [*EMAILS, None, "", "N/A", "unknown", "see other file"]
    (found,) = classify_field("contact", "string", samples)
    assert (found.label, found.evidence[-1]) == (
        "pii.email",
        "95 % of 21 sampled values are e-mail addresses",
    )


def test_numbers_with_a_checksum_are_told_from_those_that_only_look_like_it():
    good = with_luhn("411111")
    bad = [f"{number[:-1]}{(int(number[-1]) + 1) % 10}" for number in good]
    assert labels("x", samples=good) == ["pii.card"]
    assert labels("x", samples=bad) == []
    assert labels("card_number", samples=bad) == []


def test_a_field_for_contacts_bears_the_labels_of_both_kinds_that_it_holds():
    assert labels("contact", samples=[*EMAILS[:9], *PHONES[:9]]) == ["pii.email", "pii.phone"]


def test_a_user_name_is_no_name_of_a_person():
    assert labels("user_name", samples=["jdoe", "asmith", "mjones1"]) == []


def test_dates_of_birth_need_a_name_and_ages_of_people():
    assert labels("dob", "date", BIRTHS) == ["pii.birthdate"]
    assert labels("d", "date", BIRTHS) == []
    assert labels("birth_date", "date", [date(2026, 10, day) for day in range(1, 30)]) == []


def test_text_that_mentions_is_suggested_for_what_it_mentions():
    texts = [f"Please write to {each} before the end of the week, thanks." for each in EMAILS[:5]]
    found = classify_field("notes", "string", [*texts, "Nothing of interest in this long remark."])
    assert [(each.label, each.evidence) for each in found] == [
        ("pii.email", ("5 of 6 sampled texts hold e-mail addresses",))
    ]


def test_the_parts_of_documents_are_fields_of_their_own():
    documents = [json.dumps({"contact": {"mail": each}, "n": 1}) for each in EMAILS]
    (found,) = classify_field("payload", "string", documents)
    assert found.label == "pii.email"
    assert found.evidence[0] == "in the part `contact.mail` of the documents"


def test_a_key_that_is_itself_a_value_is_no_part_of_documents():
    documents = [{f"user{place}": {"n": place}, "n": 1} for place in range(20)]
    assert list(parts_of(documents)) == ["n"]


def test_what_a_name_is_in_tells_whose_name_it_is():
    few = ["Xqzt", "Wvbn"]
    assert labels("name", samples=few, path=["customers"]) == ["pii.name"]
    assert labels("name", samples=few, path=["products"]) == []


def test_no_sentence_of_the_evidence_holds_a_value():
    samples = [*EMAILS, *PHONES, *IBANS, *PEOPLE, *ADDRESSES, *with_luhn("411111")]
    for name in ("contact", "full_name", "x", "address"):
        told = " ".join(
            text for each in classify_field(name, "", samples) for text in each.evidence
        )
        assert [each for each in samples if each in told] == []


def test_what_was_learned_moves_the_confidence():
    confidences = [
        [each.confidence for each in classify_field("c1", "", PEOPLE, shifts={"pii.name": shift})]
        for shift in (-2.5, -1.0, 0.0, 1.0)
    ]
    assert confidences == [[], [0.731], [0.881], [0.953]]


def test_media_types_tell_what_objects_may_show():
    from governance.classify import suggestions_of_media

    assert [each.label for each in suggestions_of_media("image/jpeg", [{"gps": True}, {}])] == [
        "pii.image",
        "geo.coordinates",
    ]
    assert [each.label for each in suggestions_of_media("audio/wav")] == ["pii.voice"]
    assert suggestions_of_media("text/plain") == []
