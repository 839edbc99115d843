"""A tagger with and without the states of a character language model: dev F1 on WNUT-17 for each seed.

::

    python -m benchmarks.contextual --data DIR

The language model reads in both directions, and is trained on ``DIR/wikitext2`` for 15 minutes on two cores (30 minutes
of CPU time). The taggers are those of ``seqkit train ner`` with default settings, alternately without and with
``--lm``.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.language_models import corpus_path, text_parser, trained, write_results
from benchmarks.timing import Table, run_script
from seqkit.data.corpora import open_corpus
from seqkit.data.texts import open_texts
from seqkit.language_model import LanguageModel
from seqkit.tagger import Tagger

__all__ = ["main"]

RARE = 20  # minimum count of a character: the 1,013 distinct ones of WikiText-2 are more than a model needs


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the language model, unless one is given, and the taggers; print the table, and write it to ``--out``.

    Raises:
        ConfigError: if a corpus does not exist.
    """
    parser = text_parser("python -m benchmarks.contextual", __doc__)
    parser.add_argument("--lm", type=Path, metavar="RUN", help="run folder of a trained language model to use")
    parser.add_argument("--lm-minutes", type=float, default=15.0, help="time limit of its training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="epochs of the taggers (default: that of seqkit train ner)")
    given = parser.parse_args(arguments)
    corpus = open_corpus(corpus_path(given.data, "wnut2017"))
    settings = {} if given.epochs is None else {"epochs": given.epochs}
    scores: dict[str, list[float]] = {"without": [], "with --lm": []}
    seconds: dict[str, list[float]] = {"without": [], "with --lm": []}
    with TemporaryDirectory() as folder:
        path, log = given.lm or (given.runs or Path(folder)) / "characters", []
        if given.lm is None:
            texts = open_texts(corpus_path(given.data, "wikitext2"))
            model = LanguageModel("char", direction="both", minimum_count=RARE, max_minutes=given.lm_minutes)
            log = trained(model, texts, path).log
        for seed in given.seeds:
            for name, lm in (("without", None), ("with --lm", str(path))):
                tagger = Tagger("ner", seed=seed, lm=lm, **settings).fit(corpus["train"], corpus["dev"])
                assert tagger.outcome is not None
                scores[name].append(tagger.evaluate(corpus["dev"]).scores["f1"])
                seconds[name].append(tagger.outcome.seconds)
                print(f"seed {seed}, {name}: F1 {100 * scores[name][-1]:.2f}", flush=True)
    rows = [
        [name, *(f"{100 * score:.2f}" for score in found), f"{100 * _mean(found):.2f}", f"{_mean(seconds[name]):.0f}"]
        for name, found in scores.items()
    ]
    table = Table(["tagger", *(f"seed {seed}" for seed in given.seeds), "mean", "seconds"], rows)
    logs = {"The language model": log} if log else {}
    write_results("WNUT-17 with a character language model", table, logs, given.out)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    run_script(main)
