"""TensorFlow Serving's gRPC services, PredictionService and ModelService, with health checks and reflection."""

import functools
import traceback

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from starlette.concurrency import run_in_threadpool
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2,
    predict_pb2,
    prediction_service_pb2,
    regression_pb2,
)

from . import codec, protos
from .codec import CLASSIFY, REGRESS
from .errors import RequestError

# Bytes above which messages are parsed and written in a thread, so that other requests are not blocked.
LARGE = 64 * 2**10
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def add_servicers(server, service):
    """Add all services to a grpc.aio server.

    Args:
        server: grpc.aio.Server.
        service: `Service` that answers.

    Returns:
        The health.aio.HealthServicer.
    """
    files = (prediction_service_pb2.DESCRIPTOR, model_service_pb2.DESCRIPTOR)
    services = [each for file in files for each in file.services_by_name.values()]
    for each, methods in zip(services, (PREDICTION_METHODS, MODEL_METHODS), strict=True):
        handlers = {
            # Bytes to bytes: the messages are parsed here, because gRPC does it on the event loop.
            name: grpc.unary_unary_rpc_method_handler(functools.partial(_respond, service, *method))
            for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(each.full_name, handlers),))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names = [each.full_name for each in services]
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return checks


async def set_serving(checks, names=("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")):
    """Let health checks of the server and of its services succeed."""
    for name in names:
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)


async def _respond(service, request_type, method, handler, data, context):
    """Parse a request, and return the serialized response of `handler`; abort with a status on a `RequestError`."""
    metadata = dict(context.invocation_metadata() or ())
    outcome, error = {"code": 200}, None
    try:
        service.authorize(metadata.get("authorization"))
        request = await _call(_parse, len(data), request_type, data)
        spec = getattr(request, "model_spec", None)
        with service.track_request(spec.name if spec else "", method, "grpc") as outcome:
            try:
                response = await handler(service, request)
                outcome["code"] = 200
                return await _call(type(response).SerializeToString, response.ByteSize(), response)
            except RequestError as refused:
                outcome["code"] = refused.code
                raise
    except RequestError as refused:
        error = refused
    except Exception:
        # The text of an unexpected error is for the log.
        traceback.print_exc()
        error = RequestError("internal server error; see the server's log", 500)
    await context.abort(CODES.get(error.code, grpc.StatusCode.INTERNAL), str(error))


def _parse(request_type, data):
    try:
        return request_type.FromString(data)
    except DecodeError as error:
        raise RequestError(f"not a {request_type.DESCRIPTOR.full_name} ({error})") from None


async def _call(function, size, *arguments):
    return await run_in_threadpool(function, *arguments) if size > LARGE else function(*arguments)


def _version_of(spec):
    """Return the version number and the label of a ModelSpec; either may be None."""
    number = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    return number, label


def _model_spec(version, name, signature):
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version.number
    return spec


async def _predict(service, request):
    model = service.find(request.model_spec.name)
    version = model.find(*_version_of(request.model_spec))
    name = request.model_spec.signature_name or "serving_default"
    with version.in_use():
        signature, size = version.signature(name), request.ByteSize()
        tensors = await _call(protos.read_tensors, size, request.inputs, signature, service.limits)
        outputs = await service.run(version, name, tensors)
    response = predict_pb2.PredictResponse(model_spec=_model_spec(version, model.name, name))
    size = sum(array.nbytes for array in outputs.values())
    await _call(protos.write_tensors, size, outputs, request.output_filter, response.outputs)
    return response


async def _run_on_examples(service, request, method_name):
    model = service.find(request.model_spec.name)
    version = model.find(*_version_of(request.model_spec))
    name = request.model_spec.signature_name or "serving_default"
    with version.in_use():
        signature = version.signature(name)
        codec.check_method(signature, method_name)
        examples = await _call(protos.read_examples, request.ByteSize(), request.input, service.limits)
        outputs = await service.run(version, name, {next(iter(signature.inputs)): examples})
    return _model_spec(version, model.name, name), outputs


async def _classify(service, request):
    spec, outputs = await _run_on_examples(service, request, CLASSIFY)
    response = classification_pb2.ClassificationResponse(model_spec=spec)
    for row in codec.write_classifications(outputs)["results"]:
        classification = response.result.classifications.add()
        for label, score in row:
            classification.classes.add(label=label, score=score)
    return response


async def _regress(service, request):
    spec, outputs = await _run_on_examples(service, request, REGRESS)
    response = regression_pb2.RegressionResponse(model_spec=spec)
    for value in codec.write_regressions(outputs)["results"]:
        response.result.regressions.add(value=value)
    return response


async def _metadata(service, request):
    if set(request.metadata_field) != {"signature_def"}:
        raise RequestError(f"metadata_field is {list(request.metadata_field)}; expected ['signature_def']")
    model = service.find(request.model_spec.name)
    version = model.find(*_version_of(request.model_spec))
    signature_map = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in version.signatures.items():
        signature_map.signature_def[name].CopyFrom(signature.definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_model_spec(version, model.name, ""))
    response.metadata["signature_def"].Pack(signature_map)
    return response


async def _multi_inference(service, request):
    raise RequestError("MultiInference is not implemented; send a Classify and a Regress request", 501)


async def _status(service, request):
    model = service.find(request.model_spec.name)
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in model.states(*_version_of(request.model_spec)):
        version = response.model_version_status.add(version=number, state=state)
        version.status.error_code, version.status.error_message = (2 if error else 0), error
    return response


async def _reload(service, request):
    """Move the labels of models, the only part of a configuration that can change while serving."""
    configs = request.config.model_config_list.config
    if not configs:
        raise RequestError("the request has no model_config_list", 501)
    for config in configs:
        if config.HasField("model_version_policy") or config.base_path not in (
            "",
            str(service.find(config.name).folder),
        ):
            raise RequestError(
                f"model {config.name!r}: only version_labels can change while serving; folder and versions follow the "
                "command line",
                501,
            )
    for config in configs:
        service.find(config.name).set_labels(dict(config.version_labels))
    return model_management_pb2.ReloadConfigResponse()


PREDICTION_METHODS = {
    "Predict": (predict_pb2.PredictRequest, "predict", _predict),
    "Classify": (classification_pb2.ClassificationRequest, "classify", _classify),
    "Regress": (regression_pb2.RegressionRequest, "regress", _regress),
    "GetModelMetadata": (get_model_metadata_pb2.GetModelMetadataRequest, "metadata", _metadata),
    "MultiInference": (inference_pb2.MultiInferenceRequest, "multi_inference", _multi_inference),
}
MODEL_METHODS = {
    "GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, "status", _status),
    "HandleReloadConfigRequest": (model_management_pb2.ReloadConfigRequest, "reload", _reload),
}
