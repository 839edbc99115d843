"""The speed of seqkit's tagger in training and prediction, compared with a textbook pipeline and CRFsuite.

::

    python -m benchmarks.tagging_step --data DIR

The *textbook* pipeline, in this file, is what a good tutorial would write: the same features and sizes, a packed
``nn.LSTM``, pytorch-crf, plain AdamW, batches with a fixed number of shuffled sentences, no average of the weights. A
*training step* is everything that a batch costs: collation, loss, gradients, clipping, optimizer. *Prediction* reads a
file of tokens and writes a file of tokens and tags; for CRFsuite it includes feature extraction. seqkit and the
textbook compute in float32; *bfloat16* is seqkit with ``precision="bfloat16"``.

Shapes: B batch, T time, L characters, A affixes of a word, K labels.
"""

import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torchcrf
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from benchmarks.crfsuite import crf_class, fit_crf, tag_sentences
from benchmarks.encoder import packed_states
from benchmarks.tagging_quality import find_corpora
from benchmarks.timing import (
    Measured,
    Options,
    Table,
    interleaved,
    interleaved_rates,
    machine,
    options_of,
    print_progress,
    run_script,
    script_parser,
    spread_note,
    train_and_dev,
)
from seqkit.config.training import TrainConfig
from seqkit.tagger import Tagger
from seqkit.tasks.tag_prediction import TagPrediction
from seqkit.tasks.tagging import TaggedExamples, TaggingTask
from seqkit.text.long_words import LONGEST_WORD
from seqkit.text.vocabulary import AFFIX_LENGTHS, UNKNOWN_ID, WORD_SHAPES, affixes
from seqkit.training.device import Device, cpu_has_bfloat16
from seqkit.training.trainer import Trainer

__all__ = ["CORPORA", "Findings", "TextbookTagger", "collate", "file_to_file", "main", "measure", "report"]

CORPORA = ("ner-mini", "ncbi_disease", "bc5cdr")
ROUNDS = 7
STEPS = 20  # of each function per round
MOST_TOKENS = 200_000  # maximum size of the file to tag
SENTENCES_AT_ONCE = 32  # batch size of the textbook in prediction

TaggingTrainer = Trainer[TaggedExamples, TagPrediction, Sequence[int]]
Tag = Callable[[Sequence[Sequence[str]]], Iterable[list[str]]]


class EncodedSentence(NamedTuple):
    """The ids of each token of a sentence; ``labels`` is empty if they are unknown."""

    words: list[int]
    characters: list[list[int]]
    shapes: list[int]
    affixes: list[list[int]]
    labels: list[int]


class TextbookBatch(NamedTuple):
    """A padded batch; the lengths are on the CPU."""

    words_BT: Tensor
    characters_BTL: Tensor
    shapes_BT: Tensor
    affixes_BTA: Tensor
    labels_BT: Tensor
    mask_BT: Tensor
    lengths_B: Tensor


def collate(sentences: Sequence[EncodedSentence], device: str | torch.device) -> TextbookBatch:
    """Pad sentences to a batch.

    >>> ran = EncodedSentence(words=[4], characters=[[2, 3, 2]], shapes=[1], affixes=[[0] * 5], labels=[])
    >>> collate([ran], "cpu").characters_BTL.tolist()
    [[[2, 3, 2]]]
    """
    longest = max(len(word) for sentence in sentences for word in sentence.characters)
    columns: Sequence[Sequence[Any]] = (
        [sentence.words for sentence in sentences],
        [[word + [0] * (longest - len(word)) for word in sentence.characters] for sentence in sentences],
        [sentence.shapes for sentence in sentences],
        [sentence.affixes for sentence in sentences],
        [sentence.labels or [0] * len(sentence.words) for sentence in sentences],
        [[True] * len(sentence.words) for sentence in sentences],
    )
    padded = [pad_sequence([torch.tensor(ids) for ids in column], True).to(device) for column in columns]
    return TextbookBatch._make([*padded, torch.tensor([len(sentence.words) for sentence in sentences])])


class TextbookTagger(nn.Module):
    """Word embedding, character CNN, shape and affix embeddings → bidirectional LSTM → linear layer → CRF.

    Args:
        task: a seqkit tagger, which provides sizes, dropout rates, vocabularies and labels.
    """

    def __init__(self, task: TaggingTask) -> None:
        super().__init__()
        config = task.config
        self.word_ids = {word: number for number, word in enumerate(task.tokenizer.words.entries)}
        self.character_ids = {character: number for number, character in enumerate(task.reader.characters.entries)}
        self.affix_ids = {affix: number for number, affix in enumerate(task.reader.affixes.entries)}
        self.labels = task.labels
        self.words = nn.Embedding(len(self.word_ids), config.word_size, padding_idx=0)
        self.characters = nn.Embedding(len(self.character_ids), config.character_size, padding_idx=0)
        self.convolution = nn.Conv1d(config.character_size, config.character_filters, kernel_size=3, padding=2)
        self.shapes = nn.Embedding(len(WORD_SHAPES), config.shape_size, padding_idx=0)
        self.affixes = nn.Embedding(len(self.affix_ids), config.affix_size, padding_idx=0)
        self.input_dropout = nn.Dropout(config.input_dropout)
        width = config.word_size + config.character_filters + config.shape_size + len(AFFIX_LENGTHS) * config.affix_size
        self.lstm = nn.LSTM(width, config.hidden_size, config.num_layers, batch_first=True, bidirectional=True)
        self.state_dropout = nn.Dropout(config.state_dropout)
        self.scores = nn.Linear(2 * config.hidden_size, len(self.labels))
        self.crf = torchcrf.CRF(len(self.labels), batch_first=True)

    def encode(self, words: Sequence[str], tags: Sequence[str] = ()) -> EncodedSentence:
        """Return the ids of a sentence."""
        return EncodedSentence(
            words=[self.word_ids.get(re.sub(r"\d", "0", word.lower()), UNKNOWN_ID) for word in words],
            characters=[[self.character_ids.get(c, UNKNOWN_ID) for c in word[:LONGEST_WORD]] for word in words],
            shapes=[_shape(word) for word in words],
            affixes=[[self.affix_ids.get(affix, UNKNOWN_ID) for affix in affixes(word)] for word in words],
            labels=[self.labels.index(tag) for tag in tags],
        )

    def forward(self, batch: TextbookBatch) -> Tensor:
        """Return the score of each label for each token, (B, T, K)."""
        rows, time, longest = batch.characters_BTL.shape
        embedded = self.characters(batch.characters_BTL.view(rows * time, longest)).transpose(1, 2)
        spelling = self.convolution(embedded).relu().max(dim=2).values.view(rows, time, -1)
        affixes = self.affixes(batch.affixes_BTA).flatten(2)
        vectors = torch.cat([self.words(batch.words_BT), spelling, self.shapes(batch.shapes_BT), affixes], dim=-1)
        states = packed_states(self.lstm, self.input_dropout(vectors), batch.lengths_B)
        scores: Tensor = self.scores(self.state_dropout(states))
        return scores

    def loss(self, batch: TextbookBatch) -> Tensor:
        """Return the mean negative log-likelihood per token."""
        likelihood: Tensor = self.crf(self(batch), batch.labels_BT, batch.mask_BT, reduction="token_mean")
        return -likelihood

    def steps(self, sentences: Sequence[EncodedSentence], batch_size: int) -> Iterator[int]:
        """Train without end on sentences shuffled with a fixed seed, and yield the number of tokens of each step."""
        training, device = TrainConfig(), self.scores.weight.device
        optimizer = torch.optim.AdamW(self.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
        order, shuffler = list(sentences), random.Random(1)
        while True:
            shuffler.shuffle(order)
            for start in range(0, len(order), batch_size):
                batch = collate(order[start : start + batch_size], device)
                self.train()
                optimizer.zero_grad()
                self.loss(batch).backward()
                nn.utils.clip_grad_norm_(self.parameters(), training.clip_norm)
                optimizer.step()
                yield int(batch.lengths_B.sum())

    def tag(self, sentences: Sequence[Sequence[str]]) -> Iterator[list[str]]:
        """Predict the tags of sentences, in order."""
        self.eval()
        for start in range(0, len(sentences), SENTENCES_AT_ONCE):
            encoded = [self.encode(words) for words in sentences[start : start + SENTENCES_AT_ONCE]]
            batch = collate(encoded, self.scores.weight.device)
            with torch.no_grad():
                decoded = self.crf.decode(self(batch), batch.mask_BT)
            for labels in decoded:
                yield [self.labels[label] for label in labels]


def _shape(word: str) -> int:
    kinds = (word.islower(), word.isupper(), word.istitle(), word.isdigit(), word.isalpha(), word.isalnum(), True)
    return 1 + kinds.index(True)


def _seqkit_steps(trainer: TaggingTrainer) -> Iterator[int]:
    """Train without end, with the learning rate of half the schedule, and yield the number of tokens of each step."""
    for epoch in count():
        for rows in trainer.sampler.epoch(epoch):
            trainer.set_learning_rate(0.5)
            yield trainer.train_step(rows, step=True).steps


def _seqkit_tags(tagger: Tagger, sentences: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Predict the tags of sentences as a user does."""
    for tagged in tagger.stream(sentences, confidence=False):
        yield tagged.tags


def file_to_file(tag: Tag, source: Path, target: Path) -> None:
    """Tag a file that has one token per line and an empty line after each sentence.

    Args:
        tag: function that predicts the tags of sentences.
        source: the file to tag.
        target: the file to write, with a token, a tab and a tag on each line.
    """
    blocks = source.read_text(encoding="utf-8").split("\n\n")
    sentences = [block.split("\n") for block in blocks if block]
    with target.open("w", encoding="utf-8") as file:
        for words, tags in zip(sentences, tag(sentences), strict=True):
            lines = [f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)]
            file.write("".join(lines) + "\n")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The measurements on one corpus.

    Attributes:
        corpus: name of the corpus.
        tokens: number of tokens in the train split.
        batch: mean number of tokens per batch.
        training, prediction: tokens per second of each implementation.
        changed: share of the tags of dev that bfloat16 changes; None on a CPU without bfloat16.
        crf: the CRF's share of the time of a training step.
        crfsuite_seconds: duration of CRFsuite's feature extraction and training; None if it was skipped.
    """

    corpus: str
    tokens: int
    batch: float
    training: Mapping[str, Measured]
    prediction: Mapping[str, Measured]
    changed: float | None
    crf: float
    crfsuite_seconds: float | None

    def training_cells(self) -> list[str]:
        """Return the cells of its row in the table of training."""
        seqkit, textbook = self.training["seqkit"].median, self.training["textbook"].median
        rates = [f"{self.batch:.0f}", f"{seqkit:,.0f}", f"{textbook:,.0f}", f"{seqkit / textbook:.2f}"]
        seconds = self.crfsuite_seconds
        peer = ["-", "-"] if seconds is None else [f"{seconds:.1f}", f"{seconds * seqkit / self.tokens:.1f}"]
        return [self.corpus, *rates, f"{100 * self.crf:.1f} %", *peer]

    def prediction_cells(self) -> list[str]:
        """Return the cells of its row in the table of prediction."""
        rates = {peer: measured.median for peer, measured in self.prediction.items()}
        peers = ("seqkit", "bfloat16", "textbook", "crfsuite")
        ratios = [("seqkit", "textbook"), ("seqkit", "crfsuite"), ("bfloat16", "crfsuite")]
        return [
            self.corpus,
            *(f"{rates[peer]:,.0f}" if peer in rates else "-" for peer in peers),
            *(f"{rates[one] / rates[other]:.2f}" if {one, other} <= rates.keys() else "-" for one, other in ratios),
            "-" if self.changed is None else f"{100 * self.changed:.3f} %",
        ]


TRAINING = ["corpus", "tokens per batch", "seqkit tokens/s", "textbook tokens/s", "seqkit/textbook"]
TRAINING += ["CRF's share of a step", "CRFsuite training, s", "epochs of seqkit in that time"]
PREDICTION = ["corpus", "seqkit tokens/s", "bfloat16 tokens/s", "textbook tokens/s", "CRFsuite tokens/s"]
PREDICTION += ["seqkit/textbook", "seqkit/CRFsuite", "bfloat16/CRFsuite", "tags changed by bfloat16"]


def measure(name: str, spec: str, options: Options) -> Findings:
    """Measure all implementations on one corpus.

    Args:
        name: name of the corpus in the tables.
        spec: the corpus, as an argument of ``open_corpus``.
        options: options of all benchmarks.
    """
    train, dev = train_and_dev(spec, options)
    # seqkit computes in float32, also on a GPU, because the textbook does.
    tagger = Tagger(device=options.device, precision="float32", epochs=1).fit(train, dev)
    task = tagger.fitted
    assert task is not None
    _, examples = TaggingTask.from_rows(task.config, train)
    trainer = Trainer(task, examples, TrainConfig(), Device.open(options.device, "float32"))
    textbook = TextbookTagger(task).to(options.device)
    training = _training(trainer, textbook, options)
    tags: dict[str, Tag] = {"seqkit": partial(_seqkit_tags, tagger), "textbook": textbook.tag}
    if options.device == "cuda" or cpu_has_bfloat16():
        tags["bfloat16"] = partial(_seqkit_tags, _in_bfloat16(tagger, options))
    seconds = None
    if not options.skip_peer:
        crf, seconds = fit_crf(train["tokens"], train["tags"], **({"max_iterations": 2} if options.quick else {}))
        tags["crfsuite"] = partial(tag_sentences, crf)
    tokens = trainer.examples.steps
    return Findings(
        corpus=name,
        tokens=tokens,
        batch=tokens / len(trainer.sampler.epoch(0)),
        training=training,
        prediction=_prediction(tags, dev["tokens"], options),
        changed=_changed(tags["seqkit"], tags["bfloat16"], dev["tokens"]) if "bfloat16" in tags else None,
        crf=_crf_share(task, trainer, options),
        crfsuite_seconds=seconds,
    )


def _training(trainer: TaggingTrainer, textbook: TextbookTagger, options: Options) -> dict[str, Measured]:
    """Measure the tokens per second of both taggers, with the same mean number of tokens per batch."""
    examples = trainer.examples
    sentences = [
        textbook.encode(words, gold.tags) for words, gold in zip(examples.tokens, examples.gold or (), strict=True)
    ]
    batch_size = max(1, round(len(sentences) / len(trainer.sampler.epoch(0))))
    iterators = {"seqkit": _seqkit_steps(trainer), "textbook": textbook.steps(sentences, batch_size)}
    steps = 2 if options.quick else STEPS
    chunks = {peer: partial(_sum_of_next, iterator, steps) for peer, iterator in iterators.items()}
    return interleaved_rates(chunks, options.rounds(ROUNDS), options.clock)


def _sum_of_next(iterator: Iterator[int], number: int) -> int:
    return sum(islice(iterator, number))


def _prediction(tags: Mapping[str, Tag], sentences: Iterable[Sequence[str]], options: Options) -> dict[str, Measured]:
    """Measure the tokens per second of each implementation, from file to file."""
    tokens, lines = 0, []
    for words in sentences:
        if tokens < MOST_TOKENS:
            tokens += len(words)
            lines += [*words, ""]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "tokens.txt")
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")

        def tag_all(peer: str) -> int:
            file_to_file(tags[peer], source, Path(folder, f"{peer}.conll"))
            return tokens

        chunks = {peer: partial(tag_all, peer) for peer in tags}
        return interleaved_rates(chunks, options.rounds(ROUNDS), options.clock)


def _in_bfloat16(tagger: Tagger, options: Options) -> Tagger:
    with tempfile.TemporaryDirectory() as folder:
        tagger.save(folder)
        return Tagger.load(folder, device=options.device, precision="bfloat16")


def _changed(one: Tag, other: Tag, sentences: Sequence[Sequence[str]]) -> float:
    """Return the share of tags on which two taggers disagree."""
    tags, others = (chain.from_iterable(tag(sentences)) for tag in (one, other))
    differ = [first != second for first, second in zip(tags, others, strict=True)]
    return sum(differ) / len(differ)


def _crf_share(task: TaggingTask, trainer: TaggingTrainer, options: Options) -> float:
    """Measure the CRF's share of a training step: the log-likelihood and its gradients, on real batches."""
    chosen, scored = trainer.sampler.epoch(0)[:STEPS], []
    head: Any = task.model.head
    for rows in chosen:
        batch = task.collate(trainer.examples, rows).to(torch.device(options.device))
        with torch.no_grad():
            emissions_BTK = head.scores(task.model(batch))
        scored.append((emissions_BTK.requires_grad_(), batch.targets, batch.mask.to(options.device)))

    def crf_alone() -> None:
        for emissions_BTK, targets_BT, mask_BT in scored:
            likelihood = head.crf(emissions_BTK, targets_BT, mask_BT, reduction="token_mean")
            torch.autograd.grad(likelihood, [emissions_BTK, *head.crf.parameters()])

    def steps() -> None:
        for rows in chosen:
            trainer.train_step(rows, step=True)

    timings = interleaved({"step": steps, "crf": crf_alone}, options.rounds(ROUNDS), 0.0, options.clock)
    return timings["crf"].median / timings["step"].median


def report(options: Options, corpora: Sequence[str] = CORPORA) -> str:
    """Return the section of the report, in Markdown.

    Args:
        options: options of all benchmarks.
        corpora: some of ``CORPORA``; missing ones are reported.

    Raises:
        MissingExtraError: if sklearn-crfsuite is not installed.
        CorpusError: if a corpus cannot be read.
    """
    if not options.skip_peer:
        crf_class()  # fail now, not after minutes of training
    found, skipped = find_corpora(corpora, options.data)
    findings = []
    for name, spec in found.items():
        findings.append(measure(name, spec, options))
        print_progress(f"tagging_step: training: {' '.join(findings[-1].training_cells())}")
        print_progress(f"tagging_step: prediction: {' '.join(findings[-1].prediction_cells())}")
    parts = ["## Training step and prediction", *skipped]
    if findings:
        parts[1:1] = [
            "Complete training steps, compared with the complete training of CRFsuite, including feature extraction:",
            str(Table(TRAINING, [one.training_cells() for one in findings])),
            "Prediction from file to file, including feature extraction:",
            str(Table(PREDICTION, [one.prediction_cells() for one in findings])),
            spread_note(
                [rate for one in findings for rate in (*one.training.values(), *one.prediction.values())],
                options.rounds(ROUNDS),
            ),
        ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the tables. Arguments default to those of the command line."""
    given = script_parser("python -m benchmarks.tagging_step", __doc__, corpora=CORPORA).parse_args(arguments)
    options = options_of(given)
    print(f"Machine: {machine(options.device)}\n\n{report(options, given.corpus)}")


if __name__ == "__main__":
    run_script(main)
