"""TensorFlow Serving's gRPC services: PredictionService and ModelService."""

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from . import codec
from .errors import RequestError
from .models import CLASSIFY, REGRESS

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def add_servicers(server, service):
    """Add both services to a grpc.aio server.

    Args:
        server: grpc.aio.Server.
        service: `Service` that answers.
    """
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionServicer(service), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelServicer(service), server)


class _Servicer:
    def __init__(self, service):
        self.service = service

    async def _respond(self, request, context, method, handler):
        """Return the handler's response for the requested model; abort with a status on a `RequestError`."""
        with self.service.track_request(request.model_spec.name, method, "grpc") as outcome:
            try:
                metadata = dict(context.invocation_metadata() or ())
                self.service.authorize(metadata.get("authorization"))
                response = await handler(self.service.find(request.model_spec.name))
                outcome["code"] = 200
                return response
            except RequestError as error:
                outcome["code"] = error.code
                await context.abort(CODES.get(error.code, grpc.StatusCode.INTERNAL), str(error))


def _version_of(spec):
    """Return the version number and the label of a ModelSpec; either may be None."""
    number = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    return number, label


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer, _Servicer):
    """Predict, Classify, Regress and GetModelMetadata; MultiInference is UNIMPLEMENTED."""

    async def Predict(self, request, context):
        async def handler(model):
            version = model.find(*_version_of(request.model_spec))
            name = request.model_spec.signature_name or "serving_default"
            with version.in_use():
                tensors = _read_tensors(request.inputs, version.signature(name), self.service.limits.max_instances)
                outputs = await self.service.run(version, name, tensors)
            response = predict_pb2.PredictResponse(model_spec=_model_spec(version, model.name, name))
            for key, array in _filter(outputs, request.output_filter).items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(array))
            return response

        return await self._respond(request, context, "predict", handler)

    async def Classify(self, request, context):
        async def handler(model):
            version, name, outputs = await self._run_on_examples(model, request, CLASSIFY)
            response = classification_pb2.ClassificationResponse(model_spec=_model_spec(version, model.name, name))
            for row in codec.write_classifications(outputs)["results"]:
                classification = response.result.classifications.add()
                for label, score in row:
                    classification.classes.add(label=label, score=score)
            return response

        return await self._respond(request, context, "classify", handler)

    async def Regress(self, request, context):
        async def handler(model):
            version, name, outputs = await self._run_on_examples(model, request, REGRESS)
            response = regression_pb2.RegressionResponse(model_spec=_model_spec(version, model.name, name))
            for value in codec.write_regressions(outputs)["results"]:
                response.result.regressions.add(value=value)
            return response

        return await self._respond(request, context, "regress", handler)

    async def _run_on_examples(self, model, request, method_name):
        version = model.find(*_version_of(request.model_spec))
        name = request.model_spec.signature_name or "serving_default"
        with version.in_use():
            signature = version.signature(name)
            codec.check_method(signature, method_name)
            examples = _read_examples(request.input, self.service.limits.max_instances)
            return version, name, await self.service.run(version, name, {next(iter(signature.inputs)): examples})

    async def GetModelMetadata(self, request, context):
        async def handler(model):
            if list(request.metadata_field) != ["signature_def"]:
                raise RequestError(f"metadata_field is {list(request.metadata_field)}; expected ['signature_def']")
            version = model.find(*_version_of(request.model_spec))
            signature_map = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in version.signatures.items():
                signature_map.signature_def[name].CopyFrom(signature.definition)
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_model_spec(version, model.name, ""))
            response.metadata["signature_def"].Pack(signature_map)
            return response

        return await self._respond(request, context, "metadata", handler)


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer, _Servicer):
    """GetModelStatus; HandleReloadConfigRequest is UNIMPLEMENTED, as versions follow the folders."""

    async def GetModelStatus(self, request, context):
        async def handler(model):
            response = get_model_status_pb2.GetModelStatusResponse()
            for number, state, error in model.states(*_version_of(request.model_spec)):
                version = response.model_version_status.add(version=number, state=state)
                version.status.error_code, version.status.error_message = (2 if error else 0), error
            return response

        return await self._respond(request, context, "status", handler)


def _model_spec(version, name, signature):
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version.number
    return spec


def _read_tensors(inputs, signature, max_rows):
    codec.check_names("inputs", inputs, signature.inputs)
    tensors = {}
    for name, spec in signature.inputs.items():
        try:
            array = tf.make_ndarray(inputs[name])
        except (ValueError, TypeError, KeyError) as error:
            raise RequestError(f"input {name!r} is not a valid TensorProto ({error})") from None
        if tf.as_dtype(inputs[name].dtype) != spec.dtype or not spec.shape.is_compatible_with(array.shape):
            raise RequestError(
                f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}; received "
                f"{tf.as_dtype(inputs[name].dtype).name} of shape {array.shape}"
            )
        codec.check_num_rows(name, array, max_rows)
        tensors[name] = array
    return tensors


def _filter(outputs, names):
    if unknown := set(names) - outputs.keys():
        raise RequestError(f"output_filter names {sorted(unknown)}; available: {sorted(outputs)}")
    return {name: outputs[name] for name in names} if names else outputs


def _read_examples(examples_input, max_rows):
    if examples_input.WhichOneof("kind") == "example_list_with_context":
        shared = examples_input.example_list_with_context
        merged = []
        for example in shared.examples:
            combined = type(example)()
            combined.CopyFrom(shared.context)
            for name, feature in example.features.feature.items():
                combined.features.feature[name].CopyFrom(feature)
            merged.append(combined)
        examples = merged
    else:
        examples = examples_input.example_list.examples
    if not 1 <= len(examples) <= max_rows:
        raise RequestError(f"{len(examples)} examples; expected from 1 to {max_rows}")
    return codec.object_array([example.SerializeToString() for example in examples])
