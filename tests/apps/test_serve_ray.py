"""Ray Serve: predictions from a cluster of two nodes, also after one of them is lost.

Ray listens on every interface, so the cluster runs in a network namespace that has only loopback.
"""

import importlib.util
import json
import subprocess
import sys

import pytest

from apps import serve_ray
from apps.common import cli
from apps.spam_detector.detector import Detector
from tests.conftest import ROOT

TEXTS = ["call 0906 to win", "hello"]

CLUSTER = """
import json, subprocess, sys, time
import requests
import ray
from ray.cluster_utils import Cluster

run_dir, texts = sys.argv[1], json.loads(sys.argv[2])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
command = [sys.executable, "-m", "apps.serve_ray", run_dir, "--address", cluster.address, "--port", "8501",
           "--min-replicas", "2", "--max-replicas", "2"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
url = next(line.strip() for line in server.stdout if line.startswith("http"))

def post(body):
    response = requests.post(url, json=body, timeout=60)
    return response.status_code, response.json()

report = {"url": url, "valid": post({"instances": texts}), "invalid": post({"instances": [3]})}
ray.init(cluster.address, log_to_driver=False)
report["cores"] = ray.cluster_resources()["CPU"], ray.available_resources().get("CPU", 0)
cluster.remove_node(second, allow_graceful=False)
failures, deadline = [], time.monotonic() + 120
while len(failures) < 50 or any(failures[-20:]):
    assert time.monotonic() < deadline, failures
    try:
        failures.append(post({"instances": texts}) != report["valid"])
    except requests.RequestException:
        failures.append(True)
report["sent"], report["failed"] = len(failures), sum(failures)
ray.shutdown()
server.terminate()
report["status"] = server.wait(timeout=120)
cluster.shutdown()
print(json.dumps(report))
"""


@pytest.mark.slow
def test_cluster_serves_after_the_loss_of_a_node(trained):
    if not importlib.util.find_spec("ray"):
        pytest.skip("Ray is not installed")
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("network namespaces cannot be created here")
    script = 'ip link set lo up && exec "$@"'
    command = [sys.executable, "-c", CLUSTER, str(trained), json.dumps(TEXTS)]
    result = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", *command], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(result.stdout.splitlines()[-1])
    code, body = report["valid"]
    expected = Detector(trained)(TEXTS)
    assert code == 200
    assert [row["probability"] for row in body["predictions"]] == pytest.approx(expected.tolist(), abs=1e-6)
    assert report["invalid"][0] == 400 and "received an integer" in report["invalid"][1]["error"]
    assert report["cores"] == [2, 0], "expected one core and one replica on each node"
    assert report["status"] == 0
    assert report["failed"] < 10, f"{report['failed']} of {report['sent']} requests failed after the loss of the node"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--min-replicas", "3", "--max-replicas", "2"], "--max-replicas 2"),
        (["--target-requests", "0"], "--target-requests 0.0"),
        (["--labels", "other:stable=1"], "one of spam_detector"),
    ],
)
def test_wrong_options_fail_with_one_line(trained, capsys, arguments, message):
    assert cli.run(serve_ray.serve_ray, [str(trained), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


def test_missing_ray_names_the_package_to_install(trained, capsys, monkeypatch):

    monkeypatch.setitem(sys.modules, "ray", None)
    assert cli.run(serve_ray.serve_ray, [str(trained)]) == 2
    assert 'pip install "ray[serve]"' in capsys.readouterr().err
