"""Questions about the past over the history of a year: 1 M entries, written by SQL as the triggers write them.

20,000 users in 100 groups, 20,000 datasets of 10 columns in 100 domains, lineage in chains, grants that come and go, 200 policies. Each
question is another dataset at another instant of the year, with its audit record. No peer runs here: no open catalog answers these
questions; the limit is the issue tracker's, below 1 s.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.figures import Figure, figure
from bench.lineage_cpu import backend_seconds, own_database

YEAR_END = datetime.now(UTC) - timedelta(days=1)
YEAR = timedelta(days=365)
GROUPS, DOMAINS, POLICIES, TAGS = 100, 100, 200, 20

# In a database of its own: no triggers and no foreign keys, since the entries are what the triggers would have written.
_LOOSEN = """
DO $$
DECLARE held record;
BEGIN
    FOR held IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint WHERE contype = 'f'
        AND conrelid IN ('catalog_dataset'::regclass, 'catalog_tag'::regclass, 'catalog_fieldtag'::regclass, 'catalog_fieldedge'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', held.relation, held.conname);
    END LOOP;
END $$;
ALTER TABLE catalog_dataset DISABLE TRIGGER USER;
ALTER TABLE catalog_tag DISABLE TRIGGER USER;
ALTER TABLE catalog_fieldtag DISABLE TRIGGER USER;
ALTER TABLE catalog_fieldedge DISABLE TRIGGER USER;
"""

_AT = "(%(start)s::timestamptz + ({0}) * interval '1 second')"


def run(*, quick: bool) -> list[Figure]:
    """A database of its own, filled, then asked."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    scale, asked = (2_000, 20) if quick else (20_000, 60)
    with own_database():
        entries = _fill(scale)
        return [*_ask_all(scale, asked, note=f"{entries:,} entries")]


def _instant(number: str, *, part: float = 1.0, first: float = 0.0) -> str:
    """SQL of an instant of the year, spread by `number`, between `first` and `first + part` of it."""
    seconds = int(YEAR.total_seconds())
    spread = f"{first} * {seconds} + mod(({number})::bigint * 7919, {int(seconds * part)})"
    return _AT.format(spread)


def _entry(table: str, columns: str, values: str, source: str, *, at: str, label: str) -> str:
    return (
        f"INSERT INTO {table} (pgh_created_at, pgh_label, pgh_obj_id, {columns}) "
        f"SELECT {at}, '{label}', {values} FROM {source}"
    )


def _statements(scale: int) -> list[str]:
    n, series = scale, "generate_series(1, {}) i"
    early, late = _instant("i", part=0.5), _instant("i", part=0.4, first=0.55)
    dataset = "catalog_datasetnamespacenamekinddomaindeletedatevent"
    dataset_columns = "namespace, name, kind, domain_id"
    dataset_values = "i, 'warehouse', 'sales.orders_' || i, 'table', 1 + mod(i{0}, 100)"
    field_columns = "uuid, dataset_id, name, type, ordinal, nullable"
    field_values = (
        "i, gen_random_uuid(), 1 + i / 10, 'c' || mod(i, 10){0}, 'string', mod(i, 10), true"
    )
    member = f"i, i, 1 + mod(i, {n}), 1 + mod(i / {n} * 37 + i, 100)"
    edge = "i, i, i + 10, 'DIRECT', {at}, {to}"
    edge_columns = "source_id, target_id, type, valid_from, valid_to"
    user_columns = "username, is_active, is_superuser, attributes, is_service"
    user_values = "i, 'user' || i, {0}, false, '{{\"region\": \"EWR\"}}', false"
    first = _AT.format("0")
    return [
        _entry("identity_userevent", user_columns, user_values.format("true"), series.format(n), at=first, label="insert"),
        _entry("identity_userevent", user_columns, user_values.format("mod(i, 9) > 0"), series.format(n // 2), at=late, label="update"),
        _entry("identity_groupevent", "name", "i, 'group' || i", series.format(GROUPS), at=first, label="insert"),
        _entry("identity_membershipevent", "id, user_id, group_id", member, series.format(5 * n), at=early, label="insert"),
        _entry("identity_membershipevent", "id, user_id, group_id", member, series.format(2 * n), at=late, label="delete"),
        _entry("catalog_domainevent", "id, name, slug, description, parent_id", "i, i, 'D' || i, 'd' || i, '', NULLIF(i / 5, 0)", series.format(DOMAINS), at=first, label="insert"),
        _entry("catalog_domainstewardevent", "id, domain_id, user_id, group_id", "i, i, i, i, NULL", series.format(DOMAINS), at=first, label="insert"),
        _entry("catalog_tagevent", "name", "i, 'pii.t' || i", series.format(TAGS), at=first, label="insert"),
        _entry(dataset, dataset_columns, dataset_values.format(""), series.format(n), at=first, label="insert"),
        _entry(dataset, dataset_columns, dataset_values.format(" + 7"), series.format(n // 2), at=late, label="update"),
        _entry("catalog_datasetownerevent", "id, dataset_id, user_id, group_id", "i, i, i, i, NULL", series.format(n), at=first, label="insert"),
        _entry("catalog_fieldevent", field_columns, field_values.format(""), series.format(10 * n - 1), at=first, label="insert"),
        _entry("catalog_fieldevent", field_columns, field_values.format(" || 'x'"), series.format(8 * n), at=late, label="update"),
        _entry("catalog_fieldtagevent", "id, field_id, tag_id, source, created_at", f"i, i, 3 * i, 1 + mod(i, {TAGS}), 'declared', now()", series.format(2 * n), at=early, label="insert"),
        _entry("catalog_fieldtagevent", "id, field_id, tag_id, source, created_at", f"i, i, 3 * i, 1 + mod(i, {TAGS}), 'declared', now()", series.format(n // 2), at=late, label="delete"),
        _entry("catalog_fieldedgeevent", edge_columns, edge.format(at=early, to="NULL"), f"{series.format(10 * n)} WHERE mod(i / 10, 8) > 0", at=early, label="insert"),
        _entry("catalog_fieldedgeevent", edge_columns, edge.format(at=early, to=late), f"{series.format(3 * n)} WHERE mod(i / 10, 8) > 0", at=late, label="update"),
        *_grants(n, early, late),
        _entry("governance_policyevent", "name", "i, 'policy-' || i", series.format(POLICIES), at=first, label="insert"),
        *_policies(first, late),
        ("INSERT INTO catalog_dataset (id, uuid, namespace, name, kind, structure, media_type, description, properties, declared, facets, facet_stamps, names_epoch, created_at, updated_at, domain_id) "
        f"SELECT i, gen_random_uuid(), 'warehouse', 'sales.orders_' || i, 'table', 'structured', '', '', '{{}}', true, '{{}}', '{{}}', 0, now(), now(), NULL FROM {series.format(n)}"),
        f"INSERT INTO catalog_tag (id, name, description) SELECT i, 'pii.t' || i, '' FROM {series.format(TAGS)}",
        f"INSERT INTO catalog_fieldtag (field_id, tag_id, source, created_at) SELECT 3 * i, 1 + mod(i, {TAGS}), 'declared', now() FROM {series.format(2 * n)}",
        ("INSERT INTO catalog_fieldedge (source_id, target_id, type, subtype, description, masking, origin, valid_from, valid_to) "
        f"SELECT i, i + 10, 'DIRECT', '', '', false, 'declared', {early}, CASE WHEN i <= {3 * n} THEN {late} END FROM {series.format(10 * n)} WHERE mod(i / 10, 8) > 0"),
    ]  # fmt: skip


def _grants(n: int, early: str, late: str) -> list[str]:
    columns = "id, uuid, row_filter, columns, purpose, granted_at, permission_id, content_object_id, {0}_id"
    values = "i, i, md5('{kind}' || i)::uuid, {rows}, NULL, '', {at}, (SELECT id FROM auth_permission WHERE codename = 'read_{on}'), 1 + mod(i, {targets}), 1 + mod(i * 31, {holders})"
    found = []
    for on, holder, count, targets, holders in (
        ("dataset", "user", 3 * n, n, n),
        ("dataset", "group", 2 * n, n, GROUPS),
        ("domain", "user", n // 10, DOMAINS, n),
        ("domain", "group", n // 50, DOMAINS, GROUPS),
    ):
        table = f"governance_{on}{holder}grantevent"
        made = values.format(
            kind=on + holder,
            rows="CASE WHEN mod(i, 3) = 0 THEN 'c1 = ''EWR''' END",
            at=early,
            on=on,
            targets=targets,
            holders=holders,
        )
        series, named = "generate_series(1, {}) i", columns.format(holder)
        found += [
            _entry(table, named, made, series.format(count), at=early, label="insert"),
            _entry(table, named, made, series.format(count // 2), at=late, label="delete"),
        ]
    return found


def _policies(first: str, late: str) -> list[str]:
    document = (
        "jsonb_build_object('name', 'policy-' || i, 'applies_to', jsonb_build_object('field_tags', jsonb_build_array('pii.t' || (1 + mod(i, 20)))), "
        "'effect', jsonb_build_object('column_mask', 'replace-with-null'), 'subjects', jsonb_build_object('groups', jsonb_build_array('group' || (1 + mod(i, 100)))))"
    )
    columns = "id, policy_id, number, status, document, created_at"
    series = f"generate_series(1, {POLICIES}) i"
    return [
        _entry("governance_policyversionevent", columns, f"i, i, i, 1, 'published', {document}, now()", series, at=first, label="insert"),
        _entry("governance_policyversionevent", columns, f"i, i, i, 1, 'retired', {document}, now()", f"{series} WHERE mod(i, 3) = 0", at=late, label="update"),
    ]  # fmt: skip


def _fill(scale: int) -> int:
    """Write the year; returns how many entries it has."""
    from django.db import connection

    written = 0
    with connection.cursor() as cursor:
        cursor.execute(_LOOSEN)
        for statement in _statements(scale):
            cursor.execute(statement, {"start": YEAR_END - YEAR})
            written += cursor.rowcount if "pgh_created_at" in statement else 0
        cursor.execute("ANALYZE")
    return written


def _ask_all(scale: int, asked: int, *, note: str) -> list[Figure]:
    from catalog.models import Dataset
    from governance.policy.types import Action
    from governance.queries import principal_of
    from governance.services.history import Window, ask_changes, ask_could_see, ask_who_could
    from identity.models import User

    by, dice = principal_of(User.objects.get(username="bench")), random.Random(7)  # a world
    uuids = dict(Dataset.objects.values_list("pk", "uuid"))

    def who(dataset: Any, at: datetime) -> Any:
        return ask_who_could(dataset, by=by, at=at)

    def could(dataset: Any, at: datetime) -> Any:
        user = f"user{dice.randint(1, scale)}"
        return ask_could_see(dataset, by=by, username=user, at=at, action=Action.READ)

    def changed(dataset: Any, at: datetime) -> Any:
        return ask_changes(dataset, by=by, window=Window(at - timedelta(days=90), at))

    figures = []
    for name, ask in (
        ("who could read a dataset at T, 50 people", who),
        ("could a user read a dataset at T", could),
        ("what changed in 90 days that bears on a dataset", changed),
    ):
        figures += _measured(name, ask, uuids, dice, asked=asked, note=note)
    return figures


def _measured(
    name: str,
    ask: Callable[[Any, datetime], Any],
    uuids: dict[int, Any],
    dice: random.Random,
    *,
    asked: int,
    note: str,
) -> list[Figure]:
    """CPU of this process and of its database backend together, and the time that the asker waits."""
    cpu, waited = [], []
    keys = sorted(uuids)
    for place in range(asked + 3):
        at = YEAR_END - YEAR * dice.random() * 0.9
        dataset = uuids[dice.choice(keys)]
        before, start = time.process_time() + backend_seconds(), time.perf_counter()
        ask(dataset, at)
        if place >= 3:  # what a process does once
            cpu.append(1000 * (time.process_time() + backend_seconds() - before))
            waited.append(1000 * (time.perf_counter() - start))
    slowest = sorted(waited)[len(waited) * 95 // 100]
    return [
        figure(name, "ms of CPU", cpu, note=note),
        figure(f"{name}, p95 of the waiting", "ms", [slowest], note=note),
    ]
