"""Heads against explicit probabilities: of every path for the CRF, of each token for the softmax."""

import math
from collections.abc import Iterator
from itertools import combinations_with_replacement, pairwise, product

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from seqkit.models.tagging_heads import CRFHead, Decoded, SoftmaxHead

WIDTH, LABELS = 6, 3
LENGTHS = [4, 1, 3]
CAN_START = [True, True, False]
CAN_FOLLOW = [[True, True, False], [False, True, True], [True, False, True]]
CAN_END = [True, False, True]

seeds = pytest.mark.parametrize("seed", range(5))
both_heads = pytest.mark.parametrize("head_class", [CRFHead, SoftmaxHead])


def batch(seed: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return 2 * torch.randn(3, 4, WIDTH), torch.arange(4) < torch.tensor(LENGTHS)[:, None]


def crf_head(*, constrained: bool) -> CRFHead:
    head = CRFHead(
        WIDTH,
        LABELS,
        can_start=CAN_START if constrained else None,
        can_follow=CAN_FOLLOW if constrained else None,
        can_end=CAN_END if constrained else None,
    )
    for parameter in head.crf.parameters():
        torch.nn.init.normal_(parameter)
    return head


def path_probabilities(head: CRFHead, states_TH: Tensor, *, constrained: bool) -> dict[tuple[int, ...], float]:
    """The probability of every path, in plain Python."""
    emissions = head.scores(states_TH).double().tolist()
    start, move, end = (
        parameter.double().tolist()
        for parameter in (head.crf.start_transitions, head.crf.transitions, head.crf.end_transitions)
    )
    weights = {}
    for path in product(range(LABELS), repeat=len(emissions)):
        pairs = list(pairwise(path))
        legal = CAN_START[path[0]] and CAN_END[path[-1]] and all(CAN_FOLLOW[one][other] for one, other in pairs)
        if legal or not constrained:
            emitted = sum(row[label] for row, label in zip(emissions, path, strict=True))
            moved = sum(move[one][other] for one, other in pairs)
            weights[path] = math.exp(emitted + moved + start[path[0]] + end[path[-1]])
    total = sum(weights.values())
    return {path: weight / total for path, weight in weights.items()}


def rows_of(states_BTH: Tensor) -> Iterator[Tensor]:
    for states_TH, length in zip(states_BTH, LENGTHS, strict=True):
        yield states_TH[:length]


def segment(decoded: Decoded, row: int, start: int, end: int) -> float:
    """The probability of the labels from start to end, by the formula in the docstring of ``Decoded``."""
    return math.exp(decoded.marginals[row][start] + sum(decoded.conditionals[row][start + 1 : end + 1]))


@seeds
@pytest.mark.parametrize("constrained", [True, False])
def test_the_crf_head_knows_its_path_and_how_sure_it_is_of_each_part(seed: int, constrained: bool) -> None:
    states, mask = batch(seed)
    head = crf_head(constrained=constrained)
    decoded = head.decode(states, mask, confidence=True)
    for row, states_TH in enumerate(rows_of(states)):
        probabilities = path_probabilities(head, states_TH, constrained=constrained)
        best = max(probabilities, key=lambda path: probabilities[path])
        assert tuple(decoded.labels[row]) == best
        assert len(decoded.marginals[row]) == len(decoded.conditionals[row]) == len(best)
        assert segment(decoded, row, 0, len(best) - 1) == pytest.approx(probabilities[best], rel=1e-4)
        for start, end in combinations_with_replacement(range(len(best)), 2):
            expected = sum(
                probability
                for path, probability in probabilities.items()
                if path[start : end + 1] == best[start : end + 1]
            )
            assert segment(decoded, row, start, end) == pytest.approx(expected, rel=1e-4)


@seeds
@pytest.mark.parametrize("constrained", [True, False])
def test_the_crf_loss_is_the_surprise_at_the_targets_a_token(seed: int, constrained: bool) -> None:
    states, mask = batch(seed)
    head = crf_head(constrained=constrained)
    targets = torch.tensor([[1, 2, 0, 0], [0, 0, 0, 0], [1, 1, 2, 0]])
    surprise = 0.0
    for states_TH, target in zip(rows_of(states), targets.tolist(), strict=True):
        probabilities = path_probabilities(head, states_TH, constrained=constrained)
        surprise -= math.log(probabilities[tuple(target[: len(states_TH)])])
    assert head.loss(states, targets, mask).item() == pytest.approx(surprise / sum(LENGTHS), rel=1e-5)


@seeds
def test_the_softmax_head_takes_each_token_by_itself(seed: int) -> None:
    states, mask = batch(seed)
    head = SoftmaxHead(WIDTH, LABELS)
    targets = torch.randint(LABELS, (3, 4))
    decoded = head.decode(states, mask, confidence=True)
    surprise = 0.0
    for row, states_TH in enumerate(rows_of(states)):
        for step, scores in enumerate(head.scores(states_TH).tolist()):
            total = sum(math.exp(score) for score in scores)
            best = max(range(LABELS), key=scores.__getitem__)
            assert decoded.labels[row][step] == best
            assert math.exp(decoded.marginals[row][step]) == pytest.approx(math.exp(scores[best]) / total, rel=1e-5)
            surprise -= scores[targets[row, step]] - math.log(total)
    assert [len(row) for row in decoded.labels] == [len(row) for row in decoded.marginals] == LENGTHS
    assert segment(decoded, 0, 1, 3) == pytest.approx(math.exp(sum(decoded.marginals[0][1:4])))
    assert head.loss(states, targets, mask).item() == pytest.approx(surprise / sum(LENGTHS), rel=1e-5)


@both_heads
def test_confidence_changes_no_label_and_is_left_out_unless_asked_for(
    head_class: type[CRFHead] | type[SoftmaxHead],
) -> None:
    states, mask = batch(0)
    head = head_class(WIDTH, LABELS)
    plain, sure = head.decode(states, mask), head.decode(states, mask, confidence=True)
    assert plain == Decoded(sure.labels, [], [])
    assert mask.sum(1).tolist() == LENGTHS


@both_heads
def test_padding_has_no_part_in_the_loss(head_class: type[CRFHead] | type[SoftmaxHead]) -> None:
    states, mask = batch(0)
    head = head_class(WIDTH, LABELS)
    targets = torch.randint(LABELS, (3, 4))
    results = []
    for filling, label in ((0.0, 0), (1e6, LABELS - 1)):
        filled = states.masked_fill(~mask[..., None], filling).requires_grad_()
        loss = head.loss(filled, targets.masked_fill(~mask, label), mask)
        gradients = torch.autograd.grad(loss, [filled, *head.parameters()])
        results.append(([loss, *gradients], head.decode(filled, mask, confidence=True)))
        assert not gradients[0][~mask].any()
    (clean, decoded), (dirty, dirty_decoded) = results
    assert dirty_decoded == decoded
    for one, other in zip(clean, dirty, strict=True):
        assert torch.equal(one, other)


@both_heads
def test_the_loss_is_float32_whatever_the_states_are(head_class: type[CRFHead] | type[SoftmaxHead]) -> None:
    states, mask = batch(0)
    head, targets = head_class(WIDTH, LABELS), torch.zeros(3, 4, dtype=torch.long)
    expected = head.loss(states, targets, mask)
    with torch.autocast("cpu", torch.bfloat16):
        loss = head.loss(states, targets, mask)
        decoded = head.decode(states, mask, confidence=True)
    half = head.bfloat16().loss(states.bfloat16(), targets, mask)
    for result in (loss, half):
        assert result.dtype == torch.float32
        assert_close(result, expected, rtol=0.02, atol=0.02)
    assert [len(row) for row in decoded.labels] == LENGTHS


def test_the_crf_head_never_decodes_what_is_forbidden() -> None:
    torch.manual_seed(0)
    head = crf_head(constrained=True)
    mask = torch.ones(500, 8, dtype=torch.bool)
    for row in head.decode(20 * torch.randn(500, 8, WIDTH), mask).labels:
        assert CAN_START[row[0]]
        assert CAN_END[row[-1]]
        assert all(CAN_FOLLOW[one][other] for one, other in pairwise(row))


@both_heads
def test_weights_and_smoothing_reach_the_loss(head_class: type[CRFHead] | type[SoftmaxHead]) -> None:
    states, mask = batch(0)
    targets = torch.zeros(3, 4, dtype=torch.long)
    targets[0, 1] = 2
    losses = set()
    for settings in ({}, {"label_weights": [1.0, 1.0, 5.0]}, {"label_smoothing": 0.2}):
        torch.manual_seed(1)
        head = head_class(WIDTH, LABELS, **settings)
        losses.add(round(float(head.loss(states, targets, mask).detach()), 5))
    assert len(losses) == 3


def test_the_softmax_heads_weights_are_a_weighted_mean_over_tokens() -> None:
    states, mask = batch(1)
    weights = [0.5, 2.0, 0.0]
    head = SoftmaxHead(WIDTH, LABELS, label_weights=weights)
    targets = torch.randint(LABELS, (3, 4))
    logs = head.scores(states)[mask].log_softmax(1).tolist()
    gold = targets[mask].tolist()
    expected = -sum(weights[label] * row[label] for row, label in zip(logs, gold, strict=True))
    assert head.loss(states, targets, mask).item() == pytest.approx(expected / sum(weights[k] for k in gold), rel=1e-5)


@both_heads
def test_weights_are_settings_and_not_kept_with_the_parameters(head_class: type[CRFHead] | type[SoftmaxHead]) -> None:
    weighed = head_class(WIDTH, LABELS, label_weights=[1.0, 2.0, 3.0])
    assert weighed.state_dict().keys() == head_class(WIDTH, LABELS).state_dict().keys()
