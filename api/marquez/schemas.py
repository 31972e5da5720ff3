"""The shapes of answers, for the OpenAPI document only (Marquez's openapi.yml is the source)."""

# ruff: noqa: N815 - the members bear Marquez's names

from typing import Any

from rest_framework import serializers


class NamespaceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    ownerName = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    isHidden = serializers.BooleanField()


class NamespaceListSerializer(serializers.Serializer[Any]):
    namespaces = NamespaceSerializer(many=True)


class MarquezSourceSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    name = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    connectionUrl = serializers.CharField(help_text="without credentials")
    description = serializers.CharField(allow_null=True)


class SourceListSerializer(serializers.Serializer[Any]):
    sources = MarquezSourceSerializer(many=True)


class NameSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    name = serializers.CharField()


class VersionNameSerializer(NameSerializer):
    version = serializers.UUIDField()


class MarquezFieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField(allow_null=True)


class MarquezDatasetSerializer(serializers.Serializer[Any]):
    """What needs `view_metadata` (fields, tags, description, facets, version) is empty without it."""

    id = NameSerializer()
    type = serializers.ChoiceField(choices=["DB_TABLE", "STREAM"])
    name = serializers.CharField()
    physicalName = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    namespace = serializers.CharField()
    sourceName = serializers.CharField()
    fields = MarquezFieldSerializer(many=True)  # type: ignore[assignment]
    tags = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField(allow_null=True)
    lastModifiedAt = serializers.DateTimeField(allow_null=True)
    lastLifecycleState = serializers.CharField(allow_null=True)
    facets = serializers.DictField()
    currentVersion = serializers.UUIDField(allow_null=True)
    deleted = serializers.BooleanField()


class MarquezDatasetListSerializer(serializers.Serializer[Any]):
    datasets = MarquezDatasetSerializer(many=True)
    totalCount = serializers.IntegerField()


class UsedVersionSerializer(serializers.Serializer[Any]):
    datasetVersionId = VersionNameSerializer()
    facets = serializers.DictField()


class MarquezRunSerializer(serializers.Serializer[Any]):
    """`facets` and `args` are empty where the run used a dataset that the caller may not view."""

    id = serializers.UUIDField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    nominalStartTime = serializers.DateTimeField(allow_null=True)
    nominalEndTime = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=["NEW", "RUNNING", "COMPLETED", "FAILED", "ABORTED"])
    startedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)
    durationMs = serializers.IntegerField(allow_null=True)
    args = serializers.DictField()
    facets = serializers.DictField()
    context = serializers.DictField(required=False)  # type: ignore[assignment]
    jobVersion = VersionNameSerializer(allow_null=True, required=False)
    inputDatasetVersions = UsedVersionSerializer(many=True, required=False)
    outputDatasetVersions = UsedVersionSerializer(many=True, required=False)


class MarquezRunListSerializer(serializers.Serializer[Any]):
    runs = MarquezRunSerializer(many=True)
    totalCount = serializers.IntegerField()


class MarquezDatasetVersionSerializer(serializers.Serializer[Any]):
    id = VersionNameSerializer()
    type = serializers.ChoiceField(choices=["DB_TABLE", "STREAM"])
    name = serializers.CharField()
    physicalName = serializers.CharField()
    createdAt = serializers.DateTimeField()
    version = serializers.UUIDField()
    namespace = serializers.CharField()
    sourceName = serializers.CharField()
    fields = MarquezFieldSerializer(many=True)  # type: ignore[assignment]
    tags = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    lifecycleState = serializers.CharField(allow_null=True)
    createdByRun = MarquezRunSerializer(allow_null=True)
    facets = serializers.DictField()


class MarquezDatasetVersionListSerializer(serializers.Serializer[Any]):
    versions = MarquezDatasetVersionSerializer(many=True)
    totalCount = serializers.IntegerField()


class MarquezJobSerializer(serializers.Serializer[Any]):
    """`facets`, `context` and `location` are empty where the job uses a dataset that the caller may not view."""

    id = NameSerializer()
    type = serializers.ChoiceField(choices=["BATCH", "STREAM", "SERVICE"])
    name = serializers.CharField()
    simpleName = serializers.CharField()
    parentJobName = serializers.CharField(allow_null=True)
    parentJobUuid = serializers.UUIDField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    namespace = serializers.CharField()
    inputs = NameSerializer(many=True)
    outputs = NameSerializer(many=True)
    location = serializers.CharField(allow_null=True)
    context = serializers.DictField()  # type: ignore[assignment]
    description = serializers.CharField(allow_null=True)
    latestRun = MarquezRunSerializer(allow_null=True)
    latestRuns = MarquezRunSerializer(many=True)
    facets = serializers.DictField()
    currentVersion = serializers.UUIDField(allow_null=True)


class MarquezJobListSerializer(serializers.Serializer[Any]):
    jobs = MarquezJobSerializer(many=True)
    totalCount = serializers.IntegerField()


class MarquezJobVersionSerializer(serializers.Serializer[Any]):
    id = VersionNameSerializer()
    type = serializers.ChoiceField(choices=["BATCH", "STREAM", "SERVICE"])
    name = serializers.CharField()
    version = serializers.UUIDField()
    createdAt = serializers.DateTimeField()
    namespace = serializers.CharField()
    inputs = NameSerializer(many=True)
    outputs = NameSerializer(many=True)
    location = serializers.CharField(allow_null=True)
    context = serializers.DictField()  # type: ignore[assignment]
    facets = serializers.DictField()
    latestRun = MarquezRunSerializer(allow_null=True)


class MarquezJobVersionListSerializer(serializers.Serializer[Any]):
    versions = MarquezJobVersionSerializer(many=True)
    totalCount = serializers.IntegerField()


class FacetsResultSerializer(serializers.Serializer[Any]):
    runId = serializers.UUIDField()
    facets = serializers.DictField()


class MarquezTagSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)


class MarquezTagListSerializer(serializers.Serializer[Any]):
    tags = MarquezTagSerializer(many=True)


class LineageEventListSerializer(serializers.Serializer[Any]):
    events = serializers.ListField(child=serializers.DictField())
    totalCount = serializers.IntegerField()


class IntervalSerializer(serializers.Serializer[Any]):
    startInterval = serializers.DateTimeField()
    endInterval = serializers.DateTimeField()


class CountSerializer(IntervalSerializer):
    count = serializers.IntegerField()


class EventCountSerializer(IntervalSerializer):
    start = serializers.IntegerField()
    complete = serializers.IntegerField()
    fail = serializers.IntegerField()  # type: ignore[assignment]
    abort = serializers.IntegerField()


class UpstreamRunsSerializer(serializers.Serializer[Any]):
    runs = serializers.ListField(child=serializers.DictField())
    cut = serializers.BooleanField()


class SearchResultSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=["DATASET", "JOB"])
    name = serializers.CharField()
    updatedAt = serializers.DateTimeField()
    namespace = serializers.CharField()
    nodeId = serializers.CharField()
