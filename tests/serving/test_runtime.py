"""Sessions are loaded once, forgotten by age, and refuse what does not fit the signature."""

import threading

import numpy as np
import pytest

from serving.artifacts import check_artifact
from serving.errors import InferenceError, InvalidTensorError
from serving.runtime import SessionCache, check_inputs, run_session
from tests.factories.serving import identity_model, linear_model


def test_a_session_is_loaded_once_whoever_asks():
    loads, cache = [], SessionCache()

    def load() -> bytes:
        loads.append(1)
        return linear_model()

    threads = [threading.Thread(target=cache.get, args=("a", load)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_the_session_used_longest_ago_goes_first():
    artifact = linear_model()
    cache = SessionCache(limit=2 * len(artifact))
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda: artifact)
    assert [key in cache for key in ("a", "b", "c")] == [True, False, True]


def test_a_model_larger_than_the_limit_is_kept_alone():
    cache = SessionCache(limit=1)
    cache.get("a", linear_model)
    assert "a" in cache


def test_a_failed_load_can_be_tried_again():
    cache = SessionCache()
    with pytest.raises(OSError, match="gone"):
        cache.get("a", _raise)
    assert cache.get("a", linear_model) is cache.get("a", _raise)


def _raise() -> bytes:
    raise OSError("gone")


def test_the_model_computes_what_numpy_computes():
    session = SessionCache().get("a", lambda: linear_model((2.0, -1.0), 0.5))
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    (y,) = run_session(session, ["y"], {"x": x})
    assert y.tolist() == (x @ np.array([[2.0], [-1.0]], np.float32) + 0.5).tolist()


def test_texts_come_back_as_objects():
    session = SessionCache().get("a", identity_model)
    (y,) = run_session(session, ["y"], {"x": np.array(["ä", ""], object)})
    assert (y.dtype.kind, y.tolist()) == ("O", ["ä", ""])


def test_a_model_that_fails_says_no_more_than_that():
    session = SessionCache().get("a", linear_model)
    with pytest.raises(InferenceError, match=r"^the model failed on this input$"):
        run_session(session, ["y"], {"x": np.zeros((1, 3), np.float32)})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input `x` is missing"),
        ({"z": np.zeros((1, 2), np.float32)}, "no input `z`"),
        ({"x": np.zeros((1, 2), np.float64)}, "must have the datatype FP32"),
        ({"x": np.zeros((1, 3), np.float32)}, r"must have the shape \[-1, 2\], not \[1, 3\]"),
        ({"x": np.zeros(2, np.float32)}, r"must have the shape \[-1, 2\], not \[2\]"),
    ],
)
def test_inputs_that_do_not_fit_are_named(inputs, message):
    with pytest.raises(InvalidTensorError, match=message):
        check_inputs(check_artifact(linear_model()).inputs, inputs)
