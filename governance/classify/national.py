"""Numbers that a state gives to a person, by the checks that `python-stdnum` keeps, and by their written form."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share
from governance.classify.words import word_list

LABEL = "pii.national_id"
_COUNTED = 80
# The formats whose check a random number of the same length passes once in ten times, or less often.
_CHECKED = word_list(
    """
    ar.cuit at.vnr au.tfn be.nn bg.egn br.cpf ca.sin ch.ssn cl.rut cn.ric cz.rc de.idnr do.cedula ec.ci ee.ik es.dni
    es.nie fi.hetu fr.nir gb.nhs gr.amka hr.oib ie.pps il.idnr in_.aadhaar is_.kennitala it.codicefiscale kr.rrn
    mx.curp mx.rfc nl.bsn no.fodselsnummer pl.pesel pt.cc pt.nif ro.cnp se.personnummer si.emso th.pin tr.tckimlik
    us.itin za.idnr jp.in_ id.nik
    """
)
_CHANCE = 0.1
# As many formats are tried on the same numbers: the best of several by chance is no evidence.
_TRIED = 2.0
# Formats without a check that are written as nothing else is.
_WRITTEN: Mapping[str, re.Pattern[str]] = {
    "us.ssn": re.compile(r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"),
    "gb.nino": re.compile(r"[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-DT]"),
    "br.cpf": re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    "in.pan": re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]"),
    "kr.rrn": re.compile(r"\d{6}-[1-4]\d{6}"),
    "se.personnummer": re.compile(r"(?:19|20)?\d{2}[01]\d[0-3]\d[-+]\d{4}"),
    "dk.cpr": re.compile(r"[0-3]\d[01]\d{3}-\d{4}"),
    "pk.cnic": re.compile(r"[1-7]\d{4}-\d{7}-\d"),
    "ca.sin": re.compile(r"\d{3}[ -]\d{3}[ -]\d{3}"),
    "cz.rc": re.compile(r"\d{2}[0-8]\d[0-3]\d/\d{3,4}"),
    "es.dni": re.compile(r"\d{8}-?[A-HJ-NP-TV-Z]"),
    "ru.snils": re.compile(r"\d{3}-\d{3}-\d{3} \d{2}"),
}
_WRITTEN_CHANCE = 0.05
_WRITTEN_CAPS: Mapping[str, float] = {"ca.sin": 2.0, "in.pan": 6.0, "gb.nino": 6.0}
_ID = re.compile(r"(?=.*\d)[\w .\-/]{5,22}")
_SEPARATORS = re.compile(r"[ .\-/+]")
_LENGTHS = range(8, 19)


def find(column: Column) -> list[Finding]:
    """Values that pass one country's check, or have a country's written form."""
    values = column.values[:_COUNTED]
    total = len(values)
    best = max([_by_check(values), _by_form(values)], key=lambda finding: finding.weight)
    if best.weight > 0:
        return [best]
    able = sum(bool(_ID.fullmatch(each)) for each in values)
    weight = 0.0 if able * 10 >= total * 8 else -4.0
    return [Finding(LABEL, weight, f"{percent(able, total)} could be the number of a document")]


def _by_check(values: tuple[str, ...]) -> Finding:
    able = [
        each
        for each in values
        if len(_SEPARATORS.sub("", each)) in _LENGTHS and sum(map(str.isdigit, each)) > 3
    ]
    counts = (
        {name: sum(_passes(name, each) for each in able) for name in _CHECKED} if able else {"": 0}
    )
    name = max(counts, key=lambda each: counts[each])
    weight = min(weigh_share(counts[name], len(values), chance=_CHANCE, cap=20) - _TRIED, 5.8)
    return Finding(
        LABEL, weight, f"{percent(counts[name], len(values))} pass the check of `{name}`"
    )


def _by_form(values: tuple[str, ...]) -> Finding:
    counts = {
        name: sum(bool(form.fullmatch(each)) for each in values) for name, form in _WRITTEN.items()
    }
    name = max(counts, key=lambda each: counts[each])
    cap = _WRITTEN_CAPS.get(name, 5.0)
    weight = weigh_share(counts[name], len(values), chance=_WRITTEN_CHANCE, cap=cap)
    return Finding(
        LABEL, weight, f"{percent(counts[name], len(values))} are written as `{name}` is"
    )


@lru_cache(maxsize=65_536)
def _passes(name: str, text: str) -> bool:
    try:
        return _check(name)(text)
    except (LookupError, ValueError):  # a few checks look up what the number itself names
        return False


@lru_cache(maxsize=len(_CHECKED))
def _check(name: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return check
