"""TensorFlow Serving's REST API: https://www.tensorflow.org/tfx/serving/api_rest.

    GET  /v1/models/NAME[/versions/N|/labels/L]             {"model_version_status": [...]}
    GET  /v1/models/NAME[/versions/N|/labels/L]/metadata    {"model_spec": ..., "metadata": ...}
    POST /v1/models/NAME[/versions/N|/labels/L]:predict     {"instances": [...]} -> {"predictions": [...]}
                                                            {"inputs": ...}      -> {"outputs": ...}
    POST ...:classify, ...:regress                          {"examples": [...]}  -> {"results": [...]}
    GET  /healthz, /readyz, /metrics

Errors are returned as {"error": "..."}.
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

from ..lab.server import page_routes
from . import codec
from .codec import CLASSIFY, REGRESS
from .errors import RequestError

# Bytes above which JSON is converted in a thread, so that other requests are not blocked.
LARGE = 64 * 2**10
# In any case of letters, as TensorFlow Serving takes it.
MODEL_PATH = r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
PATH = re.compile(MODEL_PATH + r"(?P<method>/metadata|:[a-z]+)?", re.IGNORECASE)


class Rest:
    """Handlers of the REST API.

    Args:
        service: `Service`.
    """

    def __init__(self, service):
        self.service = service

    async def __call__(self, scope, receive):
        """Return the JSON response, as bytes, to a request for a path under /v1/models.

        Raises:
            RequestError: If the request is invalid or fails.
        """
        match = PATH.fullmatch(scope["path"])
        if not match:
            raise RequestError(f"no such path: {scope['path'][:200]}", 404)
        method = (match["method"] or "status").strip(":/").lower()
        get_methods = {"status": self._status, "metadata": self._metadata}
        if method not in get_methods and method not in METHODS:
            raise RequestError(f"no such method {method!r}; available: {', '.join(METHODS)}", 404)
        allowed = "GET" if method in get_methods else "POST"
        if scope["method"] != allowed:
            raise RequestError(f"{scope['method']} {scope['path'][:200]}: expected {allowed}", 405)
        with self.service.track_request(match["model"], method, "http") as outcome:
            try:
                model, number = self.service.find(match["model"]), match["version"] and int(match["version"])
                if method in get_methods:
                    body = get_methods[method](model, number, match["label"])
                else:
                    version = model.find(number, match["label"])
                    body = await self._run(*METHODS[method], version, scope, receive)
            except RequestError as error:
                outcome["code"] = error.code
                raise
            outcome["code"] = 200
        return body

    async def _run(self, read, write, version, scope, receive):
        # Before the first await, so that the version cannot be unloaded while the body is received.
        with version.in_use():
            body = await self._receive_body(scope, receive)
            encoding = dict(scope["headers"]).get(b"content-encoding", b"").decode("latin-1").strip().lower()

            def decode():
                unpacked = codec.decompress(body, encoding, self.service.limits.max_body)
                request = codec.loads(unpacked, self.service.limits)
                name = request.get("signature_name") or "serving_default"
                return name, *read(request, version.signature(name), self.service.limits)

            name, tensors, by_row = await _call(decode, in_thread=bool(encoding) or len(body) > LARGE)
            outputs = await self.service.run(version, name, tensors)
            num_values = sum(array.size for array in outputs.values())

            def encode():
                return write(outputs, by_row)

            return await _call(encode, in_thread=num_values > LARGE // 8)

    async def _receive_body(self, scope, receive):
        max_body = self.service.limits.max_body
        too_large = f"the body has more than {max_body} bytes; send fewer instances"
        if int(dict(scope["headers"]).get(b"content-length", 0)) > max_body:
            raise RequestError(too_large, 413)
        body, message = bytearray(), {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestError("the client disconnected", 499)
            body += message.get("body", b"")
            if len(body) > max_body:
                raise RequestError(too_large, 413)
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
            name: json_format.MessageToDict(
                signature.definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
            for name, signature in version.signatures.items()
        }
        return json.dumps({
            "model_spec": {"name": model.name, "signature_name": "", "version": str(version.number)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        }).encode()  # fmt: skip

    async def page_models(self, request):
        """Return the models and their signatures, for the page."""
        models = []
        for name, model in self.service.models.items():
            version = model.find()
            signatures = {
                key: {
                    "inputs": {
                        input_name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
                        for input_name, spec in signature.inputs.items()
                    },
                    "outputs": sorted(signature.definition.outputs),
                }
                for key, signature in version.signatures.items()
            }
            models.append({"name": name, "version": version.number, "signatures": signatures})
        return JSONResponse({"models": models})

    async def health(self, request):
        """Return 200 while the process is running."""
        return Response("ok\n", media_type="text/plain")

    async def ready(self, request):
        """Return 200 if every model has a loaded version and the server is not about to end, else 503."""
        if self.service.draining:
            raise RequestError("the server is about to end", 503)
        missing = [name for name, model in self.service.models.items() if not model.versions]
        if missing:
            raise RequestError(f"no version of {', '.join(missing)}", 503)
        return Response("ok\n", media_type="text/plain")

    async def metrics(self, request):
        """Return the metrics for Prometheus."""
        return Response(self.service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _call(function, in_thread):
    return await run_in_threadpool(function) if in_thread else function()


def _read_predict(body, signature, limits):
    return codec.read_tensors(body, signature.inputs, limits.max_instances)


def _read_examples(method_name):
    def read(body, signature, limits):
        codec.check_method(signature, method_name)
        return {next(iter(signature.inputs)): codec.read_examples(body, limits)}, None

    return read


def _write_results(write):
    # Scores that are not finite have no form in JSON; they are rare enough to be written by the slower way always.
    return lambda outputs, by_row: codec.dumps(write(outputs), finite=False)


# Functions that decode the request and encode the response.
METHODS = {
    "predict": (_read_predict, codec.write_tensors),
    "classify": (_read_examples(CLASSIFY), _write_results(codec.write_classifications)),
    "regress": (_read_examples(REGRESS), _write_results(codec.write_regressions)),
}


# The lab with its built-in networks.
LAB = tuple(page_routes("/lab"))


class Front:
    """ASGI application that authorizes requests, adds request ids and writes the access log.

    It calls the models directly: Starlette's routing and middleware took a fifth of the time of a request.

    Args:
        models: `Rest`.
        others: ASGI application for all other paths.
        service: `Service`.
        log: file for one JSON line per request; None for no log.
    """

    # The page contains nothing about the models; it requests that itself, with the token if needed.
    PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/", "/page.js", *(route.path for route in LAB)})

    def __init__(self, models, others, service, log):
        self.models, self.others, self.service, self.log = models, others, service, log

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.others(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id, start, status = _request_id(headers.get(b"x-request-id")), time.perf_counter(), 0

        async def send_with_id(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if scope["path"] not in self.PUBLIC_PATHS:
                self.service.authorize(headers.get(b"authorization", b"").decode("latin-1"))
            if scope["path"][:11].lower() == "/v1/models/":
                await _send_json(send_with_id, await self.models(scope, receive))
            else:
                await self.others(scope, receive, send_with_id)
        except RequestError as error:
            await _error_response(error)(scope, receive, send_with_id)
        except Exception:
            if not status:
                response = JSONResponse({"error": "internal server error; see the server's log"}, 500)
                await response(scope, receive, send_with_id)
            raise
        finally:
            if self.log:
                line = {
                    "time": round(time.time(), 3), "id": request_id, "client": (scope.get("client") or [""])[0],
                    "method": scope["method"], "path": scope["path"][:200], "status": status,
                    "seconds": round(time.perf_counter() - start, 6),
                }  # fmt: skip
                print(json.dumps(line), file=self.log, flush=True)


def _request_id(client_id):
    """Return the id that a client gave, without the characters that ids do not need, or a random one."""
    found = client_id and re.sub(r"[^\w.:-]", "", client_id.decode("latin-1"))[:64]
    return found or f"{random.getrandbits(128):032x}"


async def _send_json(send, body):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error_response(error):
    # What follows a body that was not read is no request.
    headers = {401: {"WWW-Authenticate": "Bearer"}, 413: {"Connection": "close"}, 429: {"Retry-After": "1"}}.get(
        error.code
    )
    return JSONResponse({"error": str(error)}, error.code, headers)


def _file_handler(name, media_type):
    content = (Path(__file__).parent / name).read_bytes()
    policy = "default-src 'self'; style-src 'unsafe-inline'; img-src blob: data:; media-src blob:"
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
    }

    async def handle(request):
        return Response(content, media_type=media_type, headers=headers)

    return handle


def make_app(service, log=sys.stderr, cors=()):
    """Return an ASGI application that serves a `Service`.

    Args:
        service: `Service`.
        log: file for one JSON line per request; None for no log.
        cors: origins allowed to send requests from a browser.
    """
    rest = Rest(service)
    routes = [
        Route("/", _file_handler("page.html", "text/html; charset=utf-8")),
        Route("/page.js", _file_handler("page.js", "text/javascript; charset=utf-8")),
        Route("/page/models", rest.page_models),
        Route("/healthz", rest.health),
        Route("/readyz", rest.ready),
        Route("/metrics", rest.metrics),
        *LAB,
    ]

    async def handle_request_error(request, error):
        return _error_response(error)

    async def handle_http_error(request, error):
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    handlers = {RequestError: handle_request_error, HTTPException: handle_http_error}
    app = Front(rest, Starlette(routes=routes, exception_handlers=handlers), service, log)
    if cors:
        app = CORSMiddleware(app, allow_origins=list(cors), allow_methods=["*"], allow_headers=["*"])
    return app
