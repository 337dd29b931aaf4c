"""How long a connection may take to say what it wants, and to go when the server does."""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def patient(seconds):
    """uvicorn's protocol, with an end to requests that are not whole in time: status 408, and the connection is closed.

    Without it somebody who opens connections and sends a byte now and then (slow loris) holds them for ever.
    """
    told = json.dumps({"error": f"the request was not whole within {seconds:g} s"}).encode()
    head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(told)}\r\n"
    answer = head.encode() + b"connection: close\r\n\r\n" + told

    class Patient(HttpToolsProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self._wait()

        def _wait(self):
            self._deadline = asyncio.get_running_loop().call_later(seconds, self._end)

        def _end(self):
            # An answer that has begun must not be torn by another.
            if not (self.cycle and self.cycle.response_started and not self.cycle.response_complete):
                self.transport.write(answer)
            self.transport.close()

        def on_message_begin(self):
            super().on_message_begin()
            self._deadline.cancel()
            self._wait()

        def on_message_complete(self):
            self._deadline.cancel()
            super().on_message_complete()

        def shutdown(self):
            super().shutdown()
            # The others are closed by their answer. TLS would wait half a minute for an idle client's goodbye.
            if self.transport.is_closing():
                asyncio.get_running_loop().call_later(1, self.transport.abort)

        def connection_lost(self, error):
            self._deadline.cancel()
            super().connection_lost(error)

    return Patient
