"""``seqkit train TASK``: open a corpus, train, keep the run."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from seqkit.configs import CONFIGS, TrainConfig
from seqkit.errors import CheckpointError, ConfigError, SeqkitError
from seqkit.run_folder import RunFolder, next_run_path
from seqkit_cli.options import DeviceOption, PrecisionOption, read_config, with_options
from seqkit_cli.progress import Progress

__all__ = ["app"]

app = typer.Typer(help="Train a model on a corpus.", no_args_is_help=True)

Corpus = Annotated[
    str | None, typer.Option(help="Embedded name, owner/name[:config] of the hub, or local file or folder.")
]
Out = Annotated[Path | None, typer.Option(help=r"Run folder to write. \[default: runs/TASK, then runs/TASK-2, …]")]


def _trainer(task: str, default_corpus: str | None) -> Callable[..., None]:
    @with_options(("Model", CONFIGS[task]), ("Training", TrainConfig))
    def command(
        context: typer.Context,
        corpus: Corpus = default_corpus,
        out: Out = None,
        overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that --out holds.")] = False,
        resume: Annotated[Path | None, typer.Option(help="Go on with the unfinished training in this run.")] = None,
        config: Annotated[Path | None, typer.Option(help="TOML file of settings; the command line wins.")] = None,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
        device: DeviceOption = "auto",
        precision: PrecisionOption = "auto",
        dev_fraction: Annotated[float, typer.Option(help="Share of train that becomes dev where there is none.")] = 0.1,
        token_column: Annotated[str | None, typer.Option(help="Name or index of the token column.")] = None,
        tag_column: Annotated[str | None, typer.Option(help="Name or index of the tag column.")] = None,
        encoding: Annotated[str, typer.Option(help="Encoding of text files.")] = "utf-8",
        *,
        settings: dict[str, Any],
    ) -> None:
        values = {**(read_config(config, CONFIGS[task], TrainConfig) if config else {}), **settings}
        if resume:
            _refuse_with_resume(context)
        opening = {
            "spec": corpus,
            "dev_fraction": dev_fraction,
            "token_column": token_column,
            "tag_column": tag_column,
            "encoding": encoding,
            "seed": values.get("seed", 1),
        }
        if resume:
            values, opening = _resumed(task, resume, values)
        if opening["spec"] is None:
            raise ConfigError(f"seqkit train {task} needs --corpus")
        _train(task, opening, values, out=out, overwrite=overwrite, resume=resume, quiet=quiet, on=(device, precision))

    command.__doc__ = {
        "ner": "Train a tagger of named entities, or of any other spans of words.",
        "pos": "Train a tagger of plain tags, such as parts of speech.",
    }[task]
    return command


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


def _train(
    task: str,
    opening: dict[str, Any],
    settings: dict[str, Any],
    *,
    out: Path | None,
    overwrite: bool,
    resume: Path | None,
    quiet: bool,
    on: tuple[Any, Any],
) -> None:
    from seqkit.corpora import corpus_fingerprint, open_corpus, require_split
    from seqkit.tagger import Tagger

    tagger = Tagger(task, device=on[0], precision=on[1], **settings)
    corpus = open_corpus(**opening)
    train, dev = require_split(corpus, "train"), require_split(corpus, "dev")
    about = {**opening, "fingerprint": corpus_fingerprint(corpus)}
    if resume and about["fingerprint"] != RunFolder(resume).read_run()["corpus"]["fingerprint"]:
        raise CheckpointError(f"the corpus {opening['spec']} has changed since {resume} was begun; train anew")
    path = resume or _run_path(task, out, overwrite)
    progress = Progress(tagger.metric, quiet=quiet)
    try:
        tagger.fit(train, dev, out=path, resume=resume is not None, about=about, report=progress)
    except (SeqkitError, KeyboardInterrupt):
        if not RunFolder(path).has_model and path.is_dir() and not any(path.iterdir()):
            path.rmdir()  # it was only reserved
        raise
    finally:
        progress.close()
    _conclude(tagger, path, quiet)


ENDINGS = {
    "finished": "finished",
    "early stop": "stopped early, as dev got no better,",
    "time": "stopped, as the time was up,",
    "interrupted": "interrupted",
}


def _conclude(tagger: Any, path: Path, quiet: bool) -> None:
    outcome = tagger.outcome
    lines = [f"{ENDINGS[outcome.reason]} after {outcome.seconds:.0f} s"]
    if outcome.history:
        lines[0] += f": best dev {tagger.metric} {100 * outcome.best:.2f} in epoch {outcome.best_epoch}"
    if outcome.reason in ("interrupted", "time"):
        lines.append(f"go on with: seqkit train {tagger.task} --resume {shlex.quote(str(path))}")
    if not quiet or outcome.reason == "interrupted":
        print(*lines, sep="\n", file=sys.stderr)
    print(path)
    if outcome.reason == "interrupted":
        raise typer.Exit(130)


app.command("ner")(_trainer("ner", "ner-mini"))
app.command("pos")(_trainer("pos", None))
