"""HTTP, in the form that TensorFlow Serving documents: https://www.tensorflow.org/tfx/serving/api_rest.

    GET  /v1/models/NAME[/versions/N|/labels/L]             {"model_version_status": [...]}
    GET  /v1/models/NAME[/versions/N|/labels/L]/metadata    {"model_spec": ..., "metadata": ...}
    POST /v1/models/NAME[/versions/N|/labels/L]:predict     {"instances": [...]} -> {"predictions": [...]}
                                                            {"inputs": ...}      -> {"outputs": ...}
    POST ...:classify, ...:regress                          {"examples": [...]}  -> {"results": [...]}
    GET  /healthz, /readyz, /metrics

What is wrong with a request is answered as {"error": "..."}.
"""

import json
import random
import re
import sys
import time
from pathlib import Path

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import codec
from .errors import RequestError
from .models import CLASSIFY, REGRESS

# Larger bodies are read by a thread, so that the requests of others go on meanwhile.
LARGE = 64 * 2**10
PLACE = r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
ADDRESS = re.compile(PLACE + r"(?P<what>/metadata|:[a-z]+)?")


class Rest:
    """The addresses of a `Service`."""

    def __init__(self, service):
        self.service = service

    async def __call__(self, scope, receive):
        """The answer, as JSON, to what is asked of an address under /v1/models.

        Raises:
            RequestError: what is wrong with it.
        """
        place = ADDRESS.fullmatch(scope["path"])
        if not place:
            raise RequestError(f"no such address: {scope['path'][:200]}", 404)
        what = (place["what"] or "status").strip(":/")
        asked = {"status": self._status, "metadata": self._metadata}
        if what not in asked and what not in METHODS:
            raise RequestError(f"no such method {what!r}; available: {', '.join(METHODS)}", 404)
        allowed = "GET" if what in asked else "POST"
        if scope["method"] != allowed:
            raise RequestError(f"{scope['method']} {scope['path'][:200]}: expected {allowed}", 405)
        with self.service.track_request(place["model"], what, "http") as done:
            try:
                model, number = self.service.find(place["model"]), place["version"] and int(place["version"])
                if what in asked:
                    answer = asked[what](model, number, place["label"])
                else:
                    version = model.find(number, place["label"])
                    answer = await self._run(METHODS[what], version, scope, receive)
            except RequestError as error:
                done["code"] = error.code
                raise
            done["code"] = 200
        return answer

    async def _run(self, method, version, scope, receive):
        read, write = method
        # Held from here on, whatever version comes to replace it.
        with version.in_use():
            body = await self._body(scope, receive)

            def prepared():
                found = codec.loads(body)
                name = found.get("signature_name", "serving_default")
                return name, *read(found, version.signature(name), self.service.limits.max_instances)

            name, tensors, form = await _called(prepared, len(body) > LARGE)
            outputs = await self.service.run(version, name, tensors)
            large = sum(array.size for array in outputs.values()) > LARGE // 8

            def written():
                return json.dumps(write(outputs, form)).encode()

            return await _called(written, large)

    async def _body(self, scope, receive):
        most = self.service.limits.max_body
        told = f"the body has more than {most} bytes; send fewer instances"
        if int(dict(scope["headers"]).get(b"content-length", 0)) > most:
            raise RequestError(told, 413)
        body, message = bytearray(), {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestError("the client has gone", 499)
            body += message.get("body", b"")
            if len(body) > most:
                raise RequestError(told, 413)
        return body

    def _status(self, model, number, label):
        rows = [
            {
                "version": str(number),
                "state": state,
                "status": {"error_code": "UNKNOWN" if error else "OK", "error_message": error},
            }
            for number, state, error in model.states(number, label)
        ]
        return json.dumps({"model_version_status": rows}).encode()

    def _metadata(self, model, number, label):
        version = model.find(number, label)
        definitions = {
            name: json_format.MessageToDict(signature.definition, preserving_proto_field_name=True)
            for name, signature in version.signatures.items()
        }
        return json.dumps({
            "model_spec": {"name": model.name, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        }).encode()  # fmt: skip

    async def described(self, request):
        """For the page: the models with their inputs."""
        models = []
        for name, model in self.service.models.items():
            version = model.find()
            signatures = {
                key: {
                    "inputs": {
                        each: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
                        for each, spec in signature.inputs.items()
                    },
                    "outputs": sorted(signature.definition.outputs),
                }
                for key, signature in version.signatures.items()
            }
            models.append({"name": name, "version": version.number, "signatures": signatures})
        return JSONResponse({"models": models})

    async def health(self, request):
        """Whether the process lives."""
        return Response("ok\n", media_type="text/plain")

    async def ready(self, request):
        """Whether each model has a version that answers."""
        absent = [name for name, model in self.service.models.items() if not model.versions]
        if absent:
            raise RequestError(f"no version of {', '.join(absent)}", 503)
        return Response("ok\n", media_type="text/plain")

    async def metrics(self, request):
        """For Prometheus."""
        return Response(self.service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _called(function, in_a_thread):
    return await run_in_threadpool(function) if in_a_thread else function()


def _read_predict(body, signature, most):
    return codec.read_tensors(body, signature.inputs, most)


def _read_examples(kind):
    def read(body, signature, most):
        codec.check_method(signature, kind)
        return {next(iter(signature.inputs)): codec.read_examples(body, most)}, None

    return read


# How the tensors of a request are read, and what is written of the outputs.
METHODS = {
    "predict": (_read_predict, codec.write_tensors),
    "classify": (_read_examples(CLASSIFY), lambda outputs, form: codec.write_classifications(outputs)),
    "regress": (_read_examples(REGRESS), lambda outputs, form: codec.write_regressions(outputs)),
}


class Front:
    """ASGI application: lets in who may, gives each request an id, and writes a line of it to the log.

    The models are asked from here, and not through a framework's layers, which took a fifth of the time of a request.

    Args:
        models: `Rest`.
        others: ASGI application for all other addresses.
        service: `Service`.
        log: file for a JSON line a request; None for no log.
    """

    # The page holds nothing of the models; it asks for them, with a token if need be.
    OPEN = frozenset({"/healthz", "/readyz", "/", "/page.js"})

    def __init__(self, models, others, service, log):
        self.models, self.others, self.service, self.log = models, others, service, log

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.others(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # Somebody else's id goes into our log and answer: nothing but what ids are made of.
        given = re.sub(r"[^\w.:-]", "", headers.get(b"x-request-id", b"").decode("latin-1"))[:64]
        request_id, start, status = given or f"{random.getrandbits(128):032x}", time.perf_counter(), 0

        async def tagged(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if scope["path"] not in self.OPEN:
                self.service.authorize(headers.get(b"authorization", b"").decode("latin-1"))
            if scope["path"].startswith("/v1/models/"):
                await _send(tagged, await self.models(scope, receive))
            else:
                await self.others(scope, receive, tagged)
        except RequestError as error:
            await _refusal(error)(scope, receive, tagged)
        except Exception:
            if not status:
                await JSONResponse({"error": "the server has failed; its log says why"}, 500)(scope, receive, tagged)
            raise
        finally:
            if self.log:
                line = {
                    "time": round(time.time(), 3), "id": request_id, "client": (scope.get("client") or [""])[0],
                    "method": scope["method"], "path": scope["path"][:200], "status": status,
                    "seconds": round(time.perf_counter() - start, 6),
                }  # fmt: skip
                print(json.dumps(line), file=self.log, flush=True)


async def _send(send, body):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _refusal(error):
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(error.code)
    return JSONResponse({"error": str(error)}, error.code, headers)


def _file(name, media_type):
    content = (Path(__file__).parent / name).read_bytes()
    policy = "default-src 'self'; style-src 'unsafe-inline'; img-src blob: data:; media-src blob:"
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
    }

    async def answer(request):
        return Response(content, media_type=media_type, headers=headers)

    return answer


def make_app(service, log=sys.stderr, cors=()):
    """An ASGI application over a `Service`.

    Args:
        log: file for a JSON line a request; None for no log.
        cors: origins whose pages may ask.
    """
    rest = Rest(service)
    routes = [
        Route("/", _file("page.html", "text/html; charset=utf-8")),
        Route("/page.js", _file("page.js", "text/javascript; charset=utf-8")),
        Route("/page/models", rest.described),
        Route("/healthz", rest.health),
        Route("/readyz", rest.ready),
        Route("/metrics", rest.metrics),
    ]

    async def refused(request, error):
        return _refusal(error)

    async def unknown(request, error):
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    others = Starlette(routes=routes, exception_handlers={RequestError: refused, HTTPException: unknown})
    app = Front(rest, others, service, log)
    if cors:
        app = CORSMiddleware(app, allow_origins=list(cors), allow_methods=["*"], allow_headers=["*"])
    return app
