"""The files in deploy/ agree with the code and each other; no test builds or runs a container."""

import dataclasses
import re

import yaml

from apps.common.options import TrainingOptions
from apps.common.training import groups
from apps.translator.config import Config
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"


def test_image_copies_existing_files():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied == ["${RUN}/export", "deploy/batching.conf"] and (ROOT / copied[1]).is_file()
    version = next(line for line in lines if line.startswith("ARG VERSION=")).partition("=")[2]
    required = re.search(r"^tensorflow-cpu>=([0-9.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert version.startswith(f"{required[1]}."), "a server must not be older than the TensorFlow that exports"


def test_kubernetes_manifests_agree_with_each_other_and_the_image():
    manifests = {each["kind"]: each for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
    assert set(manifests) == {"Deployment", "Service", "HorizontalPodAutoscaler"}
    pod = manifests["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8501, "grpc": 8500}
    assert {port["targetPort"]: port["port"] for port in manifests["Service"]["spec"]["ports"]} == ports
    assert manifests["Service"]["spec"]["selector"] == manifests["Deployment"]["spec"]["selector"]["matchLabels"]
    assert manifests["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    scaled = manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    assert scaled == manifests["Deployment"]["metadata"]["name"]
    name = re.search(r"^ARG NAME=(\w+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert container["readinessProbe"]["httpGet"]["path"] == f"/v1/models/{name}"


def assert_trains(command):
    """Check that a command trains the translator with valid options."""
    assert "-m apps.translator.train" in command
    options = dict(re.findall(r"--([a-z-]+)[= ](\S+)", command.partition("apps.translator.train")[2]))
    assert {"data", "run-dir", "batch-size", "precision"} <= set(options)
    names = {field.name.replace("_", "-") for cls in (Config, TrainingOptions) for field in dataclasses.fields(cls)}
    assert set(options) - {"run-dir"} <= names
    assert int(options["batch-size"]) % 16 == 0, "not divisible by four machines of four GPUs"
    assert options["precision"] == "mixed_bfloat16"


def test_slurm_starts_a_process_per_gpu():
    script = (DEPLOY / "slurm.sh").read_text(encoding="utf-8")
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", script, re.MULTILINE))
    assert options["gpus-per-node"] == options["ntasks-per-node"]
    assert "export KERAS_BACKEND=jax\n" in script
    assert_trains(script.replace("\\\n", " "))


def test_jobset_agrees_with_the_apps_and_the_image():
    jobset = yaml.safe_load((DEPLOY / "jobset.yaml").read_text(encoding="utf-8"))
    (job,) = jobset["spec"]["replicatedJobs"]
    pods = job["template"]["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    assert_trains(" ".join([*container["command"], *container["args"]]))
    variables = {each["name"]: each for each in container["env"]}
    assert set(variables) == {groups.ADDRESS, groups.COUNT, groups.INDEX}
    assert int(variables[groups.COUNT]["value"]) == pods["completions"] == pods["parallelism"]
    name = jobset["metadata"]["name"]
    assert variables[groups.ADDRESS]["value"].startswith(f"{name}-{job['name']}-0-0.{name}:")
    image = (DEPLOY / "Dockerfile.train").read_text(encoding="utf-8")
    assert f"-t {container['image']} ." in image and "ENV KERAS_BACKEND=jax" in image
    folder = re.search(r"^WORKDIR (\S+)", image, re.MULTILINE)[1]
    assert container["volumeMounts"][0]["mountPath"] == f"{folder}/runs"
    for copied in re.findall(r"^COPY (\S+) ", image, re.MULTILINE):
        assert (ROOT / copied).exists()
