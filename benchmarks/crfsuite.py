"""The baseline of the taggers: a linear-chain CRF over handcrafted features, from CRFsuite through sklearn-crfsuite.

It learns and predicts the tags of the corpus as they are (chunks in IOB2). The features of ``ran`` in ``Ada ran``::

    bias  prefix=r  suffix=n  prefix=ra  suffix=an  prefix=ran  suffix=ran
    word[-1]=ada  shape[-1]=Xxx  word[+0]=ran  shape[+0]=xxx  EOS

Source: Okazaki 2007, "CRFsuite: a fast implementation of Conditional Random Fields (CRFs)".
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from seqkit.data.corpora import open_corpus, require_split
from seqkit.errors import MissingExtraError
from seqkit.metrics.spans import span_scores, token_accuracy
from seqkit.text.tagging_schemes import Scheme, Span, spans_from_tags

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "Metric",
    "PeerResult",
    "crf_class",
    "fit_crf",
    "measure_crf",
    "sentence_features",
    "tag_score",
    "tag_sentences",
    "word_shape",
]

Metric = Literal["f1", "accuracy"]
Sequences = Sequence[Sequence[str]]

WINDOW = 2
LONGEST_AFFIX = 4
SETTINGS: Mapping[str, Any] = {
    "algorithm": "lbfgs",
    "c1": 0.1,
    "c2": 0.1,
    "max_iterations": 100,
    "all_possible_transitions": True,
}


class PeerResult(NamedTuple):
    """The result of a baseline: its score in 0..1, and the seconds of feature extraction and training.

    >>> PeerResult(score=0.78, seconds=23.0).score
    0.78
    """

    score: float
    seconds: float


def crf_class() -> Any:
    """Return the class ``sklearn_crfsuite.CRF``.

    Raises:
        MissingExtraError: if sklearn-crfsuite is not installed.
    """
    try:
        from sklearn_crfsuite import CRF
    except ImportError:
        raise MissingExtraError("sklearn-crfsuite", "bench") from None
    return CRF


def word_shape(word: str) -> str:
    """Return a word with X for uppercase, x for lowercase and d for digits; other characters are kept.

    >>> word_shape("BRCA1"), word_shape("co-op")
    ('XXXXd', 'xx-xx')
    """
    return "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)


def sentence_features(tokens: Sequence[str]) -> Sequences:
    """Return the names of the active features of each token of a sentence, one list for each token.

    >>> sentence_features(["Ada", "ran"])[1][-4:]
    ['shape[-1]=Xxx', 'word[+0]=ran', 'shape[+0]=xxx', 'EOS']
    """
    context = [(f"={token.lower()}", f"={word_shape(token)}") for token in tokens]
    features = []
    for position, token in enumerate(tokens):
        names = ["bias", *_word_features(token)]
        for neighbour in range(max(0, position - WINDOW), min(len(tokens), position + WINDOW + 1)):
            word, shape = context[neighbour]
            offset = f"[{neighbour - position:+d}]"
            names += [f"word{offset}{word}", f"shape{offset}{shape}"]
        features.append(names)
    if features:
        features[0].append("BOS")
        features[-1].append("EOS")
    return features


def _word_features(token: str) -> list[str]:
    classes = {"title": token.istitle(), "upper": token.isupper(), "digit": token.isdigit()}
    names = [name for name, holds in classes.items() if holds]
    for length in range(1, min(LONGEST_AFFIX, len(token)) + 1):
        names += [f"prefix={token[:length]}", f"suffix={token[-length:]}"]
    return names


def measure_crf(corpus: str, split: str, metric: Metric) -> PeerResult:
    """Train on the train split of a corpus, and score the predictions on another split.

    Args:
        corpus: the corpus, as an argument of ``seqkit.data.corpora.open_corpus``; chunk tags in IOB2.
        split: the split to score.
        metric: see :func:`tag_score`.

    Raises:
        MissingExtraError: if sklearn-crfsuite is not installed.
        CorpusError: if the corpus cannot be read, or does not have the split.
    """
    crf_class()  # fail now, not after reading a corpus
    splits = open_corpus(corpus)
    train_tokens, train_tags = _tagged(require_split(splits, "train"))
    tokens, gold = _tagged(require_split(splits, split))
    crf, seconds = fit_crf(train_tokens, train_tags)
    return PeerResult(tag_score(gold, list(tag_sentences(crf, tokens)), metric), seconds)


def fit_crf(tokens: Iterable[Sequence[str]], tags: Sequences, **changes: Any) -> tuple[Any, float]:
    """Train a ``sklearn_crfsuite.CRF``; return it, and the seconds of feature extraction and training.

    Args:
        tokens: the words of each sentence.
        tags: the tags of each sentence.
        **changes: settings of CRFsuite that differ from ``SETTINGS``.

    Raises:
        MissingExtraError: if sklearn-crfsuite is not installed.
    """
    crf = crf_class()(**{**SETTINGS, **changes})
    start = time.perf_counter()
    crf.fit(map(sentence_features, tokens), tags)
    return crf, time.perf_counter() - start


def tag_sentences(crf: Any, sentences: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Predict the tags of each sentence with a trained CRF."""
    for sentence in sentences:
        yield crf.predict_single(sentence_features(sentence))


def _tagged(dataset: "Dataset") -> tuple[Sequences, Sequences]:
    features: Any = dataset.features
    names = features["tags"].feature.names
    return dataset["tokens"][:], [[names[number] for number in tags] for tags in dataset["tags"][:]]


def tag_score(gold: Sequences, predicted: Sequences, metric: Metric) -> float:
    """Return the strict micro F1 of the chunks of IOB2 tags, or the accuracy of the tags; in 0..1.

    >>> tag_score([["B-PER", "O"]], [["I-PER", "O"]], "f1"), tag_score([["B-PER", "O"]], [["I-PER", "O"]], "accuracy")
    (0.0, 0.5)
    """
    if metric == "accuracy":
        return token_accuracy(gold, predicted)
    return span_scores(_chunks(gold), _chunks(predicted)).overall.f1


def _chunks(sequences: Sequences) -> list[list[Span]]:
    return [spans_from_tags(tags, Scheme.IOB2) for tags in sequences]
