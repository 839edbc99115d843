"""``seqkit evaluate``: score a run on a split of a corpus."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqkit.data.corpus_kinds import FOUND_IN_CORPUS, Column, OpenedCorpus
from seqkit.errors import SeqkitError
from seqkit.tasks.spec import TaskSpec
from seqkit_cli.chosen_run import ChosenRun, choose_run, is_gone, open_remembered
from seqkit_cli.options import DeviceOption, PrecisionOption, VerifyOption, expand_parameter, option_name, text_option

if TYPE_CHECKING:
    from seqkit_cli.reports.report import EvaluateOptions

__all__ = ["evaluate_command"]


def evaluate_command(tasks: Mapping[str, TaskSpec[Any]]) -> Callable[..., None]:
    """Return the command, with an option for each column of the tasks' corpora."""
    options = [text_option(column.option, column.help) for column in _columns(tasks).values()]
    return expand_parameter("columns", options)(_evaluate)


def _columns(tasks: Mapping[str, TaskSpec[Any]]) -> dict[str, Column]:
    """Return the columns of all kinds of corpora by their option; kinds may share an option."""
    columns: dict[str, Column] = {}
    for spec in tasks.values():
        for column in spec.corpus.columns:
            columns.setdefault(column.option, column)
    return columns


def _evaluate(
    context: typer.Context,
    run: Annotated[Path | None, typer.Argument(help="Run folder; the newest run if none is given.")] = None,
    corpus: Annotated[str | None, typer.Option(help=r"Corpus to score. \[default: the corpus of the run]")] = None,
    split: Annotated[str, typer.Option(help="Split to score: train, dev or test.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    errors: Annotated[
        int, typer.Option(min=0, help="Taggers, classifiers: number of errors to print, the most confident ones first.")
    ] = 10,
    pictures: Annotated[Path | None, typer.Option(help="Classifiers, forecasters: folder for figures (PNG).")] = None,
    cache: Annotated[bool, typer.Option("--cache", help="Language models: mix in a neural cache.")] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Language models: adapt the weights to the text read so far.")
    ] = False,
    backtest: Annotated[
        int, typer.Option(min=0, help="Forecasters: score forecasts from this many origins at the end of each series.")
    ] = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    verify: VerifyOption = True,
    encoding: Annotated[str | None, typer.Option(help=r"Encoding of text files. \[default: utf-8]")] = None,
    *,
    columns: dict[str, str | None],
) -> None:
    """Score a run on a split of a corpus.

    A tagger: precision, recall, F1, confusions, errors.
    A classifier: accuracy, F1, calibration, confusions, errors.
    A language model: perplexity, bits per byte.
    A forecaster: MASE, MAE, RMSE, sMAPE, coverage, beside the seasonal naive forecast.
    """
    from seqkit_cli.reports.report import EvaluateOptions

    chosen = choose_run(context, run, verify=verify)
    options = EvaluateOptions(errors=errors, pictures=pictures, cache=cache, dynamic=dynamic, backtest=backtest)
    _refuse_options(chosen, options)
    asked = {"spec": corpus, "encoding": encoding, **_column_arguments(chosen, columns)}
    opening, splits = _opened(chosen, asked)
    if corpus is not None and split == "dev" and "train" in splits.splits and not {"dev", "test"} & set(splits.splits):
        split = "train"  # of a single file, whose split has no name of its own
    rows = splits.require(split)
    model = chosen.load(device=device, precision=precision)
    found = chosen.report.evaluate(model, rows, replace(options, errors=0) if as_json else options)
    if as_json:
        print(json.dumps(found.scores.to_dict(chosen.spec.step)))
    else:
        found.print(chosen.spec, f"{chosen.path} on {opening['spec']} ({split})")


def _refuse_options(chosen: ChosenRun, options: "EvaluateOptions") -> None:
    """Raise BadParameter if an option was given that the report of the run does not accept."""
    for each in fields(options):
        accepted = each.name in chosen.report.evaluate_options
        if not accepted and getattr(options, each.name) != each.default:
            raise _not_for(chosen, each.name)


def _column_arguments(chosen: ChosenRun, columns: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the arguments that open the corpus for the columns that were given."""
    arguments = {column.option: column.argument for column in chosen.spec.corpus.columns}
    for option, value in columns.items():
        if value is not None and option not in arguments:
            raise _not_for(chosen, option)
    return {argument: columns[option] for option, argument in arguments.items()}


def _not_for(chosen: ChosenRun, option: str) -> typer.BadParameter:
    return typer.BadParameter(f"not for a run of the task {chosen.spec.name}", param_hint=option_name(option))


def _opened(chosen: ChosenRun, asked: Mapping[str, str | None]) -> tuple[Mapping[str, Any], OpenedCorpus[Any]]:
    """Return how the corpus is opened, and the corpus.

    The corpus of the run is opened as for training, so that dev is the same split, even if it has been moved.
    """
    kind, trained_on = chosen.spec.corpus, chosen.header["corpus"]
    given = {key: value for key, value in asked.items() if value is not None}
    remembered = {key: value for key, value in trained_on.items() if key not in FOUND_IN_CORPUS}
    before = remembered.get("spec")
    if "spec" not in given and before is None:
        raise typer.BadParameter("the run does not name the corpus it was trained on; give one", param_hint="--corpus")
    as_trained = {"dev_fraction": 0.0, **remembered, **given}
    if given.get("spec", before) == before:
        return as_trained, open_remembered(kind, as_trained)
    if isinstance(before, str) and "fingerprint" in trained_on and is_gone(before):
        with suppress(SeqkitError):  # another corpus may have no such columns
            moved = kind.open(**as_trained)
            if moved.fingerprint() == trained_on["fingerprint"]:
                return as_trained, moved
    settings = {name: chosen.header["settings"].get(name) for name in kind.settings}
    needed = {name: value for name, value in settings.items() if value is not None}
    opening = {"dev_fraction": 0.0, **needed, **given}
    return opening, kind.open(**opening)
