"""The report of language models: perplexity and the other scores of running text, and generated text."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from seqkit.tasks.spec import Scores, TaskSpec
from seqkit_cli.reports.report import EvaluateOptions, GenerateOptions, Report, score_lines, speed

if TYPE_CHECKING:
    from seqkit.data.texts import Texts
    from seqkit.generation.generate import GeneratedToken
    from seqkit.language_model import GeneratedText, LanguageModel

__all__ = ["TEXT", "TextScores"]

NAME_WIDTH = 20


@dataclass(frozen=True)
class TextScores:
    """The scores of running text."""

    scores: Scores

    def print(self, spec: TaskSpec[Any], title: str) -> None:
        """Print title, scores and speed."""
        print(title, score_lines(spec, self.scores.scores, NAME_WIDTH), speed(spec, self.scores), sep="\n")


def _evaluate(model: "LanguageModel", split: "Texts", options: EvaluateOptions) -> TextScores:
    from seqkit.config.adaptive import CacheConfig, DynamicConfig

    cache = CacheConfig() if options.cache else None
    dynamic = DynamicConfig() if options.dynamic else None
    return TextScores(model.evaluate(split, cache=cache, dynamic=dynamic))


def _generate(model: "LanguageModel", prompt: str, options: GenerateOptions) -> None:
    shown = prompt if options.echo else ""
    plain = not (options.as_json or options.logprobs)
    if plain and options.stream and options.num_samples == 1 and not options.beam:
        _print_pieces(model.stream(prompt, seed=options.seed, **options.settings), shown)
        return
    texts = model.generate(
        prompt, num_samples=options.num_samples, beam=options.beam, seed=options.seed, **options.settings
    )
    for number, text in enumerate(texts, start=1):
        if options.as_json:
            print(json.dumps(text.to_dict(tokens=options.logprobs), ensure_ascii=False))
            continue
        if len(texts) > 1:
            print(_heading(number, len(texts), text))
        if options.logprobs:
            _print_tokens(text.tokens)
        else:
            _print_pieces([text.text], shown)


def _heading(number: int, count: int, text: "GeneratedText") -> str:
    heading = f"--- {number} of {count}"
    return heading if text.seed is None else f"{heading}, seed {text.seed}"


def _print_pieces(pieces: Iterable[str], prompt: str) -> None:
    """Print the prompt and a text piece by piece, and a line feed if the text does not end with one."""
    rest = iter(pieces)
    first = next(rest, "")  # if the prompt cannot be used, the error is raised here, before anything is printed
    last = ""
    for piece in chain([prompt, first], rest):
        print(piece, end="", flush=True)
        last = piece[-1:] or last
    if last not in ("", "\n"):
        print()


def _print_tokens(tokens: "Iterable[GeneratedToken]") -> None:
    for token in tokens:
        print(f"{token.log_probability:9.4f}  {token.piece.decode(errors='replace')!r}")


TEXT: Report["LanguageModel", "Texts"] = Report(
    models="language models",
    evaluate=_evaluate,
    evaluate_options=frozenset({"cache", "dynamic"}),
    formats=(),
    generate=_generate,
)
