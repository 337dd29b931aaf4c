"""Quality of the question answerer on the ten tasks of its sample, trained on all of them together, over several seeds.

Every training is a run directory under --runs-dir, so an interrupted benchmark resumes. The published rows were trained
with KERAS_BACKEND=jax.
"""

import dataclasses
import itertools
import statistics
import sys
from pathlib import Path
from typing import Literal

import tyro

from apps.common import cli, files
from apps.common.options import TrainingOptions
from apps.question_answerer.config import Config
from apps.question_answerer.reading import read_examples
from apps.question_answerer.train import train

from .results import grouped, write_results

NAMES = {"dnc": "DNC", "lstm": "LSTM", "gru": "GRU"}
BASELINES = ("bag of words", "most frequent answer")
NOTES = (
    "Questions: for training and validation, of each of ten tasks, learned together; 500 more of each are the test, "
    "about people in places, rooms and boxes in combinations that do not occur in training. A task fails with an error "
    "above 5 %. ±: standard deviation over seeds.",
    "Validation: a tenth of the questions, whose combinations occur in training. Seconds: of the fastest epoch, on JAX "
    "and one thread, while other work ran on the same cores.",
    "Published on bAbI, whose tasks are others, 10,000 questions each, learned together (Graves et al. 2016): DNC, "
    "best run 3.8 % mean error and 2 failed tasks of 20, mean of the runs 16.7 % ± 7.6 and 11.2; LSTM 27.3 %. Later "
    "DNCs: 6.3 to 9.5 %. bAbI was not run.",
)


def question_quality(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    sizes: tuple[int, ...] = (1000, 10_000),
    size_epochs: tuple[int, ...] = (20, 6),
    models: tuple[Literal["dnc", "lstm", "gru"], ...] = ("lstm", "dnc"),
    seeds: tuple[int, ...] = (0, 1, 2),
    finished_only: bool = False,
    runs_dir: Path = Path("runs/question_quality"),
):
    """Train the question answerer on its sample and measure it.

    Args:
        config: Settings of the app; size, model, epochs and seed are replaced.
        sizes: Training questions of each task.
        size_epochs: Epochs, one number for each of the sizes.
        models: Networks to train.
        seeds: Of the initial weights and the order.
        finished_only: Train nothing: report the trainings that were measured.
        runs_dir: Folder for the trainings.
    """
    found = {}
    for seed, (size, epochs), model in itertools.product(seeds, zip(sizes, size_epochs, strict=True), models):
        run_dir = runs_dir / f"{size}-{model}-{seed}"
        settings = {"sample_questions": size, "model": model, "seed": seed, "epochs": epochs, "patience": epochs}
        if not finished_only:
            chosen = dataclasses.replace(config, **settings)
            train(chosen, TrainingOptions(run_dir))
            _measure(run_dir, chosen)
        if (run_dir / "quality.json").exists():
            report = files.read_json(run_dir / "quality.json")
            history = files.read_csv(run_dir / "history.csv")
            found[size, model, seed] = report[model] | {"epoch_seconds": min(row["seconds"] for row in history)}
            found |= {(size, name, seed): report[name] for name in BASELINES}
    if not found:
        raise cli.UserError(f"{runs_dir}: no finished training")
    packages = ("keras", "jax", "tensorflow", "sklearn")
    numbers = {"sizes": sizes, "size-epochs": size_epochs, "seeds": seeds}
    options = " ".join(f"--{name} {' '.join(map(str, values))}" for name, values in numbers.items())
    title = "Question answerer on its ten tasks"
    write_results("question_quality", title, _rows(found), packages, None, NOTES, options)
    title = "Question answerer: accuracy of each task in %, mean of the seeds"
    module = "question_quality"
    write_results("question_quality_tasks", title, _task_rows(found), packages, None, NOTES[:2], options, module)


def _measure(run_dir, config):
    """Write quality.json of a run, {name: measured} of its network and the baselines, unless it is there."""
    path = run_dir / "quality.json"
    if path.exists():
        return
    from apps.question_answerer.answerer import Answerer
    from apps.question_answerer.baseline import fit_frequent, fit_words
    from apps.question_answerer.data import split_examples
    from apps.question_answerer.metrics import measure

    splits = {name: part.questions for name, part in split_examples(read_examples(config), config).items()}
    answerer = Answerer(run_dir)
    labels = {name: answerer.answers.indices(part) for name, part in splits.items()}

    def measured(name, answers):
        return measure(answers == labels[name], [each.task for each in splits[name]])

    def answered(name):
        part = splits[name]
        return answerer([each.story for each in part], [each.question for each in part]).argmax(axis=1)

    result = measured("test", answered("test"))
    result["validation"] = measured("validation", answered("validation"))
    result["epochs"] = len(files.read_csv(run_dir / "history.csv"))
    result["weights"] = answerer.model.count_params()
    report = {config.model: result}
    for name, fit in zip(BASELINES, (fit_words, fit_frequent), strict=True):
        report[name] = measured("test", fit(splits["train"], labels["train"])(splits["test"]))
    files.write_json(path, report)


def _spread(values, digits=1):
    """Return mean and standard deviation, which a single value does not have."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def _rows(found):
    rows = []
    for (size, model), results in sorted(grouped(found).items(), key=lambda each: (each[0][0], -len(each[1][0]))):
        validation = [100 * each["validation"]["mean_error"] for each in results if "validation" in each]
        rows.append({
            "questions a task": f"{size:,}",
            "model": NAMES.get(model, model),
            "seeds": str(len(results)) if validation else "",
            "mean error, %": _spread([100 * each["mean_error"] for each in results]),
            "best": f"{100 * min(each['mean_error'] for each in results):.1f}",
            "failed tasks of 10": _spread([each["failed"] for each in results], int(len(results) > 1)),
            "validation error, %": _spread(validation) if validation else "",
            "epochs": f"{results[0]['epochs']}" if validation else "",
            "s an epoch": f"{min(each['epoch_seconds'] for each in results):.0f}" if validation else "",
            "weights": f"{results[0]['weights']:,}" if validation else "",
        })  # fmt: skip
    return rows


def _task_rows(found):
    groups = grouped(found)
    names = list(next(iter(groups.values()))[0]["tasks"])
    columns = sorted(groups, key=lambda each: (each[0], each[1] in BASELINES, each[1]))
    return [
        {
            "task": task,
            **{
                f"{NAMES.get(model, model)}, {size:,}": _spread(
                    [100 * each["tasks"][task]["value"] for each in groups[size, model]]
                )
                for size, model in columns
            },
        }
        for task in names
    ]


if __name__ == "__main__":
    sys.exit(cli.run(question_quality))
