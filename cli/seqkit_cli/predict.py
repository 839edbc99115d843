"""``seqkit predict``: make predictions for a text, a file or stdin."""

import gc
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqkit.data.column_names import TOKENS
from seqkit.errors import CheckpointError, CorpusError
from seqkit.runs.folder import RunFolder
from seqkit.tasks.spec import Model
from seqkit_cli.chosen_run import ChosenRun, choose_run
from seqkit_cli.input_lines import read_lines
from seqkit_cli.options import DeviceOption, Format, PrecisionOption, VerifyOption, option_name
from seqkit_cli.reports.table import models_with

if TYPE_CHECKING:
    from seqkit_cli.reports.report import GivenText, Predictions, PredictOptions

__all__ = ["predict"]


def predict(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Run folder; the newest run if none is given.")] = None,
    text: Annotated[str | None, typer.Argument(help="Text, in quotes.")] = None,
    input_file: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            help="File with one text per line, or .jsonl with a text field; - is stdin. A model of series reads a file"
            " such as it was trained on.",
        ),
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Taggers: texts are words separated by spaces, or tokens in .jsonl.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="Format of the output; conll is for taggers.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Classifiers: predict no label with less confidence than this.")
    ] = 0.0,
    mc_samples: Annotated[
        int,
        typer.Option(min=0, help="Number of Monte Carlo dropout samples, for an interval around each probability."),
    ] = 0,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Classifiers: show the contribution of each word (needs the extra explain)."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Classifiers: write the explanations as a page to this file.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Detectors of anomalies: score the lines of stdin as they come, each a number, a row of CSV, or JSON.",
        ),
    ] = False,
    level: Annotated[
        str, typer.Option(help="Forecasters: levels of the intervals in per cent, separated by commas.")
    ] = "90",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    verify: VerifyOption = True,
) -> None:
    """Tag or classify texts, or score series: text, or JSON lines with all details."""
    from seqkit_cli.reports.report import PredictOptions

    run, text = _run_and_text(run, text, input_file)
    _check_input(text, input_file)
    chosen = choose_run(context, run, usable=lambda report: report.predicts, verify=verify)
    options = PredictOptions(
        min_confidence=min_confidence,
        mc_samples=mc_samples,
        explain=explain,
        html=html,
        tokens=tokens,
        follow=follow,
        level=level,
    )
    output = "jsonl" if as_json else output
    _check_usable(chosen, text, output, options)
    if chosen.report.predict_file is None and text is None:
        _check_stdin(input_file)
    model = chosen.load(device=device, precision=precision)
    gc.freeze()  # the collector need not look through what was loaded for every few thousand results
    _print(_predictions(chosen, model, text, input_file, output, options), output, follow)


def _print(predictions: "Predictions", output: Format, follow: bool) -> None:
    if output != "jsonl":
        predictions.print(output)
        return
    for result in predictions.results:
        print(json.dumps(result.to_dict(), ensure_ascii=False), flush=follow)


def _predictions(
    chosen: ChosenRun,
    model: Model[Any],
    text: str | None,
    input_file: str | None,
    output: Format,
    options: "PredictOptions",
) -> "Predictions":
    from seqkit.data.labelled_rows import checked_texts
    from seqkit_cli.reports.report import InputFile

    report = chosen.report
    if report.predict_file is not None:
        given = InputFile(name=input_file, kind=chosen.spec.corpus, trained_on=chosen.header["corpus"])
        return report.predict_file(model, given, output, options)
    texts = iter([text]) if text is not None else _texts(input_file or "-", _fields(chosen, options.tokens))
    if report.predict_words is not None:
        return report.predict_words(model, map(_words, texts) if options.tokens else texts, output, options)
    assert report.predict is not None
    return report.predict(model, checked_texts(texts), output, options)


def _no_predictions(chosen: ChosenRun) -> str:
    remedy = "; use 'seqkit generate'" if chosen.report.generate else ""
    return f"{chosen.path} has a model of the task {chosen.spec.name!r}, which makes no predictions{remedy}"


def _check_usable(chosen: ChosenRun, text: str | None, output: Format, options: "PredictOptions") -> None:
    """Raise an error if the run makes no predictions, or or is given what it does not accept."""
    if not chosen.report.predicts:
        raise CheckpointError(_no_predictions(chosen))
    if text is not None and chosen.report.predict_file is not None:
        raise typer.BadParameter(f"a run of the task {chosen.spec.name} reads no text; give a file with --input")
    for each in fields(options):
        accepted = each.name in chosen.report.predict_options
        if not accepted and getattr(options, each.name) != each.default:
            raise typer.BadParameter(f"only for {models_with(each.name)}", param_hint=option_name(each.name))
    if output not in chosen.report.formats:
        choices = " or ".join(chosen.report.formats)
        raise typer.BadParameter(f"{output} is for {models_with(output)}; choose {choices}", param_hint="--format")


def _run_and_text(run: str | None, text: str | None, input_file: str | None) -> tuple[str | None, str | None]:
    """Return the run and the text; a single argument is the run if it is one or there is an input, else the text."""
    if run is not None and text is None and input_file is None and not _is_run(run):
        return None, run
    return run, text


def _check_input(text: str | None, input_file: str | None) -> None:
    if text is not None and input_file is not None:
        raise typer.BadParameter("give a text, in quotes, or --input, not both")
    if text is not None and not _is_unicode(text):
        raise typer.BadParameter("the text is not UTF-8")


def _check_stdin(input_file: str | None) -> None:
    """Raise BadParameter if texts would be read from stdin and it is closed, or is a terminal not asked for."""
    if sys.stdin is None and input_file in (None, "-"):
        raise typer.BadParameter("give a text in quotes, or --input FILE; stdin is closed")
    if input_file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text in quotes, or --input FILE; --input - reads the terminal")


def _is_run(word: str) -> bool:
    try:
        return RunFolder(word).has_model
    except (OSError, ValueError):  # no file can have such a name
        return False


def _is_unicode(text: str) -> bool:
    """Return whether a text can be encoded; half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields(chosen: ChosenRun, tokens: bool) -> tuple[str, ...]:
    """Return the fields of a JSON object that can hold a text, the preferred one first."""
    if chosen.report.predict_words is None:
        return ("text",)
    return (*TOKENS, "text") if tokens else ("text", *TOKENS)


def _words(text: "GivenText") -> list[str]:
    """Return the words of a text, which spaces or tabs separate."""
    return re.findall(r"[^ \t]+", text) if isinstance(text, str) else text


def _texts(name: str, fields: Sequence[str]) -> "Iterator[GivenText]":
    """Yield the texts of a file; those of JSON lines are in one of some fields."""
    if name == "-":
        yield from read_lines(sys.stdin.buffer, "stdin")
        return
    with Path(name).open("rb") as file:
        lines = read_lines(file, name)
        if Path(name).suffix.lower() not in (".jsonl", ".ndjson"):
            yield from lines
            return
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _text_of(line, fields, name, number)


def _text_of(line: str, fields: Sequence[str], name: str, number: int) -> "GivenText":
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    given = record if isinstance(record, dict) else {}
    field = next((field for field in fields if given.get(field) is not None), "text")
    text = given.get(field)
    if field != "text":
        words = _words_in(text, field, name, number)
    elif isinstance(text, str):
        words = [text]
    else:
        wanted = ' or "tokens"' if len(fields) > 1 else ""
        raise CorpusError(f'this line is not a JSON object with a "text"{wanted}', file=name, line=number)
    if not all(map(_is_unicode, words)):
        raise CorpusError("the text has half of a surrogate pair, which is not a character", file=name, line=number)
    return text if isinstance(text, str) else words


def _words_in(value: object, field: str, name: str, number: int) -> list[str]:
    from seqkit.data.tagged_rows import words_of

    try:
        return words_of(value)
    except CorpusError as error:
        raise CorpusError(f"{field!r}: {error}", file=name, line=number) from None
