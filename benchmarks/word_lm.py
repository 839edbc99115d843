"""Word language models on WikiText-2: validation perplexity after a fixed training time.

::

    python -m benchmarks.word_lm --data DIR

``DIR/wikitext2`` contains ``train.txt`` and ``valid.txt``, tokenized as published: 2,088,628 and 217,646 tokens
including line ends, and 33,278 distinct words. Any preset for word models can be measured; the recipes of Zaremba et
al. (2014) and Merity et al. (2018) take hours on a GPU.
"""

from collections.abc import Sequence

from benchmarks.language_models import corpus_path, text_parser, trained, write_results
from benchmarks.timing import Table, run_script
from seqkit.data.texts import open_texts
from seqkit.language_model import LanguageModel

__all__ = ["PUBLISHED", "main"]

PUBLISHED = {"awd-wt2": "65.8 on test, after 750 epochs (Merity et al. 2018, table 2)"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the table, and write it with all epochs to ``--out``.

    Raises:
        ConfigError: if the texts do not exist.
    """
    parser = text_parser("python -m benchmarks.word_lm", __doc__)
    parser.add_argument("--preset", nargs="+", default=["word"])
    parser.add_argument("--minutes", type=float, default=30.0, help="time limit of each training")
    given = parser.parse_args(arguments)
    texts = open_texts(corpus_path(given.data, "wikitext2"))
    rows, logs = [], {}
    for preset in given.preset:
        model = LanguageModel(preset, pretokenized=True, max_minutes=given.minutes, seed=given.seed)
        found = trained(model, texts, given.runs and given.runs / f"{preset}-{given.minutes:g}-minutes")
        perplexity = f"{found.scores['perplexity']:.2f}"
        rows.append([preset, PUBLISHED.get(preset, ""), f"{found.parameters:,}", f"{found.minutes:.1f}", perplexity])
        logs[f"--preset {preset} --max-minutes {given.minutes:g}"] = found.log
    table = Table(["preset", "published perplexity", "parameters", "minutes", "validation perplexity"], rows, texts=2)
    write_results("Words of WikiText-2", table, logs, given.out)


if __name__ == "__main__":
    run_script(main)
