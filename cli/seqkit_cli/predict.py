"""``seqkit predict``: make predictions for a text, a file or stdin."""

import codecs
import gc
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from seqkit.data.column_names import TOKENS
from seqkit.errors import CheckpointError, CorpusError
from seqkit.runs.folder import RunFolder
from seqkit.tasks.spec import Model
from seqkit_cli.chosen_run import ChosenRun, choose_run
from seqkit_cli.options import DeviceOption, Format, PrecisionOption, VerifyOption, option_name
from seqkit_cli.reports.table import models_with

if TYPE_CHECKING:
    from seqkit_cli.reports.report import GivenText, Predictions, PredictOptions, Report

__all__ = ["predict"]


def predict(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Run folder; the newest run if none is given.")] = None,
    text: Annotated[str | None, typer.Argument(help="Text, in quotes.")] = None,
    input_file: Annotated[
        str | None,
        typer.Option("--input", "-i", help="File with one text per line, or .jsonl with a text field; - is stdin."),
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
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    verify: VerifyOption = True,
) -> None:
    """Tag or classify texts: colored text, or JSON lines with character offsets and probabilities."""
    from seqkit_cli.reports.report import PredictOptions

    run, text = _arguments(run, text, input_file)
    chosen = choose_run(context, run, usable=lambda report: report.predict is not None, verify=verify)
    options = PredictOptions(
        min_confidence=min_confidence, mc_samples=mc_samples, explain=explain, html=html, tokens=tokens
    )
    texts = iter([text]) if text is not None else _texts(input_file or "-", _fields(chosen, tokens))
    _print_predictions(chosen, texts, "jsonl" if as_json else output, options, device, precision)


def _print_predictions(
    chosen: ChosenRun,
    texts: "Iterator[GivenText]",
    output: Format,
    options: "PredictOptions",
    device: DeviceOption,
    precision: PrecisionOption,
) -> None:
    if chosen.report.predict is None:
        raise CheckpointError(_no_predictions(chosen))
    _refuse_options(chosen, output, options)
    model = chosen.load(device=device, precision=precision)
    gc.freeze()  # the collector need not look through what was loaded for every few thousand results
    predictions = _predictions(chosen.report, model, texts, output, options)
    if output != "jsonl":
        predictions.print(output)
        return
    for result in predictions.results:
        print(json.dumps(result.to_dict(), ensure_ascii=False))


def _predictions(
    report: "Report[Any, Any]",
    model: Model[Any],
    texts: "Iterator[GivenText]",
    output: Format,
    options: "PredictOptions",
) -> "Predictions":
    from seqkit.data.labelled_rows import checked_texts

    if report.predict_words is not None:
        return report.predict_words(model, map(_words, texts) if options.tokens else texts, output, options)
    assert report.predict is not None
    return report.predict(model, checked_texts(texts), output, options)


def _no_predictions(chosen: ChosenRun) -> str:
    remedy = "; use 'seqkit generate'" if chosen.report.generate else ""
    return f"{chosen.path} has a model of the task {chosen.spec.name!r}, which makes no predictions{remedy}"


def _refuse_options(chosen: ChosenRun, output: Format, options: "PredictOptions") -> None:
    """Raise BadParameter if an option or a format was given that the report of the run does not accept."""
    for each in fields(options):
        accepted = each.name in chosen.report.predict_options
        if not accepted and getattr(options, each.name) != each.default:
            raise typer.BadParameter(f"only for {models_with(each.name)}", param_hint=option_name(each.name))
    if output not in chosen.report.formats:
        choices = " or ".join(chosen.report.formats)
        raise typer.BadParameter(f"{output} is for {models_with(output)}; choose {choices}", param_hint="--format")


def _arguments(run: str | None, text: str | None, input_file: str | None) -> tuple[str | None, str | None]:
    """Return the run and the text; a single argument is the run if it is one or there is an input, else the text."""
    if run is not None and text is None and input_file is None and not _is_run(run):
        run, text = None, run
    if text is not None and input_file is not None:
        raise typer.BadParameter("give a text, in quotes, or --input, not both")
    if text is not None and not _is_unicode(text):
        raise typer.BadParameter("the text is not UTF-8")
    if text is None and sys.stdin is None and input_file in (None, "-"):
        raise typer.BadParameter("give a text in quotes, or --input FILE; stdin is closed")
    if text is None and input_file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text in quotes, or --input FILE; --input - reads the terminal")
    return run, text


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
        yield from _lines(sys.stdin.buffer, "stdin")
        return
    with Path(name).open("rb") as file:
        lines = _lines(file, name)
        if Path(name).suffix.lower() not in (".jsonl", ".ndjson"):
            yield from lines
            return
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _text_of(line, fields, name, number)


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield lines, which end at a line feed only: Unicode's other line separators are part of a text."""
    for number, line in enumerate(file, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 (byte {line[error.start]:#04x}); convert the file, for instance with iconv"
            raise CorpusError(message, file=name, line=number) from None


def _text_of(line: str, fields: Sequence[str], name: str, number: int) -> "GivenText":
    try:
        record = json.loads(line)
    except ValueError:
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
