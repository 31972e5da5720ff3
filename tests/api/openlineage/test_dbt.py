"""A real dbt project, run by `dbt-ol` against a real server.

dbt wants other versions of our libraries than we do, so it lives in an environment of its own:

    python3 -m venv ~/dbt && ~/dbt/bin/pip install 'dbt-core<1.12' 'dbt-duckdb<1.11' openlineage-dbt==1.54.0
    LAKEWARDEN_TEST_DBT=~/dbt/bin/dbt-ol make test
"""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from catalog.models import Dataset, Job, Run
from tests.catalog.world import open_edges, open_field_edges
from tests.factories.identity import make_service, make_token, make_user

DBT = os.environ.get("LAKEWARDEN_TEST_DBT", "")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not DBT, reason="LAKEWARDEN_TEST_DBT does not lead to a `dbt-ol`"),
]

FILES = {
    "seeds/raw_orders.csv": "id,customer,amount\n1,ann,10\n2,bob,20\n",
    "models/orders.sql": "select id, customer, amount * 2 as doubled from {{ ref('raw_orders') }}",
    "models/totals.sql": "select customer, sum(doubled) as total from {{ ref('orders') }} group by 1",
    "models/schema.yml": yaml.safe_dump(
        {
            "models": [
                {
                    "name": "orders",
                    "description": "Orders, doubled",
                    "columns": [{"name": "id", "data_tests": ["unique", "not_null"]}],
                }
            ]
        }
    ),
    "snapshots/kept.sql": "{% snapshot kept %}{{ config(target_schema='main', unique_key='id', strategy='check',"
    " check_cols=['doubled']) }} select * from {{ ref('orders') }} {% endsnapshot %}",
    "dbt_project.yml": yaml.safe_dump(
        {
            "name": "shop",
            "version": "1.0",
            "profile": "shop",
            "models": {"shop": {"+materialized": "table"}},
        }
    ),
    "profiles.yml": yaml.safe_dump(
        {"shop": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "shop.duckdb"}}}}
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def build(project: Path, *, url: str, token: str) -> None:
    environ = {
        "PATH": f"{Path(DBT).parent}:{os.environ['PATH']}",
        "HOME": str(project),
        "OPENLINEAGE_URL": url,
        "OPENLINEAGE_API_KEY": token,
        "OPENLINEAGE_NAMESPACE": "shop",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    subprocess.run(
        [DBT, "build", "--project-dir", ".", "--profiles-dir", "."],
        cwd=project,
        env=environ,
        check=True,
        capture_output=True,
        timeout=240,
    )


def test_a_project_with_models_tests_seed_and_snapshot(live_server, client, project) -> None:
    build(project, url=live_server.url, token=make_token(make_service()))
    step = "job:shop:shop.main.shop"
    table = "dataset:duckdb://shop.duckdb:shop.main"
    assert open_edges() == [
        (f"{table}.orders", f"{step}.kept.build.snapshot"),
        (f"{table}.orders", f"{step}.orders.build.test"),
        (f"{table}.orders", f"{step}.totals.build.run"),
        (f"{step}.kept.build.snapshot", f"{table}.kept"),
        (f"{step}.orders.build.run", f"{table}.orders"),
        (f"{step}.totals.build.run", f"{table}.totals"),
    ]
    assert [edge[:2] for edge in open_field_edges()] == [
        ("shop.main.orders.customer", "shop.main.totals.customer"),
        ("shop.main.orders.doubled", "shop.main.totals.total"),
        # Out of the snapshot's SQL: of `orders`, dbt tells the one column that its description names.
        ("shop.main.orders.id", "shop.main.kept.id"),
        ("shop.main.raw_orders.amount", "shop.main.orders.doubled"),
        ("shop.main.raw_orders.customer", "shop.main.orders.customer"),
        ("shop.main.raw_orders.id", "shop.main.orders.id"),
    ]
    assert {run.state for run in Run.objects.all()} == {"COMPLETED"}
    whole = Run.objects.get(job__name="dbt-run-shop")
    assert Run.objects.filter(parent=whole).count() == Job.objects.count() - 1 == 4
    orders = Dataset.objects.get(name="shop.main.orders")
    assert orders.description == "Orders, doubled"
    assert list(orders.fields.present().values_list("name", flat=True)) == ["id"]
    root = make_user(is_superuser=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    found = client.get(f"/api/v1/lineage?nodeId={table}.totals&direction=upstream&depth=5").json()
    assert sorted(node["id"] for node in found["graph"]) == [
        f"{table}.orders",
        f"{table}.totals",
        f"{step}.orders.build.run",
        f"{step}.totals.build.run",
    ]
