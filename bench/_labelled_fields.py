"""A labelled set of fields for `bench/classification.py`: invented people of many lands, look-alikes, and real tables.

Two parts from one seed: `tuned` may be looked at while detectors are changed; `held` has other locales, other field
names and other look-alikes, and is only ever measured. Values come from Faker, which the product does not know, and are made
dirty: blanks, placeholders, other cases, prefixes. `None` is the label of what is not personal.
"""

import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from faker import Faker

LOCALES = {
    "tuned": (
        "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "pt_BR", "nl_NL", "sv_SE",
        "ru_RU", "ja_JP", "tr_TR", "en_IN",
    ),
    "held": (
        "en_AU", "en_CA", "de_AT", "fr_CH", "es_MX", "pt_PT", "cs_CZ", "da_DK", "fi_FI", "no_NO",
        "ro_RO", "hu_HU", "el_GR", "uk_UA", "zh_CN", "ko_KR", "en_IE", "de_CH",
    ),
}  # fmt: skip
SIZES = (12, 60, 200)
BLANKS = (None, "", "N/A", "-", "null", "unknown")


@dataclass(frozen=True)
class LabelledField:
    """`name` is the dotted path; `table` is what the field is in."""

    name: str
    type: str
    samples: tuple[Any, ...]
    label: str | None
    table: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Kind:
    """How a label's fields are called, and how their values are made."""

    label: str | None
    names: dict[str, tuple[str, ...]]
    make: Callable[[Faker, random.Random], Any]
    type: str = "string"
    repeat: int = 2
    local: bool = True


def labelled_fields(part: str, *, seed: int = 20_261, copies: int = 1) -> list[LabelledField]:
    """The fields of `part` (`tuned` or `held`), the same for the same seed."""
    dice = random.Random(f"{seed}/{part}")
    found = [field for _ in range(copies) for field in _invented(part, dice)]
    dice.shuffle(found)
    return found


def _invented(part: str, dice: random.Random) -> Iterator[LabelledField]:
    for locale in LOCALES[part]:
        fake = Faker(locale)
        fake.seed_instance(dice.getrandbits(32))
        for kind in KINDS:
            for _ in range(kind.repeat if kind.local else 1):
                yield _field(kind, fake, dice, part=part, origin=locale)


def _field(
    kind: Kind, fake: Faker, dice: random.Random, *, part: str, origin: str
) -> LabelledField:
    name = dice.choice(kind.names[part])
    if kind.label is not None and dice.random() < 0.12:
        name = dice.choice(("c1", "col_07", "field", "value", "x", "attr3", "f_12", "data"))
    values = [kind.make(fake, dice) for _ in range(dice.choice(SIZES))]
    if kind.type == "string":
        values = [_dirtied(each, dice) for each in values]
    table = "" if "." in name else dice.choice(("", "t_0412", "export", "stg_raw"))
    return LabelledField(name, kind.type, tuple(values), kind.label, table, origin)


def _dirtied(value: Any, dice: random.Random) -> Any:
    roll = dice.random()
    if roll < 0.05:
        return dice.choice(BLANKS)
    if roll < 0.08 and isinstance(value, str):
        return f" {value} "
    if roll < 0.10 and isinstance(value, str):
        return value.upper()
    return value


def _day(dice: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=dice.randrange((last - first).days))


def _born(_: Faker, dice: random.Random) -> date:
    return _day(dice, date(1938, 1, 1), date(2012, 1, 1))


def _event(_: Faker, dice: random.Random) -> date:
    return _day(dice, date(2019, 1, 1), date(2026, 10, 1))


def _written_day(
    make: Callable[[Faker, random.Random], date],
) -> Callable[[Faker, random.Random], str]:
    forms = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y%m%d")
    return lambda fake, dice: make(fake, dice).strftime(forms[len(str(fake.locales)) % len(forms)])


def _names(tuned: str, held: str) -> dict[str, tuple[str, ...]]:
    return {"tuned": tuple(tuned.split()), "held": tuple(held.split())}


def _national(fake: Faker, _: random.Random) -> str:
    return fake.ssn()


def _full_name(fake: Faker, dice: random.Random) -> str:
    first, last = fake.first_name(), fake.last_name()
    return f"{last}, {first}" if dice.random() < 0.1 else f"{first} {last}"


def _mentioning(fake: Faker, dice: random.Random) -> str:
    text = fake.text(160)
    return f"{text} {fake.email()} {fake.sentence()}" if dice.random() < 0.3 else text


def _document(fake: Faker, dice: random.Random) -> str:
    contact = {"mail": fake.email(), "since": str(_event(fake, dice))}
    return json.dumps({"id": dice.randrange(10**6), "contact": contact, "state": "open"})


def _plain_document(fake: Faker, dice: random.Random) -> str:
    return json.dumps(
        {"sku": f"A{dice.randrange(10**5)}", "qty": dice.randrange(9), "colour": fake.color_name()}
    )


def _digits(count: int) -> Callable[[Faker, random.Random], str]:
    return lambda _, dice: str(dice.randrange(10 ** (count - 1), 10**count))


def _hex(count: int) -> Callable[[Faker, random.Random], str]:
    return lambda _, dice: "".join(dice.choices("0123456789abcdef", k=count))


def _code(form: str) -> Callable[[Faker, random.Random], str]:
    """`#` is a digit, `?` a letter."""

    def make(_: Faker, dice: random.Random) -> str:
        swap = {"#": string.digits, "?": string.ascii_uppercase}
        return "".join(dice.choice(swap[each]) if each in swap else each for each in form)

    return make


def _version(_: Faker, dice: random.Random) -> str:
    return ".".join(str(dice.randrange(most)) for most in (12, 20, 30, 9))


def _product(fake: Faker, dice: random.Random) -> str:
    noun = dice.choice(
        [
            "Lamp",
            "Chair",
            "Router",
            "Kettle",
            "Jacket",
            "Drill",
            "Keyboard",
            "Mug",
            "Tent",
            "Backpack",
            "Blender",
            "Speaker",
        ]
    )
    return f"{fake.color_name()} {noun} {dice.choice(('Pro', 'Mini', 'XL', '2', 'Eco'))}"


KINDS: tuple[Kind, ...] = (
    Kind(
        "pii.email",
        _names(
            "email user_email EmailAddress e_mail contact.email mail_address cust_eml correo courriel adres_email E-Mail-Adresse",
            "EMAIL1 primaryEmail usr_mail email_addr profile.emailAddress buyer_e_mail correo_electronico sahkoposti epost Mailadresse email_cim posta",
        ),
        lambda fake, _: fake.email(),
    ),
    Kind(
        "pii.phone",
        _names(
            "phone phone_number mobile_no tel telefon Telefonnummer numero_telefono telephone contactPhone cell_phone fax work_phone",
            "mobilePhone PHONE_NBR tlf puhelin home_tel user.phone.number handynr celular telefone_contato mobil_telefonszam telefonni_cislo phone2",
        ),
        lambda fake, _: fake.phone_number(),
    ),
    Kind(
        "pii.phone",
        _names("msisdn phone_e164 caller_phone", "subscriber_msisdn tel_intl smsPhone"),
        lambda fake, _: fake.msisdn() if not hasattr(fake, "e164") else fake.e164(),
        repeat=1,
    ),
    Kind(
        "pii.card",
        _names(
            "card_number ccNumber credit_card cc_num numero_tarjeta kreditkarte payment.card.number",
            "CARDNO pan cardNum creditcard_nr num_carte kartennr billing.cc numero_carta",
        ),
        lambda fake, _: fake.credit_card_number(),
    ),
    Kind(
        "pii.iban",
        _names(
            "iban account_iban bank_account kontonummer payout.iban",
            "IBAN_NO customerIban acct_no konto rachunek bankAccountNumber beneficiary_account",
        ),
        lambda fake, dice: _spaced(fake.iban(), dice),
    ),
    Kind(
        "pii.ip",
        _names(
            "ip ip_address client_ip remoteAddr login.ip src_ip",
            "IPADDR last_ip visitor_address hostIp session.ip_addr peer adresse_ip",
        ),
        lambda fake, dice: fake.ipv6() if dice.random() < 0.2 else fake.ipv4(),
        repeat=1,
    ),
    Kind(
        "pii.national_id",
        _names(
            "ssn national_id nin tax_id personal_number social_security_number id_number",
            "NATL_ID citizenId person.nationalIdentifier gov_id socialSecNo identity_no fiscal_code",
        ),
        _national,
    ),
    Kind(
        "pii.name",
        _names(
            "name full_name customer_name customer.name employeeName patient_name nombre_completo nom kontakt_name ansprechpartner",
            "FULLNAME contact_person client_nm passenger.fullName cardholder nome_cliente jmeno_prijmeni member_name assigned_to nazev_osoby holder",
        ),
        _full_name,
    ),
    Kind(
        "pii.name",
        _names(
            "first_name firstName given_name vorname prenom nombre fname imie",
            "FIRST_NM forename givenNames fornavn etunimi primeiro_nome keresztnev prenume jmeno user.first",
        ),
        lambda fake, _: fake.first_name(),
    ),
    Kind(
        "pii.name",
        _names(
            "last_name lastName surname nachname nom_de_famille apellido lname nazwisko",
            "LAST_NM familyName efternavn sukunimi sobrenome vezeteknev prijmeni user.last apellidos",
        ),
        lambda fake, _: fake.last_name(),
    ),
    Kind(
        "pii.address",
        _names(
            "address street_address shipping_address adresse direccion indirizzo billing.address anschrift endereco adres",
            "ADDR_FULL homeAddress mailing_addr delivery.address osoite morada domicilio adresa lakcim residence_address postal_address",
        ),
        lambda fake, _: fake.address(),
    ),
    Kind(
        "pii.address",
        _names(
            "street street_line_1 address1 strasse rue calle via ulica",
            "ADDR_LN1 streetName_no gate utca adr_line ship_street katuosoite rua",
        ),
        lambda fake, _: fake.street_address(),
        repeat=1,
    ),
    Kind(
        "pii.birthdate",
        _names(
            "birth_date dob date_of_birth geburtsdatum date_naissance fecha_nacimiento person.birthDate",
            "BIRTH_DT dateOfBirth birthday fodselsdato syntymaaika data_nascimento szuletesi_datum datum_narozeni patient.dob geb_dat",
        ),
        _born,
        type="date",
        repeat=1,
    ),
    Kind(
        "pii.birthdate",
        _names("birthdate dob_txt geburtstag data_urodzenia", "BRTH_DT bday data_nasterii nascita naissance_dt"),
        _written_day(_born),
        repeat=1,
    ),
    Kind("pii.email", _names("notes comment body", "remarks message description_text"), _mentioning, repeat=1),
    Kind("pii.email", _names("payload raw_json details", "attributes doc extra"), _document, repeat=1),
    # What looks like it and is not.
    Kind(None, _names("company company_name employer", "firm organisation supplier_name vendor merchant"), lambda fake, _: fake.company(), repeat=1),
    Kind(None, _names("city city_name ville ort", "town ciudad kommune municipality birth_city"), lambda fake, _: fake.city(), repeat=1),
    Kind(None, _names("country country_name pays", "nation land country_of_origin"), lambda fake, _: fake.country(), repeat=1),
    Kind(None, _names("job_title occupation", "position profession role_name"), lambda fake, _: fake.job(), repeat=1),
    Kind(None, _names("description review text", "summary abstract synopsis"), lambda fake, _: fake.text(150), repeat=1),
    Kind(None, _names("product_name item_name title", "article sku_name display_title name"), _product, repeat=1),
    Kind(None, _names("order_number order_id reference", "invoice_no tracking ticket"), _digits(16), repeat=1),
    Kind(None, _names("customer_id account_id user_id id", "member_no contract_nr holder_id person_id"), _digits(9), repeat=1),
    Kind(None, _names("external_id ref", "legacy_key src_key"), _digits(11), repeat=1),
    Kind(None, _names("ticket serial", "batch lot_number"), _digits(10), repeat=1),
    Kind(None, _names("uuid session_id event_id", "request_id trace correlation_key"), lambda _, dice: str(uuid.UUID(int=dice.getrandbits(128))), repeat=1),
    Kind(None, _names("version app_version firmware build", "release agent_version os_build ver"), _version, repeat=1),
    Kind(None, _names("created_at order_date signup_date updated", "hired_on shipped last_login fecha_alta valid_from"), _event, type="date", repeat=1),
    Kind(None, _names("event_time ts", "logged_at timestamp_utc"), lambda fake, dice: f"{_event(fake, dice)}T{dice.randrange(24):02}:{dice.randrange(60):02}:00Z", repeat=1),
    Kind(None, _names("published founded release_date", "construction_date premiere inauguration"), _written_day(_born), repeat=1),
    Kind(None, _names("email_hash email_sha256 user_hash", "phone_hashed ssn_digest mail_md5"), _hex(64), repeat=1),
    Kind(None, _names("email_verified is_phone_valid has_address", "emailOptIn ssn_provided card_present"), lambda _, dice: dice.random() < 0.5, type="boolean", repeat=1),
    Kind(None, _names("email_status phone_type address_type", "card_brand ip_version name_suffix_type"), lambda _, dice: dice.choice(("active", "pending", "home", "work", "none")), repeat=1),
    Kind(None, _names("email_count phone_attempts", "address_changes nb_emails card_uses"), lambda _, dice: dice.randrange(40), type="int", repeat=1),
    Kind(None, _names("amount price total", "revenue balance fare"), lambda _, dice: round(dice.random() * 9000, 2), type="double", repeat=1),
    Kind(None, _names("zip_code_area quantity", "units stock_level"), lambda _, dice: dice.randrange(10**5), type="int", repeat=1),
    Kind(None, _names("ean isbn barcode", "gtin upc isbn13"), lambda fake, _: fake.ean13(), repeat=1),
    Kind(None, _names("url website link", "homepage href avatar_url"), lambda fake, _: fake.url(), repeat=1),
    Kind(None, _names("file_name path", "attachment object_key"), lambda fake, _: fake.file_path(depth=3), repeat=1),
    Kind(None, _names("icon asset", "sprite image_file"), lambda _, dice: f"icon-{dice.randrange(999)}@2x.png", repeat=1),
    Kind(None, _names("message_id mid", "in_reply_to references_id"), lambda _, dice: f"<{dice.randrange(10**13, 10**14)}.{dice.randrange(10**5)}@mx{dice.randrange(9)}.example.com>", repeat=1),
    Kind(None, _names("license_plate plate", "registration kfz_kennzeichen"), _code("??-## ???"), repeat=1),
    Kind(None, _names("flight gate", "seat route_code"), _code("??###"), repeat=1),
    Kind(None, _names("epoch_ms created_ms", "event_epoch ts_millis"), lambda _, dice: dice.randrange(1_500_000_000_000, 1_750_000_000_000), type="long", repeat=1),
    Kind(None, _names("user_agent ua", "browser client_agent"), lambda fake, _: fake.user_agent(), repeat=1),
    Kind(None, _names("color colour", "farbe kleur"), lambda fake, _: fake.color_name(), repeat=1),
    Kind(None, _names("currency lang", "locale iso_code"), lambda fake, _: fake.currency_code(), repeat=1),
    Kind(None, _names("settings config", "options_json spec"), _plain_document, repeat=1),
    Kind(None, _names("measurement score", "temperature weight_kg"), lambda _, dice: round(dice.gauss(50, 20), 4), type="double", repeat=1),
    Kind(None, _names("part_number sku", "model_no catalogue_code"), _code("##-####-###"), repeat=1),
)  # fmt: skip


def _spaced(iban: str, dice: random.Random) -> str:
    if dice.random() < 0.3:
        return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    return iban
