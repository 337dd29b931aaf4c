"""What stands in deploy/ names what there is; no container was ever built of it here."""

import re

import yaml

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"


def test_image_is_made_of_what_there_is():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied == ["${RUN}/export", "deploy/batching.conf"] and (ROOT / copied[1]).is_file()
    version = next(line for line in lines if line.startswith("ARG VERSION=")).partition("=")[2]
    required = re.search(r"^tensorflow-cpu>=([0-9.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert version.startswith(f"{required[1]}."), "a SavedModel is for a server of its own TensorFlow, or a newer one"


def test_manifests_agree_with_each_other_and_with_the_image():
    found = {part["kind"]: part for part in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
    assert set(found) == {"Deployment", "Service", "HorizontalPodAutoscaler"}
    pod = found["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8501, "grpc": 8500}
    assert {port["targetPort"]: port["port"] for port in found["Service"]["spec"]["ports"]} == ports
    assert found["Service"]["spec"]["selector"] == found["Deployment"]["spec"]["selector"]["matchLabels"]
    assert found["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    name = re.search(r"^ARG NAME=(\w+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert container["readinessProbe"]["httpGet"]["path"] == f"/v1/models/{name}"
