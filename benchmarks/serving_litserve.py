"""Serve the spam detector with LitServe (github.com/Lightning-AI/LitServe), for comparison with apps/serve.py.

Uses the same model, threads, maximum batch size and requests. Needs `pip install litserve`.
"""

import sys
from pathlib import Path

import litserve
import tensorflow as tf

from apps.common import cli


class Detector(litserve.LitAPI):
    """The exported spam detector."""

    def __init__(self, folder, threads, **options):
        super().__init__(**options)
        self.folder, self.threads = folder, threads

    def setup(self, device):
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(self.threads)
        self.model = tf.saved_model.load(self.folder)
        self.signature = self.model.signatures["serving_default"]

    def decode_request(self, request):
        (text,) = request["instances"]
        return text

    def predict(self, texts):
        outputs = {name: value.numpy().tolist() for name, value in self.signature(text=tf.constant(texts)).items()}
        return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]

    def encode_response(self, row):
        return {"predictions": [{"label": row["label"].decode(), "probability": row["probability"]}]}


def serving_litserve(run_dir: Path, port: int, path: str, threads: int, batch: int = 32, delay: float = 0.002):
    """Serve an exported run of the spam detector until the process is stopped.

    Args:
        run_dir: Run directory.
        port: Port on 127.0.0.1.
        path: Path of the predict request.
        threads: Number of TensorFlow threads.
        batch: Maximum number of rows in a batch.
        delay: Seconds that a request waits for others.
    """
    api = Detector(str(run_dir / "export" / "1"), threads, max_batch_size=batch, batch_timeout=delay, api_path=path)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=30)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    sys.exit(cli.run(serving_litserve))
