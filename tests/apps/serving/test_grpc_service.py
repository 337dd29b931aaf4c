"""The gRPC services, called through TensorFlow Serving's client stubs."""

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


def predict_request(text=("call 0906 to win", "hello"), name="spam_detector", **spec):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    request.model_spec.signature_name = spec.get("signature", "")
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(list(text)))
    return request


def test_predict_equals_http(channel, server, post):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    response = stub.Predict(predict_request(), timeout=60)
    rows = post({"instances": ["call 0906 to win", "hello"]}).json()["predictions"]
    np.testing.assert_allclose(tf.make_ndarray(response.outputs["probability"]), [row["probability"] for row in rows])
    assert [text.decode() for text in tf.make_ndarray(response.outputs["label"])] == [row["label"] for row in rows]
    assert (response.model_spec.name, response.model_spec.version.value) == ("spam_detector", 1)
    filtered = predict_request(version=1, signature="serving_default")
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
def test_wrong_request_gets_a_status(channel, wrong, code):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(predict_request(**wrong), timeout=60)
    assert error.value.code() is grpc.StatusCode[code] and error.value.details()
    assert stub.Predict(predict_request(), timeout=60).outputs


def test_status_and_metadata(channel):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "spam_detector"
    response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=60)
    (version,) = response.model_version_status
    assert (version.version, version.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "spam_detector"
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request, timeout=60)
    signature_map = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signature_map)
    assert set(signature_map.signature_def["serving_default"].inputs) == {"text"}
