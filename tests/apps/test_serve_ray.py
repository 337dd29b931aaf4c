"""Ray Serve: the same answers from a cluster of two nodes, and from what is left of it when one is lost.

Ray listens on every interface, so the cluster lives in a network namespace that has loopback alone.
"""

import importlib.util
import json
import subprocess
import sys

import pytest

from apps import serve_ray
from apps.common import cli
from apps.spam_detector.predict import Detector
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

def ask(body):
    answer = requests.post(url, json=body, timeout=60)
    return answer.status_code, answer.json()

told = {"url": url, "rows": ask({"instances": texts}), "bad": ask({"instances": [3]})}
ray.init(cluster.address, log_to_driver=False)
told["cores"] = ray.cluster_resources()["CPU"], ray.available_resources().get("CPU", 0)
cluster.remove_node(second, allow_graceful=False)
answers, deadline = [], time.monotonic() + 120
while len(answers) < 50 or any(answers[-20:]):
    assert time.monotonic() < deadline, answers
    try:
        answers.append(ask({"instances": texts}) != told["rows"])
    except requests.RequestException:
        answers.append(True)
told["after"], told["lost"] = len(answers), sum(answers)
ray.shutdown()
server.terminate()
told["status"] = server.wait(timeout=120)
cluster.shutdown()
print(json.dumps(told))
"""


@pytest.mark.slow
def test_two_nodes_answer_and_the_loss_of_one_is_outlived(trained):
    if not importlib.util.find_spec("ray"):
        pytest.skip("Ray is not installed")
    if subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    script = 'ip link set lo up && exec "$@"'
    command = [sys.executable, "-c", CLUSTER, str(trained), json.dumps(TEXTS)]
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", *command], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    code, answer = told["rows"]
    expected = Detector(trained)(TEXTS)
    assert code == 200
    assert [row["probability"] for row in answer["predictions"]] == pytest.approx(expected.tolist(), abs=1e-6)
    assert told["bad"][0] == 400 and "it holds a whole number" in told["bad"][1]["error"]
    assert told["cores"] == [2, 0], "both nodes have one core, and a replica on it"
    assert told["status"] == 0
    assert told["lost"] < 10, f"{told['lost']} of {told['after']} requests were lost with the node"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--min-replicas", "3", "--max-replicas", "2"], "--max-replicas 2"),
        (["--target-requests", "0"], "--target-requests 0.0"),
        (["--labels", "other:stable=1"], "one of spam_detector"),
    ],
)
def test_wrong_settings_are_refused(trained, capsys, arguments, words):
    assert cli.run(serve_ray.serve_ray, [str(trained), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error


def test_without_ray_it_says_what_to_install(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert cli.run(serve_ray.serve_ray, [str(trained)]) == 2
    assert 'pip install "ray[serve]"' in capsys.readouterr().err
