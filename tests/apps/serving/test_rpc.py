"""gRPC: what TensorFlow Serving's own client stubs get."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


def request(text=("call 0906 to win", "hello"), name="spam_detector", **spec):
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = name
    if "version" in spec:
        asked.model_spec.version.value = spec["version"]
    if "label" in spec:
        asked.model_spec.version_label = spec["label"]
    asked.model_spec.signature_name = spec.get("signature", "")
    asked.inputs["text"].CopyFrom(tf.make_tensor_proto(list(text)))
    return asked


def test_predict_gives_what_http_gives(channel, server, post):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.Predict(request(), timeout=60)
    rows = post({"instances": ["call 0906 to win", "hello"]}).json()["predictions"]
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["probability"]), [row["probability"] for row in rows])
    assert [text.decode() for text in tf.make_ndarray(answer.outputs["label"])] == [row["label"] for row in rows]
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("spam_detector", 1)
    filtered = request(version=1, signature="serving_default")
    filtered.output_filter.append("label")
    assert set(stub.Predict(filtered, timeout=60).outputs) == {"label"}


@pytest.mark.parametrize(
    "wrong, code",
    [
        ({"name": "nonesuch"}, "NOT_FOUND"),
        ({"version": 9}, "NOT_FOUND"),
        ({"label": "nonesuch"}, "NOT_FOUND"),
        ({"signature": "nonesuch"}, "INVALID_ARGUMENT"),
        ({"text": [1.0]}, "INVALID_ARGUMENT"),
        ({"text": [["a"]]}, "INVALID_ARGUMENT"),
        ({"text": ["a"] * 2000}, "INVALID_ARGUMENT"),
    ],
)
def test_wrong_requests_are_refused_with_a_status(channel, wrong, code):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request(**wrong), timeout=60)
    assert error.value.code() is grpc.StatusCode[code] and error.value.details()
    assert stub.Predict(request(), timeout=60).outputs


def test_status_and_metadata(channel):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "spam_detector"
    (version,) = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked, timeout=60).model_version_status
    assert (version.version, version.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "spam_detector"
    answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(asked, timeout=60)
    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(found)
    assert set(found.signature_def["serving_default"].inputs) == {"text"}
