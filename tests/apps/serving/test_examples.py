"""Classify and Regress over both protocols."""

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc, regression_pb2

from tests.conftest import serving

EXAMPLES = [{"x": 1.0}, {"x": [3.0]}]


class Model(tf.Module):
    """Classifies examples with a float x as low or high, and doubles x."""

    def parse(self, inputs):
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs):
        x = self.parse(inputs)
        scores = tf.stack([4 - x, x], axis=-1) / 4
        return {"classes": tf.tile([["low", "high"]], [tf.size(x), 1]), "scores": scores}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs):
        return {"outputs": 2 * self.parse(inputs)}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples") / "examples"
    model = Model()
    tf.saved_model.save(model, str(folder / "3"), {"classify": model.classify, "regress": model.regress})
    # TensorFlow 2 writes only signatures for Predict.
    file = folder / "3" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for name in ("classify", "regress"):
        saved.meta_graphs[0].signature_def[name].method_name = f"tensorflow/serving/{name}"
    file.write_bytes(saved.SerializeToString())
    with serving(folder) as running:
        yield running


def test_classify_and_regress_over_http(running):
    url = f"{running.http}/v1/models/examples"
    body = {"signature_name": "classify", "examples": EXAMPLES}
    response = requests.post(f"{url}:classify", json=body, timeout=60).json()
    assert response == {"results": [[["low", 0.75], ["high", 0.25]], [["low", 0.25], ["high", 0.75]]]}
    body = {"signature_name": "regress", "context": {"x": 5.0}, "examples": [*EXAMPLES, {}]}
    assert requests.post(f"{url}:regress", json=body, timeout=60).json() == {"results": [2, 6, 10]}
    for wrong in ({"examples": EXAMPLES}, {**body, "signature_name": "classify"}, {**body, "examples": [{"x": "a"}]}):
        response = requests.post(f"{url}:regress", json=wrong, timeout=60)
        assert response.status_code == 400 and set(response.json()) == {"error"}


def test_classify_and_regress_over_grpc(running):
    with grpc.insecure_channel(running.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name, request.model_spec.signature_name = "examples", "classify"
        for x in (1.0, 3.0):
            request.input.example_list.examples.add().features.feature["x"].float_list.value.append(x)
        rows = stub.Classify(request, timeout=60).result.classifications
        assert [[(each.label, each.score) for each in row.classes] for row in rows] == [
            [("low", 0.75), ("high", 0.25)],
            [("low", 0.25), ("high", 0.75)],
        ]
        request = regression_pb2.RegressionRequest()
        request.model_spec.name, request.model_spec.signature_name = "examples", "regress"
        inputs = request.input.example_list_with_context
        inputs.context.features.feature["x"].float_list.value.append(5.0)
        inputs.examples.add()
        inputs.examples.add().features.feature["x"].float_list.value.append(3.0)
        values = [each.value for each in stub.Regress(request, timeout=60).result.regressions]
        np.testing.assert_allclose(values, [10, 6])
        del inputs.examples[:]
        with pytest.raises(grpc.RpcError) as error:
            stub.Regress(request, timeout=60)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
