"""A bidirectional LSTM that finds spam in a file of messages."""
