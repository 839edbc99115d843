"""From a prompt to text: tokens are drawn one by one, and their bytes become characters as soon as they are whole.

A sample's road: the prompt is read in one pass → scores of the next token → filters → a draw with
the sample's own random numbers → one step of the model, and so on. Samples that have ended leave the batch. Nothing is
computed again, and nothing is kept but the state, so a text may be of any length.

Shapes: B samples that still go on, V vocabulary.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from seqkit.errors import ConfigError
from seqkit.generation.decoder import Decoder, State
from seqkit.generation.filters import SamplingFilters, TokenHistory, choose, filtered

__all__ = ["Ending", "Generated", "GeneratedToken", "Prompt", "TextAssembler", "beam_search", "sample"]

Ending = Literal["length", "stop", "end"]


class GeneratedToken(NamedTuple):
    """A token that was drawn: its id, the bytes it adds, and its log-probability before any filter."""

    id: int
    piece: bytes
    log_probability: float


@dataclass(frozen=True)
class Generated:
    """What came of one sample since the last time: the text that is certain, and its tokens.

    Attributes:
        sample: which of the samples.
        text: text that no further token can change; it may lag some tokens behind, while they may begin a stop string
            or are part of a character.
        tokens: the tokens drawn.
        ending: why the sample has ended: ``length``, ``stop`` (a stop string came) or ``end`` (the end of a text);
            None while it goes on.
    """

    sample: int
    text: str
    tokens: list[GeneratedToken] = field(default_factory=list)
    ending: Ending | None = None


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What to go on from, and how far.

    Attributes:
        tokens: ids of what has been read, the mark before a text first.
        pieces: for each token of the vocabulary the bytes it adds.
        end_id: the token that ends a text; None where a text has no end.
        banned: tokens that are never drawn.
        max_tokens: most tokens of a sample.
        stop: strings that end a sample; they are not part of it.
        filters: how tokens are drawn.
    """

    tokens: Sequence[int]
    pieces: Sequence[bytes]
    end_id: int | None
    banned: Sequence[int] = ()
    max_tokens: int = 500
    stop: Sequence[str] = ()
    filters: SamplingFilters = SamplingFilters()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if "" in self.stop:
            raise ConfigError("a stop string must not be empty")


class TextAssembler:
    """Bytes of tokens to text, held back as long as what comes could still change it.

    Args:
        stop: strings at which the text ends.

    >>> assembler = TextAssembler(["END"])
    >>> [assembler.add(piece) for piece in (b"caf\\xc3", b"\\xa9 E", b"mma E", b"ND of it")]
    ['caf', 'é ', 'Emma ', '']
    >>> assembler.stopped
    True
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stop = tuple(stop)
        self.stopped = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""

    def add(self, piece: bytes, *, last: bool = False) -> str:
        """The text that is certain now; ``last`` says that no more comes."""
        self._held += self._decoder.decode(piece, last)
        found = [place for place in map(self._held.find, self.stop) if place >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        keep = 0 if last else max((_overlap(self._held, stop) for stop in self.stop), default=0)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text

    def copy(self) -> "TextAssembler":
        """Another one at the same place."""
        copied = TextAssembler(self.stop)
        copied.stopped, copied._held = self.stopped, self._held
        copied._decoder.setstate(self._decoder.getstate())
        return copied


def _overlap(text: str, stop: str) -> int:
    """How many of the last characters of a text are the first of a stop string."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


@torch.inference_mode()
def sample(model: Decoder, prompt: Prompt, seeds: Sequence[int]) -> Iterator[Generated]:
    """Draw samples side by side; each is told as it goes on, a token at a time.

    Args:
        model: the model.
        prompt: what to go on from, and how.
        seeds: one a sample: its random numbers are its own, so it is the same alone and in any company.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    scores_BV, state = _begun(model, prompt, len(seeds))
    history = _history(prompt, scores_BV, len(seeds))
    assemblers = [TextAssembler(prompt.stop) for _ in seeds]
    going = list(range(len(seeds)))
    for count in range(1, prompt.max_tokens + 1):
        banned_BV = _without(scores_BV, prompt.banned)
        drawn = choose(
            filtered(banned_BV, prompt.filters, history), prompt.filters, [generators[number] for number in going]
        )
        log_probabilities = _log_probabilities(scores_BV, drawn)
        kept = []
        for row, (number, token) in enumerate(zip(going, drawn, strict=True)):
            new = GeneratedToken(token, prompt.pieces[token], log_probabilities[row])
            told = _told(number, assemblers[number], new, prompt, last=count == prompt.max_tokens)
            if told.ending is None:
                kept.append(row)
            yield told
        if not kept:
            return
        history.add(drawn)
        if len(kept) < len(going):
            rows = torch.tensor(kept, device=scores_BV.device)
            state = model.select(state, rows)
            history.select(kept)
            going, drawn = [going[row] for row in kept], [drawn[row] for row in kept]
        scores_BV, state = model.step(torch.tensor(drawn, device=scores_BV.device), state)


def _begun(model: Decoder, prompt: Prompt, rows: int) -> tuple[Tensor, State]:
    """Scores and state after the prompt, which is read once for all samples."""
    start = model.initial_state(1)
    first = start[0][0] if isinstance(start[0], tuple) else start[0]
    scores_1V, state = model.read(torch.tensor(list(prompt.tokens), device=first.device), start)
    everyone = torch.zeros(rows, dtype=torch.int64, device=scores_1V.device)
    return scores_1V.index_select(0, everyone), model.select(state, everyone)


def _history(prompt: Prompt, scores_BV: Tensor, rows: int) -> TokenHistory:
    history = TokenHistory(prompt.filters, rows, scores_BV.shape[1], scores_BV.device)
    for row in range(rows):
        history.read(row, prompt.tokens[1:])  # the mark before the text is none of its tokens
    return history


def _without(scores_BV: Tensor, banned: Sequence[int]) -> Tensor:
    if not banned:
        return scores_BV
    scores_BV = scores_BV.clone()
    scores_BV[:, list(banned)] = -torch.inf
    return scores_BV


def _log_probabilities(scores_BV: Tensor, tokens: Sequence[int]) -> list[float]:
    chosen_B1 = torch.tensor(tokens, device=scores_BV.device)[:, None]
    values: list[float] = scores_BV.log_softmax(-1).gather(1, chosen_B1)[:, 0].tolist()
    return values


def _told(number: int, assembler: TextAssembler, new: GeneratedToken, prompt: Prompt, *, last: bool) -> Generated:
    """What a new token means for a sample."""
    if new.id == prompt.end_id:
        return Generated(number, assembler.add(b"", last=True), [new], "end")
    text = assembler.add(new.piece, last=last)
    return Generated(number, text, [new], "stop" if assembler.stopped else "length" if last else None)


@dataclass
class _Beam:
    """A text on the way, or one that has ended: its tokens, their log-probability, its text so far."""

    tokens: list[GeneratedToken]
    score: float
    text: str
    assembler: TextAssembler
    ending: Ending | None = None


@torch.inference_mode()
def beam_search(model: Decoder, prompt: Prompt, width: int, best: int) -> list[Generated]:
    """The most probable texts that a search with a beam finds, the best first.

    A text's score is the sum of the log-probabilities of its tokens, after repetition penalty and the ban of n-grams;
    the other filters have no effect. The search ends when no text on the way can become better than those found.

    Args:
        model: the model.
        prompt: what to go on from, and how.
        width: how many texts are followed at once.
        best: how many to return, ``width`` at most.
    """
    filters = replace(prompt.filters, temperature=0.0)  # what comes before the temperature
    scores_BV, state = _begun(model, prompt, 1)
    history = TokenHistory(filters, 1, scores_BV.shape[1], scores_BV.device)
    history.read(0, prompt.tokens[1:])
    beams, ended = [_Beam([], 0.0, "", TextAssembler(prompt.stop))], list[_Beam]()
    for count in range(1, prompt.max_tokens + 1):
        allowed_BV = filtered(_without(scores_BV, prompt.banned), filters, history).log_softmax(-1)
        candidates = _candidates(beams, scores_BV.log_softmax(-1), allowed_BV, 2 * width, prompt.pieces)
        going, rows = list[_Beam](), list[int]()
        for row, new, score in candidates:
            if len(going) == width:
                break
            beam = _extended(beams[row], new, score, prompt, last=count == prompt.max_tokens)
            if beam.ending is None:
                going.append(beam)
                rows.append(row)
            else:
                ended.append(beam)
        ended = sorted(ended, key=lambda beam: -beam.score)[:best]
        if not going or (len(ended) == best and ended[-1].score >= going[0].score):
            break
        beams, last = going, [beam.tokens[-1].id for beam in going]
        state = model.select(state, torch.tensor(rows, device=scores_BV.device))
        history.select(rows)
        history.add(last)
        scores_BV, state = model.step(torch.tensor(last, device=scores_BV.device), state)
    return [Generated(number, beam.text, beam.tokens, beam.ending) for number, beam in enumerate(ended)]


def _candidates(
    beams: Sequence[_Beam], plain_BV: Tensor, allowed_BV: Tensor, most: int, pieces: Sequence[bytes]
) -> Iterator[tuple[int, GeneratedToken, float]]:
    """The best ways to go on: which text, with which token, and the score then; the best first."""
    so_far_B = torch.tensor([beam.score for beam in beams], dtype=torch.float64, device=plain_BV.device)
    totals_BV = allowed_BV.double() + so_far_B[:, None]
    top = totals_BV.flatten().topk(min(most, totals_BV.numel()))
    for score, place in zip(top.values.tolist(), top.indices.tolist(), strict=True):
        if score > -torch.inf:
            row, token = divmod(place, totals_BV.shape[1])
            yield row, GeneratedToken(token, pieces[token], float(plain_BV[row, token])), score


def _extended(beam: _Beam, new: GeneratedToken, score: float, prompt: Prompt, *, last: bool) -> _Beam:
    assembler = beam.assembler.copy()
    told = _told(0, assembler, new, prompt, last=last)
    return _Beam([*beam.tokens, new], score, beam.text + told.text, assembler, told.ending)
