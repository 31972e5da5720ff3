"""Models: train on the feature table, register with lineage, and infer for those who may."""

from typing import Any

from demo.client import wait_until
from demo.progress import bar, say
from demo.steps.people import MODELS_DOMAIN
from demo.world import ANALYST, OUTSIDER, SCIENTIST, World

NAME = "flight_delay"
FEATURES = ["month", "hour", "distance", "temp", "wind_speed", "precip", "visib", "seats"]
TRAIN_SECONDS = 240
# An evening flight in July through wind, and one on a clear October morning.
CASES: list[list[float]] = [[7, 20, 1400, 78, 22, 0.1, 6, 150], [10, 6, 1400, 60, 4, 0, 10, 150]]


def run(world: World) -> None:
    """Train, then ask as one who may, as one who may only know of it, and as one who may not even that."""
    world.let_engineers_read(world.dataset("features.flight_delays")["uuid"])
    trained = world.people[SCIENTIST].post(
        "/api/v1/models/training-runs",
        {
            "model_name": NAME,
            "domain": MODELS_DOMAIN,
            "dataset": "features.flight_delays",
            "features": FEATURES,
            "label": "late",
            "algorithm": "gradient_boosting_classifier",
            "parameters": {"n_estimators": 40, "max_depth": 4},
            "max_rows": 60_000,
            "seed": 7,
        },
    )
    with bar("train", None):
        run_ = wait_until(
            lambda: _finished(world, trained["uuid"]), seconds=TRAIN_SECONDS, what="the training"
        )
    if run_["state"] != "succeeded":
        raise SystemExit(f"the training failed: {run_['error']}")
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in run_["metrics"].items())
    world.figures["model metrics"] = metrics
    say(f"{NAME} version {run_['version']}: {metrics}")
    _infer(world)
    _lineage(world)


def _finished(world: World, uuid: str) -> dict[str, Any] | None:
    run_: dict[str, Any] = world.people[SCIENTIST].get(f"/api/v1/models/training-runs/{uuid}")
    return run_ if run_["state"] in {"succeeded", "failed", "cancelled"} else None


def _infer(world: World) -> None:
    body = {
        "inputs": [
            {
                "name": name,
                "shape": [len(CASES), 1],
                "datatype": "FP32",
                "data": [case[index] for case in CASES],
            }
            for index, name in enumerate(FEATURES)
        ]
    }
    path = f"/v2/models/{NAME}/infer"
    statuses = {
        name: world.people[name].call("POST", path, json=body).status_code
        for name in (ANALYST, OUTSIDER)
    }
    world.claim("inference without a grant is refused", expected=403, found=statuses[ANALYST])
    world.claim("to the outsider the model is not there", expected=404, found=statuses[OUTSIDER])
    answer = world.people[SCIENTIST].call("POST", path, json=body)
    world.claim("inference by its owner is answered", expected=200, found=answer.status_code)
    outputs = {
        each["name"]: [round(value, 3) for value in each["data"]]
        for each in answer.json()["outputs"]
    }
    world.figures["inference for two flights"] = outputs
    say(f"inference: {outputs}")


def _lineage(world: World) -> None:
    model = world.admin.items("/api/v1/models", name=NAME)[0]
    detail = world.admin.get(f"/api/v1/catalog/datasets/{model['dataset']}")
    graph = world.admin.get("/api/v1/lineage", nodeId=detail["node_id"], depth=20)["graph"]
    ids = {node["id"] for node in graph}
    world.claim(
        "lineage of the model reaches the raw flights",
        expected=True,
        found="dataset:lakewarden:raw.flights" in ids,
    )
