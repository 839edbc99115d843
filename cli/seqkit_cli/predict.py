"""``seqkit predict``: tag or classify a text, a file or what comes in on stdin."""

import codecs
import gc
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from seqkit.config.task_tables import CLASSIFIERS
from seqkit.errors import CorpusError
from seqkit.runs.folder import RunFolder, newest_run
from seqkit_cli.options import DeviceOption, PrecisionOption

if TYPE_CHECKING:
    from seqkit.classifier import ClassifiedText, Classifier
    from seqkit.tagger import TaggedText

__all__ = ["predict"]

MOST_LABELS = 3  # shown of a text
COLORS = ("cyan", "green", "yellow", "magenta", "red", "blue", "bright_cyan", "bright_green", "bright_yellow")


def predict(
    run: Annotated[str | None, typer.Argument(help="Run folder; the newest one where none is named.")] = None,
    text: Annotated[str | None, typer.Argument(help="Text, in quotes.")] = None,
    input_file: Annotated[
        str | None,
        typer.Option("--input", "-i", help="File with a text a line, or .jsonl with a text field; - is stdin."),
    ] = None,
    output: Annotated[
        Literal["text", "jsonl", "conll"],
        typer.Option("--format", help="How to print what was found; conll is for taggers."),
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Classifiers: say nothing where no label is as probable as this.")
    ] = 0.0,
    mc_samples: Annotated[
        int,
        typer.Option(min=0, help="Samples under dropout, for an interval around each probability; 0 for none."),
    ] = 0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Classifiers: show which words drove the label (needs the extra explain).")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Classifiers: write the same as a page to this file.")] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Tag or classify texts: coloured text, or JSON lines with character offsets and probabilities."""
    run, text = _arguments(run, text, input_file)
    path = run or newest_run({"ner", "pos", *CLASSIFIERS})
    task = RunFolder(path).read_run().get("task")  # a wrong folder is told before torch is loaded
    output = "jsonl" if as_json else output
    own = {"--min-confidence": min_confidence, "--explain": explain, "--html": html}
    if given := [] if task in CLASSIFIERS else [name for name, value in own.items() if value]:
        raise typer.BadParameter("only for classifiers", param_hint=given[0])
    if task in CLASSIFIERS and output == "conll":
        raise typer.BadParameter("conll is for taggers; choose text or jsonl", param_hint="--format")
    texts = iter([text]) if text is not None else _texts(input_file or "-")
    if task in CLASSIFIERS:
        from seqkit.classifier import Classifier

        classifier = Classifier.load(path, device=device, precision=precision)
        gc.freeze()  # what was loaded stays; the collector need not look through it for every few thousand results
        if explain or html:
            if mc_samples or min_confidence:
                option = "--mc-samples" if mc_samples else "--min-confidence"
                raise typer.BadParameter("an explanation knows neither", param_hint=f"{option} with --explain")
            _write_explanations(classifier, texts, html, as_json=output == "jsonl")
            return
        found = classifier.stream(texts, mc_samples=mc_samples, min_confidence=min_confidence)
        (_write_label_lines if output == "jsonl" else _write_labels)(found)
        return
    from seqkit.tagger import Tagger

    tagger = Tagger.load(path, device=device, precision=precision)
    gc.freeze()
    write = {"text": _write_text, "jsonl": _write_jsonl, "conll": _write_conll}[output]
    write(tagger.stream(texts, confidence=output != "conll", mc_samples=mc_samples), tagger.task == "ner")


def _arguments(run: str | None, text: str | None, input_file: str | None) -> tuple[str | None, str | None]:
    """The run and the text: one word alone is a run where there is such a run, or an input, else the text."""
    if run is not None and text is None and input_file is None and not _is_run(run):
        run, text = None, run
    if text is not None and input_file is not None:
        raise typer.BadParameter("give a text, in quotes, or --input, not both")
    if text is not None and not _is_unicode(text):
        raise typer.BadParameter("the text is not UTF-8")
    if text is None and input_file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text in quotes, or --input FILE; --input - reads what is typed")
    return run, text


def _is_run(word: str) -> bool:
    try:
        return RunFolder(word).has_model
    except (OSError, ValueError):  # no file can have such a name
        return False


def _is_unicode(text: str) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(name: str) -> Iterator[str]:
    """The texts of a file, one by one."""
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
                yield _text_of(line, name, number)


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Lines end at a line feed alone: other separators of Unicode are part of a text."""
    for number, line in enumerate(file, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            yield line.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 (byte {line[error.start]:#04x}); convert the file, for instance with iconv"
            raise CorpusError(message, file=name, line=number) from None


def _text_of(line: str, name: str, number: int) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str):
        raise CorpusError('this line is no JSON object with a "text"', file=name, line=number)
    if not _is_unicode(text):
        raise CorpusError("the text holds half of a surrogate pair, which is no character", file=name, line=number)
    return text


def _write_jsonl(results: Iterable["TaggedText"], spans: bool) -> None:
    for result in results:
        found: dict[str, Any] = {"text": result.text}
        if spans:
            found["entities"] = [_told(asdict(entity)) for entity in result.entities]
        else:
            found["tokens"] = [_told(token._asdict()) for token in result.tokens]
        print(json.dumps(found, ensure_ascii=False))


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """What was found, without what only Monte Carlo samples tell where there were none."""
    return {name: value for name, value in found.items() if value is not None or name not in ("spread", "interval")}


def _write_conll(results: Iterable["TaggedText"], spans: bool) -> None:
    for result in results:
        for word, tag in zip(result.words, result.tags, strict=True):
            print(f"{word}\t{tag}")
        print()


def _write_text(results: Iterable["TaggedText"], spans: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    colors: dict[str, str] = {}
    for result in results:
        line, end = Text(), 0
        marked = result.entities if spans else [(token, token.tag) for token in result.tokens]
        for item in marked:
            entity, label = item if isinstance(item, tuple) else (item, f"{item.label} {item.confidence:.2f}")
            if entity.interval is not None:
                label += f" ({entity.interval[0]:.2f} to {entity.interval[1]:.2f})"
            color = colors.setdefault(label.split()[0], COLORS[len(colors) % len(COLORS)])
            line.append(result.text[end : entity.start])
            line.append(f"[{entity.text}" if spans else entity.text, style=f"bold {color}" if spans else color)
            line.append(f" {label}]" if spans else f"/{label}", style=color if spans else f"dim {color}")
            end = entity.end
        line.append(result.text[end:])
        console.print(line)


def _write_label_lines(results: Iterable["ClassifiedText"]) -> None:
    for result in results:
        found: dict[str, Any] = {
            "text": result.text,
            "label": result.label,
            "confidence": result.confidence,
            "probabilities": {str(label): chance for label, chance in result.probabilities.items()},
        }
        if result.empty:
            found["empty"] = True
        if result.spread is not None and result.intervals is not None:
            found["spread"] = {str(label): spread for label, spread in result.spread.items()}
            found["intervals"] = {str(label): list(bounds) for label, bounds in result.intervals.items()}
        if result.attention is not None:
            found["attention"] = result.attention
        print(json.dumps(found, ensure_ascii=False))


def _write_labels(results: Iterable["ClassifiedText"]) -> None:
    """A line a text: the answer, the probabilities of the likeliest labels, the text."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    colors: dict[str, str] = {}
    for result in results:
        labels = result.label if isinstance(result.label, list) else [result.label]
        answer = "?" if result.label is None else ", ".join(map(str, labels)) or "none"
        style = "dim" if result.label is None else colors.setdefault(answer, COLORS[len(colors) % len(COLORS)])
        line = Text(answer, style=f"bold {style}")
        likeliest = sorted(result.probabilities, key=lambda label: -result.probabilities[label])[:MOST_LABELS]
        chances = []
        for label in likeliest:
            chance = f"{label} {result.probabilities[label]:.2f}"
            if result.intervals is not None:
                low, high = result.intervals[label]
                chance += f" [{low:.2f} to {high:.2f}]"
            chances.append(chance)
        line.append(f"  {' · '.join(chances)}", style=style)
        line.append("  (no words: how frequent labels are)" if result.empty else f"  {result.text}")
        console.print(line)


def _write_explanations(classifier: "Classifier", texts: Iterable[str], page: Path | None, *, as_json: bool) -> None:
    from rich.console import Console

    from seqkit.explanations import explain, html_page

    console = Console(highlight=False, soft_wrap=True)
    if page:  # better told now than when all is computed
        page.write_text(html_page([]), encoding="utf-8")
    found = []
    for text in texts:
        explanation = explain(classifier, text)
        if page:
            found.append(explanation)
        if as_json:
            said = {**asdict(explanation), "words": [word._asdict() for word in explanation.words]}
            print(json.dumps(said, ensure_ascii=False))
        elif console.is_terminal:
            console.print(explanation.to_rich())
        else:
            print(explanation.to_plain())
    if page:
        page.write_text(html_page(found), encoding="utf-8")
