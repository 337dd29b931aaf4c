"""How long a connection may take to say what it wants."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def patient(seconds):
    """uvicorn's protocol, with connections closed whose request's head is not there in time.

    Without it somebody who opens connections and sends a byte now and then (slow loris) holds them for ever.
    """

    class Patient(HttpToolsProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            self._deadline = asyncio.get_running_loop().call_later(seconds, transport.close)

        def on_message_begin(self):
            super().on_message_begin()
            self._deadline.cancel()
            self._deadline = asyncio.get_running_loop().call_later(seconds, self.transport.close)

        def on_headers_complete(self):
            self._deadline.cancel()
            super().on_headers_complete()

        def connection_lost(self, error):
            self._deadline.cancel()
            super().connection_lost(error)

    return Patient
