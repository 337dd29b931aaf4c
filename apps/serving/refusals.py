"""What a server refuses, in one form for HTTP and gRPC."""


class Refused(Exception):
    """A request that is not answered, in the words that its sender gets.

    Args:
        message: what is wrong, what was expected.
        code: HTTP status.
    """

    def __init__(self, message, code=400):
        super().__init__(message)
        self.code = code
