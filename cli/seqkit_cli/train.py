"""``seqkit train TASK``: open a corpus, train, keep the run."""

import inspect
import json
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from seqkit.config.settings import build_configs
from seqkit.config.training import TrainConfig
from seqkit.data.corpus_kinds import FOUND_IN_CORPUS, OpenedCorpus
from seqkit.errors import CheckpointError, ConfigError, SeqkitError
from seqkit.runs.folder import RunFolder, next_run_path
from seqkit.tasks.spec import Model, TaskSpec
from seqkit_cli.chosen_run import open_remembered
from seqkit_cli.options import (
    DeviceOption,
    PrecisionOption,
    expand_parameter,
    option_name,
    read_config,
    text_option,
    with_options,
)

__all__ = ["train_commands"]

Corpus = Annotated[
    str | None,
    typer.Option(help="Name of an embedded corpus, owner/name[:config] on the hub, or a local file or folder."),
]
DevFraction = Annotated[float, typer.Option(help="Fraction of the training split used as dev if the corpus has none.")]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]

MAY_CHANGE = {"resume", "corpus", "quiet", "device", "precision", "max_minutes"}  # when a training is resumed
ENDINGS = {
    "finished": "finished",
    "early stop": "stopped early, as the dev score no longer improved,",
    "time": "stopped at the time limit",
    "interrupted": "interrupted",
}


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The options of every training, besides its corpus and its settings."""

    out: Annotated[
        Path | None, typer.Option(help=r"Run folder to write. \[default: runs/TASK, then runs/TASK-2, …]")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model in --out.")] = False
    resume: Annotated[Path | None, typer.Option(help="Resume the unfinished training in this run folder.")] = None
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; the command line wins.")] = None
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print every setting, as a file for --config, and do not train.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"


def train_commands(tasks: Mapping[str, TaskSpec[Any]]) -> typer.Typer:
    """Return ``seqkit train``, with a command for each task."""
    app = typer.Typer(help="Train a model on a corpus.", no_args_is_help=True)
    for spec in tasks.values():
        app.command(spec.name, help=spec.purpose)(_command(spec))
    return app


def _command(spec: TaskSpec[Any]) -> Callable[..., None]:
    model_panel, training_panel = "Model", "Training"
    if spec.presets is not None:
        model_panel, training_panel = "Model: the preset supplies what is not given", "Training: likewise"

    @expand_parameter("columns", [text_option(column.option, column.help) for column in spec.corpus.columns])
    @expand_parameter("preset", _preset_options(spec))
    @with_options(
        (model_panel, spec.config),
        (training_panel, spec.training),
        shared=_Asked,
        defaults=spec.presets is None,
    )
    def command(
        context: typer.Context,
        corpus: Corpus = spec.default_corpus,
        dev_fraction: DevFraction = 0.1,
        encoding: Encoding = "utf-8",
        *,
        columns: dict[str, str | None],
        preset: dict[str, str | None],
        asked: _Asked,
        settings: dict[str, Any],
    ) -> None:
        arguments = {column.argument: columns[column.option] for column in spec.corpus.columns}
        opening = {"spec": corpus, "dev_fraction": dev_fraction, **arguments, "encoding": encoding}
        _train(spec, opening, {**preset, **settings}, asked, context)

    return command


def _preset_options(spec: TaskSpec[Any]) -> list[inspect.Parameter]:
    if spec.presets is None:
        return []
    names = ", ".join(spec.presets.names)
    return [text_option("preset", f"Settings to start from: {names}.", spec.presets.default)]


def _train(
    spec: TaskSpec[Any], opening: dict[str, Any], settings: dict[str, Any], asked: _Asked, context: typer.Context
) -> None:
    values = {**(read_config(asked.config, spec.config, TrainConfig) if asked.config else {}), **settings}
    open_corpus = spec.corpus.open
    if asked.resume:
        values, opening, open_corpus = _resumed(spec, asked.resume, settings, opening, _given_with_resume(context))
    else:
        opening |= _opening_settings(spec, values)
    if asked.print_config:
        print(_as_toml(spec, values))
        return
    if opening.get("spec") is None:
        raise ConfigError(f"seqkit train {spec.name} needs --corpus")
    model = spec.model().for_task(spec.name, values, device=asked.device, precision=asked.precision)
    corpus = open_corpus(**opening)
    train, dev = corpus.require("train"), corpus.require("dev")
    about = {**opening, "fingerprint": corpus.fingerprint(), "columns": corpus.columns()}
    if corpus.commits:
        about["commits"] = list(corpus.commits)
    if asked.resume:
        _keep_corpus(asked.resume, about)
    path = asked.resume or _run_path(spec, asked.out, asked.overwrite)
    try:
        model.fit(
            train,
            dev=dev,
            out=path,
            overwrite=asked.overwrite,
            resume=asked.resume is not None,
            about=about,
            progress=not asked.quiet,
        )
    except (SeqkitError, KeyboardInterrupt):
        if not RunFolder(path).has_model and path.is_dir() and not any(path.iterdir()):
            path.rmdir()  # it was only reserved
        raise
    _conclude(spec, model, path, asked.quiet)


def _opening_settings(spec: TaskSpec[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the task and its training that opening the corpus needs; a task may lack some."""
    own = {field.name: field.default for field in fields(spec.config) if field.default is not MISSING}
    known = {**own, **asdict(spec.training), **values}
    return {name: known[name] for name in spec.corpus.settings if name in known}


def _given_with_resume(context: typer.Context) -> set[str]:
    """Return the names of the options that were given; raise ConfigError if one would change the resumed training."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if refused := sorted(given - MAY_CHANGE):
        option = option_name(refused[0])
        raise ConfigError(
            f"--resume continues in the same folder, with the same corpus and settings: leave out {option}"
        )
    return given


def _resumed(
    spec: TaskSpec[Any], run: Path, settings: dict[str, Any], opening: dict[str, Any], given: set[str]
) -> tuple[dict[str, Any], dict[str, Any], Callable[..., OpenedCorpus[Any]]]:
    """Return the settings of an unfinished run, and how its corpus is opened; a time limit starts anew."""
    saved = RunFolder(run).read_description()
    if saved["task"] != spec.name:
        raise ConfigError(f"{run} is a run of the task {saved['task']}; resume it with seqkit train {saved['task']}")
    values = {**saved["settings"], "max_minutes": 0.0, **settings}
    remembered = {key: value for key, value in saved["corpus"].items() if key not in FOUND_IN_CORPUS}
    if "corpus" in given:  # only its place may differ
        return values, {**(remembered or opening), "spec": opening["spec"], "revision": None}, spec.corpus.open
    return values, remembered, lambda **opening: open_remembered(spec.corpus, opening)


def _keep_corpus(run: Path, about: Mapping[str, Any]) -> None:
    """Make sure that a run goes on with the corpus that it was started on, and store where it is now."""
    folder = RunFolder(run)
    saved = folder.read_run()
    name, before = about["spec"], saved["corpus"]
    # A run of Python may not know its corpus by name; its data are compared when they have been prepared.
    if about["fingerprint"] != before.get("fingerprint", about["fingerprint"]):
        if name == before["spec"]:
            raise CheckpointError(f"the corpus {name} has changed since {run} was started; train again")
        raise CheckpointError(
            f"the corpus {name} has other contents than {before['spec']}, on which {run} was started; name that"
            " corpus, wherever it is now, or train again"
        )
    if about != before:
        folder.write({}, {"corpus": dict(about)})


def _run_path(spec: TaskSpec[Any], out: Path | None, overwrite: bool) -> Path:
    if out is None:
        return next_run_path(spec.name)
    RunFolder(out).check_can_create(overwrite=overwrite)
    return out


def _as_toml(spec: TaskSpec[Any], values: Mapping[str, Any]) -> str:
    """Return every setting that has a value, one per line."""
    settings = dict(values)
    defaults = asdict(spec.training)
    if spec.presets is not None:
        defaults |= spec.presets.settings(settings.pop("preset"))
    configs = build_configs(spec.config, {**defaults, **settings})
    every = {name: value for config in configs for name, value in asdict(config).items()}
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in every.items() if value is not None)


def _conclude(spec: TaskSpec[Any], model: Model[Any], path: Path, quiet: bool) -> None:
    """Print how training ended, and the run folder; exit with the code of the signal that interrupted it, if any."""
    outcome = model.outcome
    assert outcome is not None
    ending = f"{ENDINGS[outcome.reason]} after {outcome.seconds:.0f} s"
    if outcome.history:
        best = spec.metric.format_number(outcome.best)
        ending += f": best dev {spec.metric.name} {best} in epoch {outcome.best_epoch}"
    lines = [ending]
    if outcome.reason in ("interrupted", "time"):
        lines.append(f"resume with: seqkit train {spec.name} --resume {shlex.quote(str(path))}")
    if not quiet or outcome.reason == "interrupted":
        print(*lines, sep="\n", file=sys.stderr)
    if outcome.reason == "interrupted":
        with suppress(OSError):  # the terminal may be gone, which is what SIGHUP says
            _print_path(path)
        raise typer.Exit(128 + (outcome.signal or signal.SIGINT))
    _print_path(path)


def _print_path(path: Path) -> None:
    try:
        print(path, flush=True)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; the run is saved in {path}", "stdout") from None
