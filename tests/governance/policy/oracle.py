"""A slow and obvious second opinion on the kernel: plain dicts, plain loops, written from the documentation alone.

It shares no code with `governance/policy/`. Row filters are a fixed set whose meaning is written out by hand.
"""

from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ACTIONS = ["trace", "discover", "view_metadata", "read", "write", "manage", "approve", "administer"]


def implied(action):
    """What an action brings along, itself included."""
    return {
        "trace": ["trace"],
        "discover": ["discover"],
        "view_metadata": ["view_metadata", "discover"],
        "read": ["read", "view_metadata", "discover"],
        "write": ["write", "view_metadata", "discover"],
        "manage": ["manage", "view_metadata", "discover"],
        "approve": ["approve", "view_metadata", "discover"],
        "administer": ["administer", "manage", "approve", "view_metadata", "discover"],
    }[action]


def equal(left, right):
    return None if left is None else left == right


def more(left, right):
    return None if left is None else left > right


def three_or(values):
    values = list(values)
    if True in values:
        return True
    return None if None in values else False


def three_and(values):
    values = list(values)
    if False in values:
        return False
    return None if None in values else True


def three_not(value):
    return None if value is None else not value


def attribute(principal, name):
    return principal["attributes"].get(name)


# For each filter: which (fields, principal) it fits, and its value in a row.
FILTERS = {
    "region = 'EU'": (
        lambda fields, who: fields.get("region") == "string",
        lambda row, who: equal(row["region"], "EU"),
    ),
    "age > 18": (
        lambda fields, who: fields.get("age") in ("int", "decimal(9, 2)"),
        lambda row, who: more(row["age"], 18),
    ),
    "NOT (age > 18 OR region = 'US')": (
        lambda fields, who: (
            fields.get("age") in ("int", "decimal(9, 2)") and fields.get("region") == "string"
        ),
        lambda row, who: three_not(three_or([more(row["age"], 18), equal(row["region"], "US")])),
    ),
    "region = principal.region": (
        lambda fields, who: (
            isinstance(attribute(who, "region"), str) and fields.get("region") == "string"
        ),
        lambda row, who: equal(row["region"], attribute(who, "region")),
    ),
    "region IN (principal.regions)": (
        lambda fields, who: (
            attribute(who, "regions") is not None
            and (
                fields.get("region") == "string"
                or (attribute(who, "regions") == [] and fields.get("region") is not None)
            )
        ),
        lambda row, who: (
            False
            if attribute(who, "regions") == []
            else None
            if row["region"] is None
            else row["region"] in attribute(who, "regions")
        ),
    ),
    "age > principal.level": (
        lambda fields, who: (
            (
                attribute(who, "level") == "30"
                and fields.get("age") in ("int", "decimal(9, 2)", "string")
            )
            or (attribute(who, "level") == "high" and fields.get("age") == "string")
        ),
        lambda row, who: more(
            row["age"],
            type(row["age"])(attribute(who, "level")) if row["age"] is not None else None,
        ),
    ),
    "mail IS NOT NULL": (
        lambda fields, who: "mail" in fields,
        lambda row, who: row["mail"] is not None,
    ),
    "region = (SELECT 1)": (lambda fields, who: False, None),
    "nothing here ((": (lambda fields, who: False, None),
}


def domain_chain(world, domain):
    chain = []
    while domain is not None:
        chain.append(domain)
        domain = world["domains"][domain]["parent"]
    return chain


def holds(principal, subject):
    kind, key = subject
    return key == principal["id"] if kind == "user" else key in principal["groups"]


def subject_fits(principal, wanted, purposes=()):
    if wanted["users"] or wanted["groups"]:
        by_name = principal["username"] in wanted["users"]
        by_group = any(f"group-{g}" in wanted["groups"] for g in principal["groups"])
        if not by_name and not by_group:
            return False
    for name, values in wanted["attributes"].items():
        mine = principal["attributes"].get(name)
        mine = mine if isinstance(mine, list) else [] if mine is None else [mine]
        if not any(value in mine for value in values):
            return False
    return not purposes or principal["purpose"] in purposes


def tag_fits(pattern, tag):
    if pattern.endswith(".*"):
        return tag.startswith(pattern[:-1])
    return pattern == tag


def policy_applies(  # noqa: C901, PLR0911  # every condition spelled out, one after the other
    world, policy, principal, dataset
):
    scope = policy["scope"]
    paths = [world["domains"][each]["path"] for each in domain_chain(world, dataset["domain"])]
    if scope.get("domain") and not any(path in scope["domain"] for path in paths):
        return False
    if scope.get("tags") and not any(
        tag_fits(p, t) for p in scope["tags"] for t in dataset["tags"]
    ):
        return False
    if scope.get("kind") and dataset["kind"] not in scope["kind"]:
        return False
    if scope.get("name") and not any(
        dataset["name"].startswith(pattern[:-1]) for pattern in scope["name"]
    ):
        return False
    field_tags = [tag for each in dataset["fields"] for tag in each["tags"]]
    if scope.get("field_tags") and not any(
        tag_fits(p, t) for p in scope["field_tags"] for t in field_tags
    ):
        return False
    if policy["valid_from"] is not None and policy["valid_from"] > NOW:
        return False
    if policy["valid_until"] is not None and not policy["valid_until"] > NOW:
        return False
    if not subject_fits(principal, policy["subjects"]):
        return False
    spared = policy["exempt"]
    if spared is not None and subject_fits(principal, spared, spared["purpose"]):
        return False
    if policy["purpose"]:
        if principal["purpose"] is None:
            return policy["effect"][0] != "allow"
        return principal["purpose"] in policy["purpose"]
    return True


def applying(world, principal, dataset, kind):
    return [
        policy
        for policy in world["policies"]
        if policy["effect"][0] == kind and policy_applies(world, policy, principal, dataset)
    ]


def role_actions(world, principal, dataset):
    administer = implied("administer")
    if principal["is_superuser"]:
        yield from administer
    if any(holds(principal, each) for each in dataset["owners"]):
        yield from [*administer, "read", "write"]
    if any(holds(principal, each) for each in dataset["stewards"]):
        yield from administer
    for domain in domain_chain(world, dataset["domain"]):
        holders = world["domains"][domain]["stewards"] + world["domains"][domain]["owners"]
        if any(holds(principal, each) for each in holders):
            yield from administer


def live_grants(world, principal, dataset):
    chain = domain_chain(world, dataset["domain"])
    for grant in world["grants"]:
        kind, key = grant["target"]
        reaches = key == dataset["id"] if kind == "dataset" else key in chain
        in_time = grant["expires_at"] is None or grant["expires_at"] > NOW
        for_this = grant["purpose"] is None or principal["purpose"] in (None, grant["purpose"])
        if reaches and in_time and for_this and holds(principal, grant["subject"]):
            yield grant


def rectangles(world, principal, dataset):
    """(filter or None, columns or None) of everything that opens cells."""
    fields = {each["name"]: each["type"] for each in dataset["fields"]}
    if any(holds(principal, each) for each in dataset["owners"]):
        yield (None, None)
    for policy in applying(world, principal, dataset, "allow"):
        if "read" in policy["effect"][1]:
            yield (None, None)
    for grant in live_grants(world, principal, dataset):
        if grant["action"] != "read":
            continue
        if grant["columns"] is not None and not any(name in fields for name in grant["columns"]):
            continue
        if grant["filter"] is not None and not FILTERS[grant["filter"]][0](fields, principal):
            continue
        yield (grant["filter"], grant["columns"])


def allowed(  # noqa: PLR0911  # every rule spelled out, one after the other
    world, principal, action, dataset
):
    if not principal["is_active"]:
        return False
    if principal["token"] is not None and not any(
        action in implied(each) for each in principal["token"]
    ):
        return False
    for policy in applying(world, principal, dataset, "deny"):
        if any(each in policy["effect"][1] for each in implied(action)):
            return False
    if action == "read":
        fields = {each["name"]: each["type"] for each in dataset["fields"]}
        for policy in applying(world, principal, dataset, "row_filter"):
            if not FILTERS[policy["effect"][1]][0](fields, principal):
                return False
        return any(True for _ in rectangles(world, principal, dataset))
    if action in role_actions(world, principal, dataset):
        return True
    if any(action in implied(g["action"]) for g in live_grants(world, principal, dataset)):
        return True
    return any(
        action in implied(each)
        for policy in applying(world, principal, dataset, "allow")
        for each in policy["effect"][1]
    )


def masked_fields(world, principal, dataset):
    """Names of the fields that some mask policy covers."""
    return {
        field["name"]
        for policy in applying(world, principal, dataset, "column_mask")
        for field in dataset["fields"]
        if any(tag_fits(p, t) for p in policy["scope"]["field_tags"] for t in field["tags"])
    }


def visible_cells(world, principal, dataset, rows):
    """The rows that come out, each a dict: None in hidden and masked cells, absent where the column is."""
    opened = list(rectangles(world, principal, dataset))
    narrowing = [p["effect"][1] for p in applying(world, principal, dataset, "row_filter")]
    masked = masked_fields(world, principal, dataset)
    names = [
        each["name"]
        for each in dataset["fields"]
        if any(columns is None or each["name"] in columns for _, columns in opened)
    ]
    result = []
    for row in rows:

        def value(sql, row=row):
            return True if sql is None else FILTERS[sql][1](row, principal)

        if not any(value(sql) is True for sql, _ in opened):
            continue
        if not all(value(sql) is True for sql in narrowing):
            continue
        result.append(
            {
                name: row[name]
                if name not in masked
                and any(
                    value(sql) is True and (columns is None or name in columns)
                    for sql, columns in opened
                )
                else None
                for name in names
            }
        )
    return result
