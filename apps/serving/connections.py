"""Limits of HTTP connections: how many, the size of headers, and timeouts of every wait."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As nginx and Apache by default: bytes of a header or request line, number of headers, bytes of all.
MAX_LINE, MAX_HEADERS, MAX_HEADER_BYTES = 8 * 2**10, 100, 32 * 2**10
TOO_LARGE = (
    f"the headers are too large; at most {MAX_HEADERS}, each of {MAX_LINE} bytes, and {MAX_HEADER_BYTES} together"
)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits, without which a single client can hold up all others.

    - Headers that are too long, too many or too large: status 431, and the connection is closed. They are not collected
      beyond the limit, so that an endless header costs nothing.
    - A request that is incomplete after `limits.deadline` seconds (a byte now and then, "slow loris"): status 408.
    - A client that does not read its response for as long: the connection is closed.
    - A client that has gone: its request is cancelled, so that nothing more is computed for it.
    - More connections than `limits.max_connections`: status 503.

    Attributes:
        limits: `Limits`, set by `limited_protocol`.
    """

    limits = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._inner, self.app = self.app, self._run
        self._task, self._header_bytes, self._oversized, self._write_timer = None, 0, False, None
        self._in_headers = True

    def connection_made(self, transport):
        super().connection_made(transport)
        self._start_timer()
        if len(self.connections) > self.limits.max_connections:
            self._refuse(
                "503 Service Unavailable", f"{self.limits.max_connections} connections are open; try again later"
            )

    def _start_timer(self):
        self._timer = asyncio.get_running_loop().call_later(self.limits.deadline, self._time_out)

    def _time_out(self):
        self._refuse("408 Request Timeout", f"the request was incomplete after {self.limits.deadline:g} s")

    def _refuse(self, status, message):
        # A second response must not be written into one that has started.
        if not (self.cycle and self.cycle.response_started and not self.cycle.response_complete):
            self.transport.write(_response(status, message))
        self.transport.close()

    def data_received(self, data):
        while data and not self.transport.is_closing():
            # While headers are incomplete, no more is read than they may still have.
            count = MAX_HEADER_BYTES - self._header_bytes if self._in_headers else len(data)
            part, data = data[:count], data[count:]
            if self._in_headers:
                self._header_bytes += len(part)
            super().data_received(part)
            if self._oversized or (self._in_headers and self._header_bytes >= MAX_HEADER_BYTES):
                self._refuse("431 Request Header Fields Too Large", TOO_LARGE)

    def on_message_begin(self):
        super().on_message_begin()
        self._timer.cancel()
        self._start_timer()

    def on_url(self, url):
        super().on_url(url)
        self._oversized |= len(self.url) > MAX_LINE

    def on_header(self, name, value):
        super().on_header(name, value)
        self._oversized |= len(name) + len(value) > MAX_LINE or len(self.headers) > MAX_HEADERS

    def on_headers_complete(self):
        self._in_headers = False
        if not self._oversized:
            super().on_headers_complete()

    def on_body(self, body):
        if not self._oversized:
            super().on_body(body)

    def on_message_complete(self):
        self._in_headers, self._header_bytes = True, 0
        self._timer.cancel()
        if not self._oversized:
            super().on_message_complete()

    async def _run(self, scope, receive, send):
        self._task = asyncio.current_task()
        try:
            await self._inner(scope, receive, send)
        except asyncio.CancelledError:
            # Cancelled because the client has gone; uvicorn would log it as an error.
            if self.transport is not None and not self.transport.is_closing():
                raise
        finally:
            self._task = None

    def pause_writing(self):
        super().pause_writing()
        self._write_timer = asyncio.get_running_loop().call_later(self.limits.deadline, self.transport.abort)

    def resume_writing(self):
        super().resume_writing()
        if self._write_timer:
            self._write_timer.cancel()

    def shutdown(self):
        super().shutdown()
        # Busy connections close after their response. For an idle one, TLS would wait 30 s for the client's
        # close_notify.
        if self.transport.is_closing():
            asyncio.get_running_loop().call_later(1, self.transport.abort)

    def connection_lost(self, error):
        self._timer.cancel()
        if self._write_timer:
            self._write_timer.cancel()
        if self._task:
            self._task.cancel()
        super().connection_lost(error)


def limited_protocol(limits):
    """Return `LimitedProtocol` with `Limits`; uvicorn makes the instances."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})


def _response(status, message):
    body = json.dumps({"error": message}).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body
