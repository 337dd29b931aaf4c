"""The error that both protocols report to clients."""


class RequestError(Exception):
    """A request that the server rejects.

    Args:
        message: Text for the client: what is wrong and what was expected.
        code: HTTP status; gRPC maps it to its own.
    """

    def __init__(self, message, code=400):
        super().__init__(message)
        self.code = code
