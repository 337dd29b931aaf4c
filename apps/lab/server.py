"""Serve the page, the built-in networks, and layers of a run, to this machine only."""

import asyncio
import functools
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..common.cli import UserError

FOLDER = Path(__file__).parent
PAGE = FOLDER / "page"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
HOSTS = ("127.0.0.1", "localhost")
# Bytes of a request.
MAX_BODY = 1_000_000
HEADERS = {
    # The page loads nothing from elsewhere.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def make_app(run=None):
    """Return an ASGI application.

    Args:
        run: `runs.Run` whose layers the page offers; None for the built-in networks only.
    """
    routes = [*page_routes(run=run), Route("/run/read", functools.partial(_read_run, run), methods=["POST"])]

    async def handle_error(request, error):
        return JSONResponse({"error": str(error.detail)}, error.status_code)

    # Pages of other sites could otherwise reach this server under a name of their own.
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={HTTPException: handle_error})


def page_routes(prefix="", run=None):
    """Return the routes of the page and of what it loads, also for a server that has them beside its own."""
    pages = {"/": PAGE / "page.html", "/networks.json": FOLDER / "networks.json"}
    pages |= {f"/{path.name}": path for path in PAGE.iterdir() if path.suffix in (".js", ".css")}
    routes = [Route(prefix + route, _file_handler(path)) for route, path in pages.items()]
    return [*routes, Route(f"{prefix}/run", functools.partial(_describe_run, run))]


def _file_handler(path):
    content, media_type = path.read_bytes(), MEDIA_TYPES[path.suffix]

    async def handle(request):
        return Response(content, media_type=media_type, headers=HEADERS)

    return handle


async def _describe_run(run, request):
    return JSONResponse(run.description if run else None)


async def _read_run(run, request):
    if run is None:
        raise HTTPException(404, "the lab was started without a run directory")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"request of more than {MAX_BODY} bytes")
    try:
        return Response(await asyncio.to_thread(run.read, body), media_type="application/json")
    except UserError as error:
        raise HTTPException(400, str(error)) from None


def serve(listener, run=None, announce=print):
    """Serve until SIGTERM or SIGINT; `announce` is called when connections are accepted."""
    config = uvicorn.Config(
        make_app(run), lifespan="off", access_log=False, log_level="warning", server_header=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    announce()
    server.run(sockets=[listener])
