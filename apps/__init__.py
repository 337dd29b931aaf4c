"""Application templates that put the recurrent layers to work."""

import os

# TensorFlow reads both when it is imported. It otherwise prints several lines about itself on every start,
# and the only switch for one of them is the one for oneDNN's kernels.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
