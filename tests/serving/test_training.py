"""Training is deterministic, refuses what gives no model, and its export answers as the model did."""

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest

from core.errors import InvalidInputError
from serving.errors import TrainingError
from serving.training import ALGORITHMS, TrainingSpec, train

ROWS = 600


def make_table(rows: int = ROWS) -> pa.Table:
    random = np.random.default_rng(7)
    delay = random.normal(size=rows)
    origin = random.choice(["EWR", "JFK", "LGA"], rows)
    hour = random.integers(0, 24, rows)
    arrival = delay + 0.3 * (origin == "JFK") + 0.05 * hour + random.normal(size=rows) * 0.1
    return pa.table(
        {
            "delay": pa.array(
                [None if index % 50 == 0 else each for index, each in enumerate(delay)]
            ),
            "origin": origin,
            "hour": hour,
            "arrival": arrival,
            "late": arrival > 0.6,
        }
    )


def make_spec(algorithm: str = "logistic_regression", **changes) -> TrainingSpec:
    label = "late" if algorithm.endswith("classifier") or "logistic" in algorithm else "arrival"
    values = {
        "namespace": "lakewarden",
        "dataset": "mart.features",
        "features": ("delay", "origin", "hour"),
        "label": label,
        "algorithm": algorithm,
    }
    return TrainingSpec(**{**values, **changes})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_export_answers_as_the_model_and_beats_the_baseline(algorithm):
    trained = train(make_spec(algorithm), make_table())
    scores = trained.metrics
    assert scores["agreement"] >= 0.99
    assert (scores["rows_train"], scores["rows_test"]) == (480.0, 120.0)
    if "accuracy" in scores:
        assert scores["accuracy"] > scores["baseline_accuracy"]
    else:
        assert scores["mean_absolute_error"] < scores["baseline_mean_absolute_error"]
    session = onnxruntime.InferenceSession(trained.artifact)
    assert [each.name for each in session.get_inputs()] == ["delay", "origin", "hour"]
    names = [each.name for each in session.get_outputs()]
    assert names == (["label", "probabilities"] if "accuracy" in scores else ["prediction"])


def test_same_seed_and_rows_give_the_same_metrics():
    first, second = (
        train(make_spec("random_forest_classifier", seed=3), make_table()) for _ in range(2)
    )
    assert first.metrics == second.metrics


def test_text_label_is_learned_as_text():
    table = make_table()
    labels = np.where(table.column("late").to_numpy(), "late", "early")
    trained = train(make_spec(), table.set_column(4, "late", pa.array(labels)))
    session = onnxruntime.InferenceSession(trained.artifact)
    feed = {
        "delay": np.array([[5.0], [-5.0]], np.float32),
        "origin": np.array([["JFK"], ["LGA"]], object),
        "hour": np.array([[12], [12]], np.float32),
    }
    assert list(session.run(["label"], feed)[0]) == ["late", "early"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"algorithm": "magic"}, "/algorithm"),
        ({"features": ()}, "/features"),
        ({"features": ("late",)}, "/label"),
        ({"features": ("hour", "hour")}, "/features"),
        ({"test_fraction": 0.9}, "/test_fraction"),
        ({"seed": -1}, "/seed"),
        ({"parameters": {"max_iter": 0}}, "/parameters/max_iter"),
        ({"parameters": {"shell": 1}}, "/parameters/shell"),
    ],
)
def test_wrong_specification_is_refused_with_its_place(changes, pointer):
    with pytest.raises(InvalidInputError) as caught:
        make_spec(**changes)
    assert caught.value.data["pointer"] == pointer


def test_too_few_rows_are_refused():
    with pytest.raises(TrainingError, match="at least 20 rows"):
        train(make_spec(), make_table(19))


def test_one_class_is_refused():
    table = make_table()
    table = table.set_column(4, "late", pa.array([True] * ROWS))
    with pytest.raises(TrainingError, match="2 to 100 classes"):
        train(make_spec(), table)


def test_feature_with_too_many_texts_is_refused():
    table = make_table().set_column(1, "origin", pa.array([f"code{n}" for n in range(ROWS)]))
    with pytest.raises(TrainingError, match="more than 200 different texts"):
        train(make_spec(), table)


def test_feature_of_another_type_is_refused():
    table = make_table().set_column(1, "origin", pa.array([b"x"] * ROWS))
    with pytest.raises(TrainingError, match="expected numbers or booleans"):
        train(make_spec(), table)


def test_a_text_is_no_label_of_a_regression():
    with pytest.raises(TrainingError, match="label `origin` is a string"):
        train(make_spec("linear_regression", label="origin", features=("hour",)), make_table())
