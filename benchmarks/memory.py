"""The memory that seqkit needs to tag very long texts and very many short ones, and to generate a million tokens.

::

    python -m benchmarks.memory

Every figure is the memory of a whole new process: Python, torch, the model, the text and the results. The short texts
are made of random letters, so that anything that caches words shows up. Memory is read from ``/proc``, so this needs
Linux.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple, TypeVar, get_args

from benchmarks.decoding import untrained
from benchmarks.timing import (
    Options,
    Table,
    machine,
    options_of,
    print_progress,
    run_script,
    script_parser,
    train_and_dev,
)
from seqkit.errors import ConfigError
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger

__all__ = ["LONG_TEXTS", "Growth", "Way", "growth", "main", "peak", "report", "short_texts", "writing"]

Found = TypeVar("Found")
Way = Literal["one by one", "streamed"]

STATUS = Path("/proc/self/status")
WARM_UP, PREDICTIONS = 10_000, 100_000
TOKENS = 1_000_000


def _words(number: int, sentence: int) -> str:
    """Return random words, with a full stop as every ``sentence``-th token; 0 for none."""
    chosen = random.Random(1)
    words = []
    for place in range(1, number + 1):
        words.append("." if sentence and place % sentence == 0 else _word(chosen).title())
    return " ".join(words)


def _word(chosen: random.Random) -> str:
    return "".join(chosen.choices("abcdefghijklmnopqrstuvwxyz", k=chosen.randint(1, 12)))


LONG_TEXTS: Mapping[str, Callable[[], str]] = {
    "100,000 words in sentences": lambda: _words(100_000, 20),
    "100,000 words without an end of a sentence": lambda: _words(100_000, 0),
    "one word of 300,000 characters": lambda: "long" * 75_000,
}


def short_texts(number: int) -> Iterator[str]:
    """Generate texts of 1 to 20 random words, the same in every call.

    >>> list(short_texts(2)) == list(short_texts(2)), all(1 <= len(text.split()) <= 20 for text in short_texts(99))
    (True, True)
    """
    chosen = random.Random(1)
    for _ in range(number):
        yield " ".join(_word(chosen) for _ in range(chosen.randint(1, 20)))


class Growth(NamedTuple):
    """The memory of a process in MB after warming up, and at the end.

    >>> f"{Growth(before=200.0, after=201.0).share:.1%}"
    '0.5%'
    """

    before: float
    after: float

    @property
    def share(self) -> float:
        """The growth as a fraction of the memory before."""
        return self.after / self.before - 1


def peak(run: Path, text: str) -> float:
    """Return the peak memory in MB of a new process that loads a run and tags one of the long texts.

    Raises:
        ConfigError: if memory cannot be read.
    """
    return _in_new_process(_peak, run, text)


def growth(run: Path, way: Way, warm_up: int = WARM_UP, predictions: int = PREDICTIONS) -> Growth:
    """Return the memory of a new process that loads a run and tags short texts, before and after many predictions.

    Args:
        run: the run folder of a tagger.
        way: one call of ``predict`` for each text, or one call of ``stream`` for all.
        warm_up: number of texts tagged before the first measurement.
        predictions: number of texts tagged between the two measurements.

    Raises:
        ConfigError: if memory cannot be read.
    """
    return _in_new_process(_growth, run, way, warm_up, predictions)


def _in_new_process(work: Callable[..., Found], *given: object) -> Found:
    if not STATUS.exists():
        raise ConfigError(f"memory can only be measured on Linux: there is no {STATUS}")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def _megabytes(field: str) -> float:
    lines = (line.split() for line in STATUS.read_text(encoding="utf-8").splitlines())
    return next(int(words[1]) / 1024 for words in lines if words[0] == f"{field}:")


def _peak(run: Path, text: str) -> float:
    list(Tagger.load(run, device="cpu").stream([LONG_TEXTS[text]()]))
    return _megabytes("VmHWM")


def _growth(run: Path, way: Way, warm_up: int, predictions: int) -> Growth:
    tagger = Tagger.load(run, device="cpu")
    texts = short_texts(warm_up + predictions)
    tagged = tagger.stream(texts) if way == "streamed" else (tagger.predict([text])[0] for text in texts)
    held = []
    for number, _ in enumerate(tagged, start=1):
        if number in (warm_up, warm_up + predictions):
            held.append(_megabytes("VmRSS"))
    return Growth(*held)


def writing(run: Path, warm_up: int = TOKENS // 10, tokens: int = TOKENS) -> Growth:
    """Return the memory of a new process that generates one endless text, before and after many tokens.

    Args:
        run: the run folder of a language model.
        warm_up: number of tokens generated before the first measurement.
        tokens: number of tokens generated between the two measurements.

    Raises:
        ConfigError: if memory cannot be read.
    """
    return _in_new_process(_writing, run, warm_up, tokens)


def _writing(run: Path, warm_up: int, tokens: int) -> Growth:
    model, held = LanguageModel.load(run, device="cpu"), []
    pieces = model.stream_samples("", [1], max_tokens=warm_up + tokens, ignore_end=True)
    for number, _ in enumerate(pieces, start=1):
        if number in (warm_up, warm_up + tokens):
            held.append(_megabytes("VmRSS"))
    return Growth(*held)


def report(options: Options, predictions: int = PREDICTIONS, tokens: int = TOKENS) -> str:
    """Return the section of the report, in Markdown.

    Args:
        options: options of all benchmarks; the device is always the CPU, and ``quick`` reduces both numbers.
        predictions: number of texts tagged after warming up on a tenth as many.
        tokens: number of tokens generated after warming up on a tenth as many.
    """
    if options.quick:
        predictions, tokens = 100, 1000
    train, dev = train_and_dev("ner-mini", Options(quick=True))  # its size matters, not its accuracy
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        Tagger(epochs=2, device="cpu").fit(train, dev).save(run)
        peaks = []
        for text in LONG_TEXTS:
            peaks.append([text, f"{peak(run, text):.0f}"])
            print_progress(f"memory: {' '.join(peaks[-1])}")
        grown = []
        for way in get_args(Way):
            grown.append(_cells(way, growth(run, way, predictions // 10, predictions)))
            print_progress(f"memory: {' '.join(grown[-1])}")
        untrained(128).save(run)
        written = [_cells("one stream", writing(run, tokens // 10, tokens))]
        print_progress(f"memory: {' '.join(written[-1])}")
    parts = [
        "## Memory of prediction and generation",
        "Peak memory in MB of a whole process that tags one text.",
        str(Table(["text", "peak MB"], peaks)),
        f"Memory of a process after {predictions // 10:,} short texts, and after {predictions:,} more.",
        str(Table(["texts", "MB before", "MB after", "growth"], grown)),
        f"Memory of a process after generating {tokens // 10:,} characters, and after {tokens:,} more.",
        str(Table(["text", "MB before", "MB after", "growth"], written)),
    ]
    return "\n\n".join(parts)


def _cells(name: str, found: Growth) -> list[str]:
    return [name, f"{found.before:.0f}", f"{found.after:.0f}", f"{found.share:.1%}".replace("%", " %")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the tables. Arguments default to those of the command line."""
    parser = script_parser("python -m benchmarks.memory", __doc__)
    parser.add_argument("--predictions", type=int, default=PREDICTIONS, help="short texts to tag after warming up")
    given = parser.parse_args(arguments)
    print(f"Machine: {machine('cpu')}\n\n{report(options_of(given), given.predictions)}")


if __name__ == "__main__":
    run_script(main)
