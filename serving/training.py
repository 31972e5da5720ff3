"""Training of a declared model: columns in, an ONNX artifact and its metrics out. No Django, no I/O."""

import math
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa

from core.errors import InvalidInputError
from serving.errors import TrainingError

Algorithm: TypeAlias = Literal[
    "linear_regression",
    "logistic_regression",
    "random_forest_classifier",
    "random_forest_regressor",
    "gradient_boosting_classifier",
    "gradient_boosting_regressor",
]
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)
LINEAR = frozenset({"linear_regression", "logistic_regression"})
Array = np.ndarray[Any, Any]

MAX_FEATURES = 200
MAX_ROWS = 2_000_000
MIN_ROWS = 20
MAX_CLASSES = 100
MAX_CATEGORIES = 200
# scikit-learn computes in 64 bits, the exported model in 32: near a tree's threshold the two may part.
MIN_AGREEMENT = 0.99
OPSET = {"": 21, "ai.onnx.ml": 3}
# What a specification may set, and the range (inclusive).
PARAMETERS: dict[str, tuple[float, float]] = {
    "n_estimators": (1, 500),
    "max_depth": (1, 32),
    "learning_rate": (0.001, 1.0),
    "max_iter": (1, 2000),
}


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """What is learned from what. `features` and `label` are columns of the dataset.

    The rows are shuffled by `seed`, and `test_fraction` of them is kept back for the metrics.
    """

    namespace: str
    dataset: str
    features: tuple[str, ...]
    label: str
    algorithm: str
    parameters: dict[str, float] = field(default_factory=dict)
    test_fraction: float = 0.2
    seed: int = 0
    max_rows: int = 200_000
    purpose: str | None = None

    def __post_init__(self) -> None:
        _require(
            self.algorithm in ALGORITHMS, "algorithm", f"must be one of {', '.join(ALGORITHMS)}"
        )
        _require(
            0 < len(self.features) <= MAX_FEATURES, "features", f"needs 1 to {MAX_FEATURES} columns"
        )
        _require(len(set(self.features)) == len(self.features), "features", "names a column twice")
        _require(self.label not in self.features, "label", "must not be among the features")
        _require(0.05 <= self.test_fraction <= 0.5, "test_fraction", "must be from 0.05 to 0.5")  # noqa: PLR2004
        _require(0 <= self.seed < 1 << 31, "seed", "must be from 0 to 2147483647")
        _require(MIN_ROWS <= self.max_rows <= MAX_ROWS, "max_rows", f"must be at most {MAX_ROWS}")
        for name, value in self.parameters.items():
            low, high = PARAMETERS.get(name, (0.0, -1.0))
            _require(low <= value <= high, f"parameters.{name}", "is unknown or out of its range")

    @property
    def is_classifier(self) -> bool:
        return self.algorithm == "logistic_regression" or self.algorithm.endswith("classifier")

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "features": list(self.features)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TrainingSpec":
        """The specification that `as_json` wrote; InvalidInputError for one that breaks a rule."""
        return cls(**{**data, "features": tuple(data["features"])})


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """`metrics` are of the rows kept back; `agreement` is how often ONNX and scikit-learn answer alike."""

    artifact: bytes
    metrics: dict[str, float]


def _require(holds: bool, name: str, must: str) -> None:  # noqa: FBT001
    if not holds:
        raise InvalidInputError(f"`{name}` {must}", pointer="/" + name.replace(".", "/"))


def train(spec: TrainingSpec, table: pa.Table) -> TrainedModel:
    """Fit, evaluate on the rows kept back, export to ONNX, and hold the export to the original.

    Equal `spec` and `table` give equal metrics. TrainingError if the data cannot give a model.
    """
    from sklearn.model_selection import train_test_split

    table = table.filter(table.column(spec.label).is_valid())
    if table.num_rows < MIN_ROWS:
        raise TrainingError(
            f"training needs at least {MIN_ROWS} rows with a label, not {table.num_rows}"
        )
    columns = {name: _feature(table.column(name), name) for name in spec.features}
    label = _label(table.column(spec.label), spec)
    train_rows, test_rows = train_test_split(
        np.arange(len(label)),
        test_size=spec.test_fraction,
        random_state=spec.seed,
        stratify=label if spec.is_classifier else None,
    )
    model = _estimator(spec, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence and unseen categories show in the metrics
        model.fit(_frame(columns, train_rows), label[train_rows])
        guess = model.predict(_frame(columns, test_rows))
    metrics = _metrics(spec, model, columns, label, train_rows=train_rows, test_rows=test_rows)
    artifact = _export(spec, model, columns)
    metrics["agreement"] = _agreement(spec, artifact, columns, test_rows, guess)
    return TrainedModel(artifact=artifact, metrics=metrics)


def _feature(column: pa.ChunkedArray, name: str) -> Array:
    """A column as float32 with NaN for NULL, or as texts with '' for NULL."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts: Array = column.fill_null("").to_numpy().astype(object)
        if len(set(texts)) > MAX_CATEGORIES:
            raise TrainingError(f"feature `{name}` has more than {MAX_CATEGORIES} different texts")
        return texts
    return _numbers(column, f"feature `{name}`").astype(np.float32)


def _numbers(column: pa.ChunkedArray, what: str) -> Array:
    """A column of numbers or booleans as float64 with NaN for NULL."""
    kind = column.type
    known = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    if not any(is_kind(kind) for is_kind in known):
        raise TrainingError(f"{what} is a {kind}: expected numbers or booleans")
    values: Array = column.cast(pa.float64()).to_numpy()
    return values


def _label(column: pa.ChunkedArray, spec: TrainingSpec) -> Array:
    if not spec.is_classifier:
        numbers = _numbers(column, f"label `{spec.label}`")
        if not np.isfinite(numbers).all():
            raise TrainingError(f"label `{spec.label}` holds values that are not finite")
        return numbers
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    values: Array = column.to_numpy()
    values = values.astype(np.int64) if values.dtype.kind in "iu" else values.astype(str)
    classes, counts = np.unique(values, return_counts=True)
    if not 2 <= len(classes) <= MAX_CLASSES or counts.min() < 2:  # noqa: PLR2004
        raise TrainingError(
            f"label `{spec.label}` needs 2 to {MAX_CLASSES} classes with 2 rows each, not {len(classes)}"
        )
    return values


def _frame(columns: dict[str, Array], rows: Array) -> Array:
    """Rows x features, as objects: numbers stay numbers, texts stay texts."""
    frame = np.empty((len(rows), len(columns)), dtype=object)
    for index, values in enumerate(columns.values()):
        frame[:, index] = values[rows]
    return frame


def _estimator(spec: TrainingSpec, columns: dict[str, Array]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    kinds = [values.dtype.kind for values in columns.values()]
    numbers = [index for index, kind in enumerate(kinds) if kind == "f"]
    texts = [index for index, kind in enumerate(kinds) if kind == "O"]
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median"))]
    if spec.algorithm in LINEAR:
        # Trees need no scaling, and 32 bits would move scaled values across their thresholds.
        steps.append(("scale", StandardScaler()))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts: list[tuple[str, Any, list[int]]] = []
    if numbers:
        parts.append(("numbers", Pipeline(steps), numbers))
    if texts:
        parts.append(("texts", encoder, texts))
    return Pipeline([("prepare", ColumnTransformer(parts)), ("model", _algorithm(spec))])


def _algorithm(spec: TrainingSpec) -> Any:
    from sklearn import ensemble, linear_model

    makers: dict[str, tuple[Any, tuple[str, ...]]] = {
        "linear_regression": (linear_model.LinearRegression, ()),
        "logistic_regression": (linear_model.LogisticRegression, ("max_iter",)),
        "random_forest_classifier": (
            ensemble.RandomForestClassifier,
            ("n_estimators", "max_depth"),
        ),
        "random_forest_regressor": (ensemble.RandomForestRegressor, ("n_estimators", "max_depth")),
        "gradient_boosting_classifier": (
            ensemble.GradientBoostingClassifier,
            ("n_estimators", "max_depth", "learning_rate"),
        ),
        "gradient_boosting_regressor": (
            ensemble.GradientBoostingRegressor,
            ("n_estimators", "max_depth", "learning_rate"),
        ),
    }
    maker, known = makers[spec.algorithm]
    for name in spec.parameters:
        _require(name in known, f"parameters.{name}", f"is not a parameter of {spec.algorithm}")
    values = {
        name: value if name == "learning_rate" else int(value)
        for name, value in spec.parameters.items()
    }
    if spec.algorithm != "linear_regression":
        values["random_state"] = spec.seed
    if spec.algorithm.startswith("random_forest"):
        values.setdefault("n_estimators", 50)
        values.setdefault("max_depth", 10)
    return maker(**values)


def _metrics(
    spec: TrainingSpec,
    model: Any,
    columns: dict[str, Array],
    label: Array,
    *,
    train_rows: Array,
    test_rows: Array,
) -> dict[str, float]:
    """Beside each score stands the score of always guessing the most frequent class, or the mean."""
    frame, truth = _frame(columns, test_rows), label[test_rows]
    guess = model.predict(frame)
    rows = {"rows_train": float(len(train_rows)), "rows_test": float(len(test_rows))}
    if spec.is_classifier:
        return rows | _class_scores(model, frame, truth, guess, known=label[train_rows])
    error = guess - truth
    spread = truth - truth.mean()
    baseline = label[train_rows].mean() - truth
    return rows | {
        "mean_absolute_error": float(np.abs(error).mean()),
        "root_mean_squared_error": math.sqrt(float((error**2).mean())),
        "r2": 1 - float((error**2).sum() / ((spread**2).sum() or 1.0)),
        "baseline_mean_absolute_error": float(np.abs(baseline).mean()),
    }


def _class_scores(
    model: Any, frame: Array, truth: Array, guess: Array, *, known: Array
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    classes, counts = np.unique(known, return_counts=True)
    scores = {
        "accuracy": float((guess == truth).mean()),
        "baseline_accuracy": float((truth == classes[counts.argmax()]).mean()),
    }
    if len(classes) == len(np.unique(truth)) == 2:  # noqa: PLR2004
        positive = model.predict_proba(frame)[:, 1]
        scores["roc_auc"] = float(roc_auc_score(truth == classes[1], positive))
    return scores


def _export(spec: TrainingSpec, model: Any, columns: dict[str, Array]) -> bytes:
    """One input a feature, named as the column: `[rows, 1]`, FP32 for numbers, BYTES for texts."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [
        (
            name,
            FloatTensorType([None, 1]) if values.dtype.kind == "f" else StringTensorType([None, 1]),
        )
        for name, values in columns.items()
    ]
    options = {id(model): {"zipmap": False}} if spec.is_classifier else {}
    finals = None if spec.is_classifier else [("prediction", FloatTensorType([None, 1]))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A fixed name: equal models are equal bytes, and so the same version.
        exported = convert_sklearn(
            model,
            name="model",
            initial_types=types,
            options=options,
            final_types=finals,
            target_opset=OPSET,
        )
    return bytes(exported.SerializeToString())


def _agreement(
    spec: TrainingSpec, artifact: bytes, columns: dict[str, Array], rows: Array, guess: Array
) -> float:
    """The share of the rows kept back on which the exported model answers as the trained one."""
    import onnxruntime

    from serving.runtime import session_options

    session = onnxruntime.InferenceSession(
        artifact, session_options(), providers=["CPUExecutionProvider"]
    )
    feed = {name: values[rows].reshape(-1, 1) for name, values in columns.items()}
    answer = np.asarray(session.run(None, feed)[0]).reshape(-1)
    if spec.is_classifier:
        alike = answer.astype(guess.dtype) == guess
    else:
        alike = np.isclose(answer, guess, rtol=1e-3, atol=1e-3 * (np.abs(guess).mean() or 1.0))
    share = float(alike.mean())
    if share < MIN_AGREEMENT:
        raise TrainingError(
            f"the exported model agrees with the trained one on {share:.1%} of rows only"
        )
    return share
