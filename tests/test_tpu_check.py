"""The training step of every app compiles for every kind of device."""

from tests.conftest import run_module


def test_training_step_of_every_app_is_lowered_for_cpu_gpu_and_tpu():
    done = run_module("benchmarks.tpu_check", "--lower-only")
    assert done.returncode == 0, done.stderr
    apps = "spam_detector translator forecaster video_captioner language_model sentiment_classifier anomaly_detector"
    apps += " speech_recognizer question_answerer"
    assert done.stdout.splitlines() == [f"{app}: lowered for cpu, cuda, tpu" for app in apps.split()]
