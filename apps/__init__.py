"""Application templates that put the recurrent layers to work."""

import os

# TensorFlow reads it when it is imported, and otherwise prints several lines about itself on every start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
