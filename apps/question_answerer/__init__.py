"""Answer questions about a short story by reading it sentence by sentence, with or without an external memory."""
