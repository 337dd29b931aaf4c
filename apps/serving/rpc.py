"""gRPC, through TensorFlow Serving's own definitions: PredictionService and ModelService."""

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


def add_to(server, service):
    """Adds both services to a grpc.aio server."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Prediction(service), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(service), server)


class _Answering:
    def __init__(self, service):
        self.service = service

    async def _counted(self, request, context, method, answer):
        """What `answer` gives; what it refuses as a status."""
        with self.service.counted(request.model_spec.name, method, "grpc") as done:
            try:
                metadata = dict(context.invocation_metadata() or ())
                self.service.admit(metadata.get("authorization"))
                response = await answer(self.service.find(request.model_spec.name))
                done["code"] = 200
                return response
            except RequestError as error:
                done["code"] = error.code
                await context.abort(CODES.get(error.code, grpc.StatusCode.INTERNAL), str(error))


def _asked(model, spec):
    number = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    return number, label


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer, _Answering):
    """Predict, Classify, Regress and GetModelMetadata; MultiInference is UNIMPLEMENTED."""

    async def Predict(self, request, context):
        async def answer(model):
            version = model.find(*_asked(model, request.model_spec))
            name = request.model_spec.signature_name or "serving_default"
            with version.in_use():
                tensors = _tensors(request.inputs, version.signature(name), self.service.limits.max_instances)
                outputs = await self.service.answer(version, name, tensors)
            response = predict_pb2.PredictResponse(model_spec=_spec(version, model.name, name))
            for key, array in _filtered(outputs, request.output_filter).items():
                response.outputs[key].CopyFrom(tf.make_tensor_proto(array))
            return response

        return await self._counted(request, context, "predict", answer)

    async def Classify(self, request, context):
        async def answer(model):
            version, name, outputs = await self._of_examples(model, request, CLASSIFY)
            response = classification_pb2.ClassificationResponse(model_spec=_spec(version, model.name, name))
            for row in codec.write_classes(outputs)["results"]:
                found = response.result.classifications.add()
                for label, score in row:
                    found.classes.add(label=label, score=score)
            return response

        return await self._counted(request, context, "classify", answer)

    async def Regress(self, request, context):
        async def answer(model):
            version, name, outputs = await self._of_examples(model, request, REGRESS)
            response = regression_pb2.RegressionResponse(model_spec=_spec(version, model.name, name))
            for value in codec.write_values(outputs)["results"]:
                response.result.regressions.add(value=value)
            return response

        return await self._counted(request, context, "regress", answer)

    async def _of_examples(self, model, request, kind):
        version = model.find(*_asked(model, request.model_spec))
        name = request.model_spec.signature_name or "serving_default"
        with version.in_use():
            codec.require_kind(version.signature(name), kind)
            tensors = {
                next(iter(version.signature(name).inputs)): _examples(request.input, self.service.limits.max_instances)
            }
            return version, name, await self.service.answer(version, name, tensors)

    async def GetModelMetadata(self, request, context):
        async def answer(model):
            if list(request.metadata_field) != ["signature_def"]:
                raise RequestError(f"metadata_field is {list(request.metadata_field)}; expected ['signature_def']")
            version = model.find(*_asked(model, request.model_spec))
            found = get_model_metadata_pb2.SignatureDefMap()
            for name, signature in version.signatures.items():
                found.signature_def[name].CopyFrom(signature.definition)
            response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_spec(version, model.name, ""))
            response.metadata["signature_def"].Pack(found)
            return response

        return await self._counted(request, context, "metadata", answer)


class Models(model_service_pb2_grpc.ModelServiceServicer, _Answering):
    """GetModelStatus; HandleReloadConfigRequest is UNIMPLEMENTED, versions come and go by what is in the folders."""

    async def GetModelStatus(self, request, context):
        async def answer(model):
            response = get_model_status_pb2.GetModelStatusResponse()
            for number, state, error in model.states(*_asked(model, request.model_spec)):
                found = response.model_version_status.add(version=number, state=state)
                found.status.error_code, found.status.error_message = (2 if error else 0), error
            return response

        return await self._counted(request, context, "status", answer)


def _spec(version, name, signature):
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = version.number
    return spec


def _tensors(inputs, signature, most):
    codec.check_names("inputs", inputs, signature.inputs)
    tensors = {}
    for name, spec in signature.inputs.items():
        try:
            array = tf.make_ndarray(inputs[name])
        except (ValueError, TypeError, KeyError) as error:
            raise RequestError(f"input {name!r} is not a whole TensorProto ({error})") from None
        if tf.as_dtype(inputs[name].dtype) != spec.dtype or not spec.shape.is_compatible_with(array.shape):
            raise RequestError(
                f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}; received "
                f"{tf.as_dtype(inputs[name].dtype).name} of shape {array.shape}"
            )
        codec.require_few(name, array, most)
        tensors[name] = array
    return tensors


def _filtered(outputs, names):
    if unknown := set(names) - outputs.keys():
        raise RequestError(f"output_filter asks for {sorted(unknown)}; available: {sorted(outputs)}")
    return {name: outputs[name] for name in names} if names else outputs


def _examples(given, most):
    if given.WhichOneof("kind") == "example_list_with_context":
        context, examples = given.example_list_with_context.context, given.example_list_with_context.examples
        merged = []
        for example in examples:
            whole = type(example)()
            whole.CopyFrom(context)
            for name, feature in example.features.feature.items():
                whole.features.feature[name].CopyFrom(feature)
            merged.append(whole)
        examples = merged
    else:
        examples = given.example_list.examples
    if not 1 <= len(examples) <= most:
        raise RequestError(f"{len(examples)} examples; expected from 1 to {most}")
    return codec.column_of([example.SerializeToString() for example in examples])
