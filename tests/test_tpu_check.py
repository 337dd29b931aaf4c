"""The training steps of apps compile for every kind of device."""

import pytest

from tests.conftest import run_module

SOME = "spam_detector question_answerer"
APPS = "spam_detector translator forecaster video_captioner language_model sentiment_classifier anomaly_detector"
APPS += " speech_recognizer question_answerer"


@pytest.mark.parametrize(
    ("options", "apps"), [(["--apps", *SOME.split()], SOME), pytest.param([], APPS, marks=pytest.mark.slow)]
)
def test_training_steps_are_lowered_for_cpu_gpu_and_tpu(options, apps):
    done = run_module("benchmarks.tpu_check", "--lower-only", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{app}: lowered for cpu, cuda, tpu" for app in apps.split()]
