"""Timeouts of HTTP connections: for receiving a request, and for closing at shutdown."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def protocol_with_timeout(seconds):
    """Return uvicorn's HTTP protocol class with a timeout for receiving a request.

    A request that is incomplete after `seconds` gets status 408 and its connection is closed. Without this, a client
    that sends a byte now and then (slow loris) holds its connection forever.
    """
    body = json.dumps({"error": f"the request was incomplete after {seconds:g} s"}).encode()
    head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    response = head.encode() + b"connection: close\r\n\r\n" + body

    class TimeoutProtocol(HttpToolsProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self._start_timer()

        def _start_timer(self):
            self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out)

        def _time_out(self):
            # A second response must not be written into one that has started.
            if not (self.cycle and self.cycle.response_started and not self.cycle.response_complete):
                self.transport.write(response)
            self.transport.close()

        def on_message_begin(self):
            super().on_message_begin()
            self._timer.cancel()
            self._start_timer()

        def on_message_complete(self):
            self._timer.cancel()
            super().on_message_complete()

        def shutdown(self):
            super().shutdown()
            # Busy connections close after their response. For an idle one, TLS would wait 30 s for the client's
            # close_notify.
            if self.transport.is_closing():
                asyncio.get_running_loop().call_later(1, self.transport.abort)

        def connection_lost(self, error):
            self._timer.cancel()
            super().connection_lost(error)

    return TimeoutProtocol
