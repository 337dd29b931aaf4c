"""The training steps of apps compile for every kind of device."""

import pytest

from tests.conftest import run_module

APPS = "spam_detector translator forecaster video_captioner language_model sentiment_classifier anomaly_detector"
APPS += " speech_recognizer question_answerer"


@pytest.mark.parametrize("apps", ["spam_detector question_answerer", pytest.param(APPS, marks=pytest.mark.slow)])
def test_training_steps_are_lowered_for_cpu_gpu_and_tpu(apps):
    done = run_module("benchmarks.tpu_check", "--lower-only", "--apps", *apps.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{app}: lowered for cpu, cuda, tpu" for app in apps.split()]
