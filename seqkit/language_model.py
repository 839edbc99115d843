"""LanguageModel: train, save and load a language model; score and generate text with it."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from seqkit.batches.bptt_windows import Window
from seqkit.batches.token_store import TokenStore
from seqkit.config.adaptive import CacheConfig, DynamicConfig
from seqkit.config.language_model import LanguageModelConfig
from seqkit.config.presets import preset_settings
from seqkit.config.sampling import SamplingFilters
from seqkit.data.text_files import check_characters, checked_string
from seqkit.data.texts import Texts, open_texts
from seqkit.errors import ConfigError, setting_ref
from seqkit.estimator import Estimator, Prepared
from seqkit.generation.decoder import Decoder
from seqkit.generation.generate import Ending, Generated, GeneratedToken, Prompt, beam_search, sample, seeds_of
from seqkit.tasks.language_modelling import LanguageModellingTask, TextExamples, TokenLogProbabilities, WindowNLL
from seqkit.training.adaptive_evaluation import evaluate_adaptively
from seqkit.training.device import DeviceName, Precision
from seqkit.training.evaluate import Evaluation, evaluate, predict
from seqkit.training.events import Event

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["GeneratedText", "LanguageModel", "TextScore"]


@dataclass(frozen=True)
class GeneratedText:
    """A text that a language model generated.

    Attributes:
        text: the generated text, without the prompt.
        tokens: its tokens, each with its bytes and its log-probability before any filter.
        ending: why it ended: ``length``, ``stop`` or ``end``.
        seed: the seed that reproduces this sample, alone or among others; None for a beam search.
        prompt: the prompt.
    """

    text: str
    tokens: list[GeneratedToken]
    ending: Ending
    seed: int | None
    prompt: str = ""

    def to_dict(self, *, tokens: bool = False) -> dict[str, Any]:
        """Return what JSON output contains.

        Args:
            tokens: whether to include each token with its log-probability.
        """
        found: dict[str, Any] = {"prompt": self.prompt, "text": self.text, "ending": self.ending, "seed": self.seed}
        if tokens:
            found["tokens"] = [
                {"id": token.id, "text": token.piece.decode(errors="replace"), "log_probability": token.log_probability}
                for token in self.tokens
            ]
        return found


@dataclass(frozen=True)
class TextScore:
    """The probability of a text under a language model.

    Attributes:
        pieces: the text of each token.
        log_probabilities: the log-probability of each token, in nats, given those before it.
        bytes: length of the text in UTF-8.
    """

    pieces: list[str]
    log_probabilities: list[float]
    bytes: int

    @property
    def perplexity(self) -> float:
        """The exponential of the mean negative log-likelihood of a token."""
        return math.exp(-sum(self.log_probabilities) / len(self.log_probabilities))

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of the text, comparable between tokenizers."""
        return -sum(self.log_probabilities) / math.log(2) / self.bytes

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON output contains."""
        tokens = [
            {"text": piece, "log_probability": value}
            for piece, value in zip(self.pieces, self.log_probabilities, strict=True)
        ]
        return {"perplexity": self.perplexity, "bits_per_byte": self.bits_per_byte, "tokens": tokens}


class LanguageModel(Estimator[TextExamples, WindowNLL, Window]):
    """A recurrent language model over characters, words or byte pairs.

    The constructor only stores its settings, as scikit-learn's estimators do.

    Args:
        preset: a name in ``seqkit.config.presets.PRESETS``, which supplies the settings that are not given.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        **settings: any field of ``LanguageModelConfig`` and ``TrainConfig``.

    Raises:
        ConfigError: if a setting does not exist, or a value cannot be used.

    >>> model = LanguageModel(epochs=10, hidden_size=32, embedding_size=32, batch_tokens=64, bptt=8, learning_rate=0.02)
    >>> model = model.fit(["abc" * 60], dev=["abc" * 20])
    >>> model.generate("ab", max_tokens=7, temperature=0)[0].text
    'cabcabc'
    """

    tasks = ("lm",)
    noun = "a language model"
    fitted: LanguageModellingTask | None
    config: LanguageModelConfig

    def __init__(
        self, preset: str = "tiny", *, device: DeviceName = "auto", precision: Precision = "auto", **settings: Any
    ) -> None:
        self._configure({"preset": preset, "device": device, "precision": precision}, settings)

    def _configure(self, own: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        super()._configure(own, settings)
        self.preset: str = own["preset"]
        self._decoder: tuple[LanguageModellingTask, Decoder] | None = None

    def _task_of(self, own: Mapping[str, Any]) -> str:
        return "lm"

    def _defaults(self, own: Mapping[str, Any]) -> Mapping[str, Any]:
        return preset_settings(own["preset"])

    def fit(
        self,
        train: "Texts | Sequence[str] | Mapping[str, Any] | Dataset",
        dev: "Texts | Sequence[str] | Mapping[str, Any] | Dataset | None" = None,
        *,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        resume: bool = False,
        about: Mapping[str, object] | None = None,
        report: Callable[[Event], None] | None = None,
        progress: bool = False,
    ) -> Self:
        """Train on one text and select the best weights on another.

        Args:
            train: a split of ``open_texts``, a list of documents, or a mapping with ``text``.
            dev: likewise; None takes the last tenth of the documents in ``train``.
            out: run folder in which the model is saved during training; None keeps it in memory.
            overwrite: whether a run that is in ``out`` already is replaced.
            resume: whether to continue the unfinished training in ``out``.
            about: a description of the corpus for ``run.json``.
            report: called with each event of training.
            progress: whether to draw progress on stderr.

        Raises:
            ConfigError: if ``train`` is a split of ``open_texts`` without ``dev``, or the device is not available.
            CorpusError: if the data cannot be used for training.
            CheckpointError: if the run folder cannot be written or resumed.
            DivergenceError: if the loss becomes NaN or infinite; the best model so far is kept in ``out``.
        """
        if dev is None:
            if isinstance(train, Texts):
                share = setting_ref("dev_fraction")
                raise ConfigError(f"give dev as well: another split of open_texts, which takes {share}")
            splits = open_texts(train)
            train, dev = splits["train"], splits["dev"]
        train_texts, dev_texts = _texts(train), _texts(dev)

        def prepare() -> Prepared[LanguageModellingTask, TextExamples]:
            task, examples = LanguageModellingTask.from_rows(self.config, train_texts)
            return Prepared(task, examples, task.prepare(dev_texts))

        return self._fit(
            prepare, out=out, overwrite=overwrite, resume=resume, about=about, report=report, progress=progress
        )

    def evaluate(
        self,
        texts: "Texts | Sequence[str] | Mapping[str, Any] | Dataset",
        *,
        cache: CacheConfig | None = None,
        dynamic: DynamicConfig | None = None,
    ) -> Evaluation[WindowNLL]:
        """Score a text: perplexity and nats per token, bits per character and per byte, over all tokens.

        Args:
            texts: as for ``fit``.
            cache: settings of a neural cache to mix in.
            dynamic: settings of dynamic evaluation, in which a copy of the weights adapts to the text.

        Raises:
            ConfigError: if the model is not trained yet, or if it is to adapt but does not read forward alone.
            CorpusError: if the text is empty or cannot be read.
        """
        task = self._trained(self.fitted)
        examples = task.prepare(_texts(texts))
        if cache or dynamic:
            return evaluate_adaptively(task, examples, self._device(), cache=cache, dynamic=dynamic)
        return evaluate(task, examples, self._device())

    def score(self, text: str, *, unknown: Literal["error", "<unk>"] = "error") -> TextScore:
        """Return the log-probability of each token, given the text before it; after it, if the model reads backward.

        Args:
            text: the text, read as the beginning of a document.
            unknown: whether characters or words outside the vocabulary are an error or are read as ``<unk>``.

        Raises:
            ConfigError: if the text is empty or contains something outside the vocabulary, or the model is not trained.
            CorpusError: if the text is not a string, or has half of a surrogate pair.
        """
        task = self._trained(self.fitted)
        ids = self._encoded(text, unknown)
        if not len(ids):
            raise ConfigError("an empty text cannot be scored")
        store = TokenStore(ids, characters=len(text), bytes=len(text.encode()))
        windows = predict(TokenLogProbabilities(task), TextExamples(store, streams=1), self._device())
        forward = task.directions[0] == "forward"
        found = [value for window in windows for value in window.log_probabilities[0]]
        pieces = [task.tokenizer.pieces[token].decode(errors="replace") for token in ids]
        return TextScore(pieces, found if forward else found[::-1], store.bytes)

    @property
    def classes_(self) -> list[str]:
        """The text of each token, in the order of the columns of ``predict_proba``; that of ``<eos>`` is empty."""
        if self.fitted is None:
            raise AttributeError("this LanguageModel is not trained yet, so it has no classes_")
        return self.fitted.labels

    @torch.inference_mode()
    def predict_proba(
        self, prompts: Sequence[str], *, unknown: Literal["error", "<unk>"] = "error"
    ) -> NDArray[np.float64]:
        """Return the probability of each next token (column, as in ``classes_``) after each prompt (row), (B, V).

        A model that only reads backward predicts the token before a text instead.

        Args:
            prompts: beginnings of texts; after an empty prompt, the next token is the first of a text.
            unknown: as for ``score``.

        Raises:
            ConfigError: if ``prompts`` is a single string, or one contains something outside the vocabulary.
            CorpusError: if a prompt is not a string, or has half of a surrogate pair.
        """
        if isinstance(prompts, str) or not isinstance(prompts, Iterable):
            raise ConfigError("give a list of prompts, such as [prompt], not one prompt")
        task, device = self._trained(self.fitted), self._device().torch_device
        network = task.network("forward" if "forward" in task.directions else "backward").eval()
        backward = "forward" not in task.directions
        found = np.zeros((len(prompts), len(task.tokenizer.pieces)))
        for row, prompt in enumerate(prompts):
            ids = self._encoded(prompt, unknown)
            tokens_1T = torch.tensor([[task.tokenizer.end_id, *(ids[::-1] if backward else ids)]], device=device)
            states_1TH = network(tokens_1T, torch.tensor([tokens_1T.shape[1]]), None).states_BTH
            found[row] = network.head.scores(states_1TH[:, -1], network.tied_VH)[0].double().softmax(0).cpu()
        return found

    def predict(self, prompts: Sequence[str], *, unknown: Literal["error", "<unk>"] = "error") -> list[str]:
        """Return the text of the most probable next token after each prompt; arguments and errors as above."""
        indices = self.predict_proba(prompts, unknown=unknown).argmax(1)
        pieces = self.classes_
        return [pieces[token] for token in indices]

    def generate(
        self,
        prompt: str = "",
        *,
        num_samples: int = 1,
        beam: int = 0,
        seed: int | None = None,
        **options: Any,
    ) -> list[GeneratedText]:
        """Generate texts that continue a prompt.

        Args:
            prompt: the beginning of the text; the result does not repeat it.
            num_samples: number of texts; samples are drawn side by side, as one batch.
            beam: width of a beam search for the most probable texts; 0 draws samples instead.
            seed: seed of the first sample; sample i has ``seed + i``, and is the same if drawn alone. None is random.
            **options: ``max_tokens`` (500), ``stop`` (strings that end a text, without being part of it), ``unknown``
                (as for ``score``), ``ignore_end`` (whether to ban the token that ends a text), and the
                fields of ``SamplingFilters``: temperature, top_k, top_p, min_p, typical_p, repetition_penalty,
                no_repeat_ngram, applied in the order that ``seqkit.generation.filters`` documents.

        Raises:
            ConfigError: if an option or the prompt cannot be used, or the model only reads backward.
            CorpusError: if the prompt is not a string, or has half of a surrogate pair.
        """
        if beam:
            return self._beam_search(prompt, num_samples, beam, options)
        seeds = seeds_of(seed, num_samples)
        texts: list[list[Generated]] = [[] for _ in seeds]
        for part in self.stream_samples(prompt, seeds, **options):
            texts[part.sample].append(part)
        return [_joined(parts, seed, prompt) for parts, seed in zip(texts, seeds, strict=True)]

    def stream(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Generate a text piece by piece; joined, the pieces are exactly the text that ``generate`` returns.

        Args:
            prompt: as for ``generate``.
            seed: as for ``generate``.
            **options: as for ``generate``.
        """
        for part in self.stream_samples(prompt, seeds_of(seed, 1), **options):
            if part.text:
                yield part.text

    def stream_samples(self, prompt: str, seeds: Sequence[int], **options: Any) -> Iterator[Generated]:
        """Generate a text for each seed, side by side and piece by piece; arguments otherwise as for ``stream``."""
        return sample(self.decoder(), self._prompt(prompt, options), seeds)

    def _beam_search(self, prompt: str, num_samples: int, beam: int, options: dict[str, Any]) -> list[GeneratedText]:
        if beam < 0 or num_samples > beam:
            raise ConfigError(f"a beam of width {beam} cannot find {num_samples} texts; it must be at least as wide")
        found = beam_search(self.decoder(), self._prompt(prompt, options), beam, num_samples)
        return [_joined([text], None, prompt) for text in found]

    def _prompt(self, prompt: str, options: Mapping[str, Any]) -> Prompt:
        tokenizer, given = self._trained(self.fitted).tokenizer, dict(options)
        unknown, ignore_end = given.pop("unknown", "error"), given.pop("ignore_end", False)
        own = {name: given.pop(name) for name in ("max_tokens", "stop") if name in given}
        if isinstance(own.get("stop"), str):
            own["stop"] = (own["stop"],)
        if wrong := [name for name in given if name not in SamplingFilters.__dataclass_fields__]:
            raise ConfigError(f"no generation option {wrong[0]!r}")
        filters = SamplingFilters(**given)
        banned = [] if tokenizer.unknown_id is None else [tokenizer.unknown_id]
        ends = not tokenizer.pretokenized  # in pretokenized text <eos> is the end of a line
        return Prompt(
            tokens=[tokenizer.end_id, *self._encoded(prompt, unknown).tolist()],
            pieces=tokenizer.pieces,
            end_id=tokenizer.end_id if ends else None,
            banned=[*banned, tokenizer.end_id] if ends and ignore_end else banned,
            filters=filters,
            **own,
        )

    def _encoded(self, text: str, unknown: str) -> NDArray[np.int64]:
        task = self._trained(self.fitted)
        if unknown not in ("error", "<unk>"):
            raise ConfigError(f"unknown must be error or <unk>, not {unknown!r}")
        check_characters(checked_string(text))
        if task.config.unit == "word" and not task.config.pretokenized:
            # A word that the training data have only within lines is read as one within a line: after a space.
            text = min((text, f" {text}"), key=lambda each: len(task.tokenizer.unknown(each)))
        if unknown == "error" and (missing := task.tokenizer.unknown(text)):
            names = ", ".join(map(repr, missing[:10])) + (", …" if len(missing) > 10 else "")
            raise ConfigError(
                f"the vocabulary does not contain {names}; leave that out, or read it as <unk> with"
                f" {setting_ref('unknown', '<unk>')}"
            )
        return task.tokenizer.encode(text)

    def decoder(self) -> Decoder:
        """Return a fast decoder with the model's weights, built once; ConfigError if the model only reads backward."""
        task = self._trained(self.fitted)
        if "forward" not in task.directions:
            forward = setting_ref("direction", "forward")
            raise ConfigError(f"this model reads backward, and text is generated forward; train with {forward}")
        if self._decoder is None or self._decoder[0] is not task:
            network = task.network("forward").eval()
            embedding_VD = network.embedding.weight.detach()
            output = network.head.as_module(network.tied_VH)
            self._decoder = task, Decoder(embedding_VD, network.encoders, output)
        return self._decoder[1]

    def _restored_task(self, read: Callable[[str], str]) -> LanguageModellingTask:
        return LanguageModellingTask.restored(self.config, read)

    @classmethod
    def _from_run(cls, run: Mapping[str, Any], *, device: DeviceName, precision: Precision) -> Self:
        return cls(device=device, precision=precision, **run["settings"])


def _texts(data: "Texts | Sequence[str] | Mapping[str, Any] | Dataset") -> Texts:
    return data if isinstance(data, Texts) else open_texts(data, dev_fraction=0.0)["train"]


def _joined(parts: Sequence[Generated], seed: int | None, prompt: str) -> GeneratedText:
    ending = parts[-1].ending
    assert ending is not None
    tokens = [token for part in parts for token in part.tokens]
    return GeneratedText("".join(part.text for part in parts), tokens, ending, seed, prompt)
