"""``seqkit evaluate``: score a run on a split of a corpus."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from seqkit.config.task_tables import CLASSIFIERS, CONFIGS

from seqkit.errors import CorpusError
from seqkit.metrics.metric import shown
from seqkit.runs.folder import RunFolder, newest_run
from seqkit_cli.options import DeviceOption, PrecisionOption

if TYPE_CHECKING:
    from rich.console import Console

    from seqkit.tasks.tagging import TaggedExamples, TagPrediction
    from seqkit.training.evaluate import Evaluation

__all__ = ["evaluate"]

MISSED = -1.0  # stands for the confidence of an entity that was not found at all
CONTEXT = 6  # words shown on each side of an error


def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder; the newest one where none is named.")] = None,
    corpus: Annotated[str | None, typer.Option(help=r"Corpus to score. \[default: the one of the run]")] = None,
    split: Annotated[str, typer.Option(help="Split to score: train, dev or test.")] = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    errors: Annotated[
        int, typer.Option(min=0, help="Taggers, classifiers: how many of the most confident errors to print.")
    ] = 10,
    pictures: Annotated[
        Path | None, typer.Option(help="Classifiers: folder for a confusion matrix and a reliability diagram (PNG).")
    ] = None,
    cache: Annotated[bool, typer.Option("--cache", help="Language models: mix in a neural cache.")] = False,
    dynamic: Annotated[bool, typer.Option("--dynamic", help="Language models: learn from what was read.")] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    token_column: Annotated[str | None, typer.Option(help="Name or index of the token column.")] = None,
    tag_column: Annotated[str | None, typer.Option(help="Name or index of the tag column.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Name of the label column of tables and datasets.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Name of the text column of tables and datasets.")] = None,
    encoding: Annotated[str | None, typer.Option(help=r"Encoding of text files. \[default: utf-8]")] = None,
) -> None:
    """Score a run. A tagger: precision, recall, F1, confusions, errors. A classifier: accuracy, F1, calibration,
    confusions, errors. A language model: perplexity, bits per byte.
    """
    path = run or newest_run(set(CONFIGS))
    about = RunFolder(path).read_run()
    task = about["task"]
    kind = task if task == "lm" else "classifier" if task in CLASSIFIERS else "tagger"
    own: dict[str, dict[str, Any]] = {
        "lm": {"--cache": cache or None, "--dynamic": dynamic or None},
        "classifier": {"--label-column": label_column, "--pictures": pictures},
        "tagger": {"--token-column": token_column, "--tag-column": tag_column},
    }
    if kind == "tagger" and text_column is not None:
        raise typer.BadParameter(f"not for a run of the task {task}", param_hint="--text-column")
    for name, value in [pair for each, options in own.items() if each != kind for pair in options.items()]:
        if value is not None:
            raise typer.BadParameter(f"not for a run of the task {task}", param_hint=name)
    columns: dict[str, Any] = {
        "lm": {"text_column": text_column},
        "classifier": {"tag_column": label_column, "text_column": text_column},
        "tagger": {"token_column": token_column, "tag_column": tag_column},
    }[kind]
    opening = _opening(about["corpus"], {"spec": corpus, "encoding": encoding, **columns})
    on: dict[str, Any] = {"device": device, "precision": precision}
    title = f"{path} on {opening['spec']} ({split})"
    named = corpus is not None
    if kind == "lm":
        _evaluate_language_model(path, title, opening, split, on, cache=cache, dynamic=dynamic, as_json=as_json)
    elif kind == "classifier":
        from seqkit.classifier import Classifier
        from seqkit_cli.classification_report import report

        rows = _rows(opening, split, named)
        classifier = Classifier.load(path, **on)
        found = classifier.score_examples(rows)
        report(classifier, title, *found, pictures=pictures, errors=errors, as_json=as_json)
    else:
        _evaluate_tagger(path, title, opening, split, on, named=named, errors=errors, as_json=as_json)


def _opening(trained_on: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """How to open the corpus: the one of the run as it was opened then, so that a dev split is the same one."""
    opening: dict[str, Any] = {"dev_fraction": 0.0}
    if asked["spec"] is None or asked["spec"] == trained_on.get("spec"):
        opening |= {key: value for key, value in trained_on.items() if key != "fingerprint"}
    opening |= {key: value for key, value in asked.items() if value is not None}
    if opening.get("spec") is None:
        raise typer.BadParameter(
            "this run does not say which corpus it was trained on; name one", param_hint="--corpus"
        )
    return opening


def _split_meant(splits: Collection[str], split: str) -> str:
    """Of a single file its only split, whatever it is called."""
    return "train" if split == "dev" and list(splits) == ["train"] else split


def _rows(opening: dict[str, Any], split: str, named: bool) -> Any:
    """A split of a corpus; where a corpus was named that is a single file, its only one."""
    from seqkit.data.corpora import open_corpus, require_split

    opened = open_corpus(**opening)
    return require_split(opened, _split_meant(opened, split) if named else split)


def _evaluate_language_model(
    path: Path,
    title: str,
    opening: dict[str, Any],
    split: str,
    on: dict[str, Any],
    *,
    cache: bool,
    dynamic: bool,
    as_json: bool,
) -> None:
    from seqkit.config.adaptive import CacheConfig, DynamicConfig
    from seqkit.data.texts import open_texts
    from seqkit.language_model import LanguageModel

    texts = open_texts(**opening)
    split = _split_meant(texts, split)
    if split not in texts:
        raise CorpusError(f"the corpus has no split {split!r}, only {', '.join(texts)}; choose one of these")
    model = LanguageModel.load(path, **on)
    found = model.evaluate(
        texts[split], cache=CacheConfig() if cache else None, dynamic=DynamicConfig() if dynamic else None
    )
    rate = found.tokens / found.seconds
    if as_json:
        print(json.dumps({**found.scores, "tokens": found.tokens, "tokens_per_second": round(rate, 1)}))
        return
    print(title)
    for name, score in found.scores.items():
        print(f"{name.replace('_', ' '):<20} {shown(name, score)}")
    print(f"{found.tokens:,} tokens, {rate:,.0f} tokens/s")


def _evaluate_tagger(
    path: Path,
    title: str,
    opening: dict[str, Any],
    split: str,
    on: dict[str, Any],
    *,
    named: bool,
    errors: int,
    as_json: bool,
) -> None:
    from seqkit.tagger import Tagger

    rows = _rows(opening, split, named)
    tagger = Tagger.load(path, **on)
    examples, evaluation = tagger.score_examples(rows, confidence=not as_json)
    if as_json:
        rate = evaluation.tokens / evaluation.seconds
        numbers = {**evaluation.scores, "tokens": evaluation.tokens, "tokens_per_second": round(rate, 1)}
        print(json.dumps(numbers))
    else:
        from rich.console import Console

        _print(Console(highlight=False), title, examples, evaluation, errors)


def _print(console: "Console", title: str, examples: "TaggedExamples", evaluation: "Evaluation", errors: int) -> None:
    console.print(f"[bold]{title}[/bold]")
    scores = "  ".join(f"{name} {100 * score:.2f} %" for name, score in evaluation.scores.items())
    rate = evaluation.tokens / evaluation.seconds
    console.print(f"{scores}\n{evaluation.tokens:,} tokens, {rate:,.0f} tokens/s")
    assert examples.gold is not None
    if "f1" in evaluation.scores:
        _print_types(console, examples.gold, evaluation.predictions)
    if errors:
        _print_errors(console, examples, evaluation.predictions, errors)


def _print_types(console: "Console", gold: list["TagPrediction"], predicted: list["TagPrediction"]) -> None:
    from rich.table import Table

    from seqkit.metrics.spans import span_scores, type_confusion

    gold_spans, predicted_spans = [g.spans for g in gold], [p.spans for p in predicted]
    table = Table("type", title="Entities by type", title_justify="left")
    for name in ("precision", "recall", "F1", "gold", "predicted", "correct"):
        table.add_column(name, justify="right")
    for label, score in span_scores(gold_spans, predicted_spans).by_type.items():
        ratios = [f"{100 * ratio:.2f}" for ratio in score[:3]]
        table.add_row(label, *ratios, *map(str, score[3:]))
    console.print(table)
    confusion = type_confusion(gold_spans, predicted_spans)
    columns = list(next(iter(confusion.values()))) if confusion else []
    table = Table("gold \\ predicted", title="Types of spans with the same borders", title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    for row, counts in confusion.items():
        table.add_row(row, *(str(counts[column]) for column in columns))
    console.print(table)


def _print_errors(
    console: "Console", examples: "TaggedExamples", predicted: list["TagPrediction"], errors: int
) -> None:
    from rich.text import Text

    # What was missed has no confidence and comes last.
    found = sorted(_errors(examples, predicted), key=lambda error: -error[0])
    missed = sum(error[0] == MISSED for error in found)
    which = "Errors" if len(found) <= errors else f"The {errors} most confident of {len(found)} errors"
    console.print(f"[bold]{which}[/bold] ({len(found) - missed} wrong{f', {missed} missed' if missed else ''})")
    for confidence, words, start, end, said, gold in found[:errors]:
        before, after = words[max(0, start - CONTEXT) : start], words[end : end + CONTEXT]
        line = Text("missed  " if confidence == MISSED else f"{confidence:6.3f}  ")
        line.append("".join(["… " * (start > CONTEXT), *(f"{word} " for word in before)]))
        line.append(f"[{' '.join(words[start:end])}]", style="bold red")
        line.append("".join([*(f" {word}" for word in after), " …" * (end + CONTEXT < len(words))]))
        line.append(f"   said {said}, gold {gold}", style="cyan")
        console.print(line, soft_wrap=True)


def _errors(examples: "TaggedExamples", predicted: list["TagPrediction"]) -> Iterator[tuple[Any, ...]]:
    """Every wrong or missed span, or wrong plain tag: confidence, sentence, borders, what was said, what is right."""
    for words, gold, said in zip(examples.tokens, examples.gold or [], predicted, strict=True):
        if not gold.spans and not said.spans and len(said.confidence) == len(words):
            for place, (right, tag, confidence) in enumerate(zip(gold.tags, said.tags, said.confidence, strict=True)):
                if right != tag:
                    yield confidence, words, place, place + 1, tag, right
            continue
        for span, confidence in zip(said.spans, said.confidence, strict=True):
            if span not in gold.spans:
                over = [g for g in gold.spans if g.start < span.end and span.start < g.end]
                named = [
                    f"{g.label} '{' '.join(words[g.start : g.end])}'" if g[:2] != span[:2] else g.label for g in over
                ]
                yield confidence, words, span.start, span.end, span.label, ", ".join(named) or "nothing"
        for span in gold.spans:
            if not any(s.start < span.end and span.start < s.end for s in said.spans):
                yield MISSED, words, span.start, span.end, "nothing", span.label
