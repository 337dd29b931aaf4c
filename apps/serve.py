"""Serves exported runs over HTTP, in the REST form of TensorFlow Serving.

    GET  /v1/models/NAME             {"model_version_status": [...]}
    POST /v1/models/NAME:predict     {"instances": [...]} -> {"predictions": [...]}
                                     {"inputs": ...}      -> {"outputs": ...}

NAME is the app that made the run. What is wrong with a request is answered as {"error": "..."} with status 4xx.
"""

import json
import re
import socket
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tensorflow as tf
import tyro
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from .common import cli, runs

MAX_BODY = 16 * 2**20


class Served:
    """One version of an exported model.

    Attributes:
        name: what it is called in a URL.
        version: the number of its folder under export/.
    """

    def __init__(self, run_dir):
        self.name = runs.open_run(run_dir)["app"]
        folders = [path for path in (Path(run_dir) / "export").glob("[0-9]*") if path.name.isdecimal()]
        if not folders:
            raise cli.UserError(f"{run_dir}: nothing exported; python -m apps.{self.name}.export {run_dir}")
        folder = max(folders, key=lambda path: int(path.name))
        self.version = folder.name
        try:
            self._model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            first = str(error).strip().splitlines()[0]
            raise cli.UserError(f"{folder}: not a whole SavedModel ({first}); export it again") from None
        self._function = self._model.signatures["serving_default"]
        self.inputs = self._function.structured_input_signature[1]

    def predict(self, body):
        """Answers the decoded JSON body of a predict request.

        Raises:
            ValueError: what is wrong with it.
        """
        if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
            raise ValueError('expected a JSON object with either "instances" or "inputs"')
        if body.get("signature_name", "serving_default") != "serving_default":
            raise ValueError(f"unknown signature_name {body['signature_name']!r}; there is 'serving_default'")
        by_row = "instances" in body
        columns = self._columns_of_rows(body["instances"]) if by_row else self._columns(body["inputs"])
        inputs = {name: self._tensor(name, column) for name, column in columns.items()}
        try:
            outputs = self._function(**inputs)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(_refusal(error.message)) from None
        outputs = {name: _plain(value.numpy()) for name, value in outputs.items()}
        if not by_row:
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return {"predictions": rows if len(outputs) > 1 else [next(iter(row.values())) for row in rows]}

    def _columns(self, inputs):
        if not isinstance(inputs, dict):
            inputs = {next(iter(self.inputs)): inputs} if len(self.inputs) == 1 else {}
        self._check_names("inputs", inputs)
        return inputs

    def _columns_of_rows(self, instances):
        if not isinstance(instances, list) or not instances:
            raise ValueError('"instances" must be a list with something in it')
        if len(self.inputs) == 1 and not isinstance(instances[0], dict):
            return {next(iter(self.inputs)): instances}
        for number, row in enumerate(instances):
            if not isinstance(row, dict):
                raise ValueError(f"instances[{number}] must be an object, like instances[0]")
            self._check_names(f"instances[{number}]", row)
        return {name: [row[name] for row in instances] for name in self.inputs}

    def _check_names(self, where, given):
        if given.keys() != self.inputs.keys():
            raise ValueError(f"{where} has {sorted(given)}, expected {sorted(self.inputs)}")

    def _tensor(self, name, column):
        spec = self.inputs[name]
        expected = f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}"
        try:
            array = np.array(column, dtype=object if spec.dtype == tf.string else None)
            if spec.dtype == tf.string and not all(isinstance(value, str) for value in array.ravel()):
                raise ValueError("it holds something that is not a string")
            tensor = tf.constant(array, spec.dtype)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{expected}; {str(error).splitlines()[0][:200]}") from None
        if not spec.shape.is_compatible_with(tensor.shape):
            raise ValueError(f"{expected}; received shape {tensor.shape}")
        return tensor


def _refusal(message):
    """What a model says of its inputs by an assertion in its graph, without where in the graph that was."""
    told = re.search(r"assertion failed: \[(.*)\]", message)
    return told[1] if told else message.strip().splitlines()[0]


def _plain(array):
    if array.dtype == object:
        array = np.char.decode(array.astype(bytes), "utf-8")
    return array.tolist()


def make_app(models):
    """A Starlette application over these models by name."""

    def find(name):
        if name not in models:
            raise HTTPException(404, f"no model {name!r}; there are {', '.join(sorted(models))}")
        return models[name]

    async def status(request):
        model = find(request.path_params["name"])
        state = {"version": model.version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return JSONResponse({"model_version_status": [state]})

    async def predict(request):
        model = find(request.path_params["name"])
        try:
            body = json.loads(await _read(request))
            return JSONResponse(await run_in_threadpool(model.predict, body))
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, str(error)) from None

    async def failed(request, error):
        return JSONResponse({"error": error.detail}, error.status_code)

    routes = [
        Route("/v1/models/{name}:predict", predict, methods=["POST"]),
        Route("/v1/models/{name}", status, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: failed})


async def _read(request):
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"the body has more than {MAX_BODY} bytes; send fewer instances")
    return body


def serve(
    run_dirs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR [RUN_DIR ...]")],
    host: str = "127.0.0.1",
    port: int = 8501,
):
    """Answer predict requests for exported runs.

    Args:
        run_dirs: Folders of exported runs.
        host: Address to listen on; the default is this machine alone.
        port: Port to listen on; 0 takes one that is free.
    """
    if not run_dirs:
        raise cli.UserError("no run directory given; for example runs/spam_detector")
    models = {}
    for run_dir in run_dirs:
        served = Served(run_dir)
        if served.name in models:
            raise cli.UserError(f"{run_dir}: a second model called {served.name!r}; serve it from another port")
        models[served.name] = served
    try:
        listening = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise cli.UserError(f"--host {host} --port {port}: {error}; choose another") from None
    for name in models:
        print(f"http://{host}:{listening.getsockname()[1]}/v1/models/{name}:predict", flush=True)
    uvicorn.Server(uvicorn.Config(make_app(models), log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    sys.exit(cli.run(serve))
