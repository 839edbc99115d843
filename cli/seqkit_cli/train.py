"""``seqkit train TASK``: open a corpus, train, keep the run."""

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from seqkit.config.presets import PRESETS, preset_settings
from seqkit.config.task_tables import CLASSIFIERS, CONFIGS, TRAINING
from seqkit.config.training import TrainConfig
from seqkit.errors import CheckpointError, ConfigError, CorpusError, SeqkitError
from seqkit.metrics.metric import shown
from seqkit.runs.folder import RunFolder, next_run_path
from seqkit_cli.options import DeviceOption, PrecisionOption, read_config, with_options

__all__ = ["app"]

app = typer.Typer(help="Train a model on a corpus.", no_args_is_help=True)

Corpus = Annotated[
    str | None, typer.Option(help="Embedded name, owner/name[:config] of the hub, or local file or folder.")
]
DevFraction = Annotated[float, typer.Option(help="Share of train that becomes dev where there is none.")]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What every training can be told, besides its corpus and its settings."""

    out: Annotated[
        Path | None, typer.Option(help=r"Run folder to write. \[default: runs/TASK, then runs/TASK-2, …]")
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that --out holds.")] = False
    resume: Annotated[Path | None, typer.Option(help="Go on with the unfinished training in this run.")] = None
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; the command line wins.")] = None
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print every setting, as a file for --config, and train nothing.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"


@dataclass(frozen=True, kw_only=True)
class _AskedOfTagger(_Asked):
    """The same, of a corpus of tagged words."""

    token_column: Annotated[str | None, typer.Option(help="Name or index of the token column.")] = None
    tag_column: Annotated[str | None, typer.Option(help="Name or index of the tag column.")] = None

    def columns(self) -> dict[str, str | None]:
        """The columns as ``open_corpus`` takes them."""
        return {"token_column": self.token_column, "tag_column": self.tag_column}


@dataclass(frozen=True, kw_only=True)
class _AskedOfClassifier(_Asked):
    """The same, of a corpus of labelled texts."""

    text_column: Annotated[str | None, typer.Option(help="Name of the text column.")] = None
    label_column: Annotated[str | None, typer.Option(help="Name of the label column.")] = None

    def columns(self) -> dict[str, str | None]:
        """The columns as ``open_corpus`` takes them."""
        return {"text_column": self.text_column, "tag_column": self.label_column}


def _on_a_corpus(task: str, default_corpus: str | None, kind: type, purpose: str) -> Callable[..., None]:
    @with_options(("Model", CONFIGS[task]), ("Training", TRAINING[task]), shared=kind)
    def command(
        context: typer.Context,
        corpus: Corpus = default_corpus,
        dev_fraction: DevFraction = 0.1,
        encoding: Encoding = "utf-8",
        *,
        asked: _AskedOfTagger | _AskedOfClassifier,
        settings: dict[str, Any],
    ) -> None:
        opening = {"spec": corpus, "dev_fraction": dev_fraction, **asked.columns(), "encoding": encoding}
        _train(task, opening, settings, asked, context)

    command.__doc__ = purpose
    return command


@with_options(
    ("Model: the preset supplies what is not given", CONFIGS["lm"]),
    ("Training: likewise", TrainConfig),
    shared=_Asked,
    defaults=False,
)
def _language_model(
    context: typer.Context,
    corpus: Corpus = "prose-mini",
    preset: Annotated[str, typer.Option(help=f"Settings to begin from: {', '.join(PRESETS)}.")] = "tiny",
    dev_fraction: DevFraction = 0.1,
    text_column: Annotated[str | None, typer.Option(help="Name of the text column of tables and datasets.")] = None,
    encoding: Encoding = "utf-8",
    *,
    asked: _Asked,
    settings: dict[str, Any],
) -> None:
    """Train a language model on running text; --print-config shows all settings of a preset."""
    opening = {"spec": corpus, "dev_fraction": dev_fraction, "text_column": text_column, "encoding": encoding}
    _train("lm", opening, {"preset": preset, **settings}, asked, context)


def _refuse_with_resume(context: typer.Context) -> None:
    """Only where to compute, how long and how loudly may be said anew."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if refused := sorted(given - {"resume", "quiet", "device", "precision", "max_minutes"}):
        option = refused[0].replace("_", "-")
        raise ConfigError(
            f"--resume goes on in the same folder, with the same corpus and settings: leave out --{option}"
        )


def _resumed(task: str, run: Path, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and corpus of an unfinished run, with a time limit of its own."""
    saved = RunFolder(run).read_run()
    if saved["task"] != task:
        raise ConfigError(f"{run} is a {saved['task']} run; resume it with seqkit train {saved['task']}")
    opening = {key: value for key, value in saved["corpus"].items() if key != "fingerprint"}
    return {**saved["settings"], "max_minutes": 0.0, **given}, opening


def _run_path(task: str, out: Path | None, overwrite: bool) -> Path:
    if out is None:
        return next_run_path(task)
    folder = RunFolder(out)
    if folder.has_model and not overwrite:
        raise CheckpointError(f"{out} holds a model already; --overwrite replaces it, or choose another --out")
    if out.exists() and not folder.has_model and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} is there and is no run folder; choose another --out")
    return out


def _train(task: str, opening: dict[str, Any], settings: dict[str, Any], asked: _Asked, context: typer.Context) -> None:
    values = {**(read_config(asked.config, CONFIGS[task], TrainConfig) if asked.config else {}), **settings}
    if asked.resume:
        _refuse_with_resume(context)
        values, opening = _resumed(task, asked.resume, settings)
    elif task != "lm":
        opening["seed"] = values.get("seed", 1)
    if asked.print_config:
        print(_as_toml(task, values))
        return
    if opening["spec"] is None:
        raise ConfigError(f"seqkit train {task} needs --corpus")
    model, data = _model(task, values, asked), _data(task, opening)
    about = {**opening, "fingerprint": data["fingerprint"]}
    if asked.resume and about["fingerprint"] != RunFolder(asked.resume).read_run()["corpus"]["fingerprint"]:
        raise CheckpointError(f"the corpus {opening['spec']} has changed since {asked.resume} was begun; train anew")
    path = asked.resume or _run_path(task, asked.out, asked.overwrite)
    resume, progress = asked.resume is not None, not asked.quiet
    try:
        model.fit(data["train"], dev=data["dev"], out=path, resume=resume, about=about, progress=progress)
    except (SeqkitError, KeyboardInterrupt):
        if not RunFolder(path).has_model and path.is_dir() and not any(path.iterdir()):
            path.rmdir()  # it was only reserved
        raise
    _conclude(model, path, asked.quiet)


def _model(task: str, values: dict[str, Any], asked: _Asked) -> Any:
    if task == "lm":
        from seqkit.language_model import LanguageModel

        return LanguageModel(device=asked.device, precision=asked.precision, **values)
    if task in CLASSIFIERS:
        from seqkit.classifier import Classifier

        return Classifier(task, device=asked.device, precision=asked.precision, **values)
    from seqkit.tagger import Tagger

    return Tagger(task, device=asked.device, precision=asked.precision, **values)


def _data(task: str, opening: dict[str, Any]) -> dict[str, Any]:
    """The splits to learn from and to choose by, and the fingerprint of the corpus."""
    if task == "lm":
        from seqkit.data.texts import open_texts, texts_fingerprint

        texts = open_texts(**opening)
        if "dev" not in texts:
            raise CorpusError("the corpus has no dev split; add a file for it, or train with --dev-fraction")
        return {"train": texts["train"], "dev": texts["dev"], "fingerprint": texts_fingerprint(texts)}
    from seqkit.data.corpora import corpus_fingerprint, open_corpus, require_split

    corpus = open_corpus(**opening)
    train, dev = require_split(corpus, "train"), require_split(corpus, "dev")
    return {"train": train, "dev": dev, "fingerprint": corpus_fingerprint(corpus)}


def _as_toml(task: str, values: dict[str, Any]) -> str:
    """Every setting that has a value, a line each."""
    defaults: dict[str, Any] = asdict(TRAINING[task])
    if task == "lm":
        defaults = preset_settings(values["preset"])
        values = {name: value for name, value in values.items() if name != "preset"}
    model, training = CONFIGS[task], TrainConfig
    every = {
        field.name: getattr(made, field.name)
        for kind in (model, training)
        for made in [kind(**{name: value for name, value in {**defaults, **values}.items() if name in _names(kind)})]
        for field in fields(made)
    }
    return "\n".join(f"{name} = {json.dumps(value)}" for name, value in every.items() if value is not None)


def _names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


ENDINGS = {
    "finished": "finished",
    "early stop": "stopped early, as dev got no better,",
    "time": "stopped, as the time was up,",
    "interrupted": "interrupted",
}


def _conclude(model: Any, path: Path, quiet: bool) -> None:
    outcome = model.outcome
    lines = [f"{ENDINGS[outcome.reason]} after {outcome.seconds:.0f} s"]
    if outcome.history:
        best = shown(model.metric, outcome.best).removesuffix(" %")
        lines[0] += f": best dev {model.metric} {best} in epoch {outcome.best_epoch}"
    if outcome.reason in ("interrupted", "time"):
        lines.append(f"go on with: seqkit train {model.task} --resume {shlex.quote(str(path))}")
    if not quiet or outcome.reason == "interrupted":
        print(*lines, sep="\n", file=sys.stderr)
    print(path)
    if outcome.reason == "interrupted":
        raise typer.Exit(130)


COMMANDS: dict[str, tuple[str | None, type, str]] = {
    "ner": ("ner-mini", _AskedOfTagger, "Train a tagger of named entities, or of any other spans of words."),
    "pos": (None, _AskedOfTagger, "Train a tagger of plain tags, such as parts of speech."),
    "sentiment": (
        "sentiment-mini",
        _AskedOfClassifier,
        "Train a classifier of sentiment: positive or negative, or as many degrees as the corpus has.",
    ),
    "classifier": (None, _AskedOfClassifier, "Train a classifier of texts: topics, intents, or any other labels."),
}
for _task, _about in COMMANDS.items():
    app.command(_task)(_on_a_corpus(_task, *_about))
app.command("lm")(_language_model)
