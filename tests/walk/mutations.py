"""Filters that are taken away one at a time: the walk must notice each. By their names in `filters.py`."""

import os

# The piece that `make test-mutations` runs, as `1/1` or `2/8`; empty in every other run of the tests.
PIECE = os.environ.get("LAKEWARDEN_MUTATIONS", "")
# In every run of the tests these alone, by what notices.
ALWAYS = (
    "api.openlineage.fields._walk_fields: allow_fields(sights.described)",
    "api.v1.jobs._job_detail: hides_nothing(job, described=sight.described)",
    "api.v1.domains.DomainListView.get: sight.domains",
    "governance.vocabulary.visible_terms: visible_domains(principal, facts=facts)",
    "governance.vocabulary.visible_products: visible_domains(principal, facts=facts)",
    "governance.bulk.export_sight: visible_datasets(principal, facts=facts)",
    "governance.effective.look.view_in: visible_in(session, principal, Action.DISCOVER, now=now)",
    "processing.queries.visible_pipelines: governance.visible_datasets(principal, action=Action.VIEW_METADATA, facts=facts)",
    "serving.queries.visible_versions: governance.visible_datasets(governance.principal_of(user), action=Action.VIEW_METADATA)",
    "storage.queries._managed: visible_datasets(principal_of(user), action=Action.MANAGE)",
    "web.access.visible_datasets: queries.visible_datasets(viewer.principal, action=action, facts=viewer.facts)",
)
ALWAYS_IN_ADMIN = (
    "web.admin.base.KernelAdmin.get_queryset: visible_datasets(request, self.needed)",
)
ALWAYS_IN_CHANGES = (
    "api.v1.tags.DatasetTagView.put: Sight(request).dataset",
    "storage.services.tiering.create_tier_policy: require(principal_of(user), Action.MANAGE, dataset)",
)
# Those of which the walk does not notice that they are gone, by the reason.
UNNOTICED: dict[str, tuple[str, ...]] = {
    # Of the sixteen questions that are tried without it, none is answered otherwise.
    "another filter behind it lets nothing more through, or the estate has nothing that only it hides": (
        "api.iceberg.access.read_decision: decide_read(caller.principal, table.dataset, facts=caller.facts)",
        "api.iceberg.access.visible_tables: visible_datasets(caller.principal, facts=caller.facts)",
        "api.iceberg.tables.list_tables: visible_tables(caller, levels)",
        "api.marquez.base.MarquezSight.find_dataset: self.visible",
        "api.marquez.base.MarquezSight.named_dataset: self.find_dataset",
        "api.marquez.datasets.DatasetVersionListView.get: sight.find_dataset",
        "api.marquez.events.EventListView.get: sight.sees_everything",
        "api.marquez.events._payload: without_foreign_columns(row.payload)",
        "api.marquez.jobs_shape._latest_run_of_versions: sight.runs",
        "api.marquez.jobs_shape.render_jobs: sight.runs",
        "api.marquez.jobs_shape.render_jobs: sight.visible",
        "api.marquez.namespaces.NamespaceListView.get: sight.jobs",
        "api.marquez.namespaces._in_sight: sight.jobs",
        "api.marquez.namespaces.own_rows: sight.sees_everything",
        "api.marquez.run_lineage._read_inputs: sight.described",
        "api.marquez.runs.JobRunListView.get: sight.runs",
        "api.marquez.runs_shape.render_runs: sight.described",
        "api.marquez.sources.SourceListView.get: visible_sources(sight)",
        "api.marquez.sources.SourceView.get: visible_sources(sight)",
        "api.marquez.sources.visible_sources: sight.described",
        "api.marquez.sources.visible_sources: sight.sees_everything",
        "api.marquez.stats.EventStatsView.get: MarquezSight(request).events",
        "api.openlineage.impact._jobs: job_owners(ids, described=sights.described)",
        "api.openlineage.impact._jobs: sights.described",
        "api.openlineage.sights.Sights.traced: traceable_datasets(self.principal, facts=facts)",
        "api.openlineage.tables.find_tables: sights.traced",
        "api.openlineage.ways.answer_ways: sights.traced",
        "api.openlineage.ways.answer_ways: sights.visible",
        "api.v1.datasets._shown: sight.runs",
        "api.v1.datasets._shown: sight.visible",
        "api.v1.glossary._detail: _visible(sight)",
        "api.v1.grants.GrantsView.get: grants_held(principal)",
        "api.v1.jobs.JobListView.get: sight.runs",
        "api.v1.jobs.JobRunListView.get: sight.runs",
        "api.v1.jobs.RunView.get: run_hides_nothing(run, described=sight.described)",
        "api.v1.jobs.RunView.get: sight.described",
        "api.v1.jobs.RunView.get: sight.visible",
        "api.v1.jobs._job_detail: sight.runs",
        "api.v1.jobs._job_detail: sight.visible",
        "api.v1.sight.Sight.dataset: get_visible_dataset(self.principal, uuid, facts=self.facts)",
        "governance.queries.decide_read: decide_on(asking, Action.READ, dataset, facts=facts)",
        "governance.queries.grants_held: visible_datasets(principal, facts=facts)",
        "processing.queries.visible_pipelines: governance.administered_domains(principal, facts=facts)",
        "query.services._decide: decide_read(principal, dataset)",
        "storage.queries._reads_everything: decide_read(principal, dataset)",
        "web.access.decide: queries.decide_on(viewer.principal, action, dataset, facts=viewer.facts)",
        "web.access.visible_runs: runs.visible_runs(viewer_of(request).principal, visible=visible)",
        "web.access.visible_runs: visible_datasets(request)",
        "web.views.dataset.dataset_page: visible_runs(request)",
        "web.views.home.home: visible_datasets(request, Action.READ)",
        "web.views.home.home: visible_datasets(request, Action.VIEW_METADATA)",
        "web.views.requests.mark_visible: visible_datasets(request)",
    ),
    # Something more is told, but of what is there in both estates: what may be known, not what may be done with it.
    "an administrator is told more of what the viewer knows of, and the same without the hidden": (
        "api.marquez.datasets._described: sight.require",
        "api.v1.glossary._detail: sight.described",
        "api.v1.storage.FileList.get_queryset: queries.visible_files(_user(self.request), _dataset(self.request, self.kwargs['uuid']))",
        "api.v1.tags._tag_data: is_administrator(sight.principal)",
        "api.v1.tags._tag_data: sight.described",
        "governance.services.policies.require_author: may_write_policy(by, policy)",
        "storage.queries.visible_files: decide_on(principal, Action.MANAGE, dataset)",
    ),
}
