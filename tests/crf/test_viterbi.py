"""The best paths against an enumeration of every path, pytorch-crf, and the rules of the tagging schemes."""

from itertools import pairwise

import pytest
import torch
import torchcrf
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqkit.crf import CRF
from seqkit.text.tagging_schemes import Scheme, allowed_transitions, illegal_tags
from tests.chains import Problem, exact, mask_of, problems, quick

# Against every path


@quick
@given(problems())
def test_decoding_finds_the_best_legal_path(problem: Problem) -> None:
    best = [paths[scores.argmax()].tolist() for paths, scores in problem.rows()]
    assert problem.crf.decode(problem.emissions, problem.mask) == best


@quick
@given(problems(possible=False), st.integers(1, 12))
def test_the_n_best_are_the_best_of_all_legal_paths_in_order(problem: Problem, n: int) -> None:
    found = problem.crf.decode_n_best(problem.emissions, problem.mask, n=n)
    assert len(found) == len(problem.lengths)
    for (paths, scores), of_row in zip(problem.rows(), found, strict=True):
        best = scores.detach().sort(descending=True)
        assert [path.labels for path in of_row] == paths[best.indices[:n]].tolist()
        exact(torch.tensor([path.score for path in of_row], dtype=torch.float64), best.values[:n])
        log_probabilities = torch.tensor([path.log_probability for path in of_row], dtype=torch.float64)
        exact(log_probabilities, scores.detach().log_softmax(0)[best.indices[:n]])


def test_all_paths_together_have_probability_one() -> None:
    torch.manual_seed(0)
    crf = CRF(3, batch_first=True, can_end=[True, False, True])
    of_one, of_other = crf.decode_n_best(torch.randn(2, 4, 3), mask_of([4, 2], 4), n=1000)
    assert (len(of_one), len(of_other)) == (3**3 * 2, 3 * 2)
    for paths in (of_one, of_other):
        total = sum(torch.tensor(path.log_probability).exp() for path in paths)
        assert float(total) == pytest.approx(1.0, abs=1e-5)


def test_among_equally_good_paths_decoding_takes_a_legal_one() -> None:
    crf = CRF(2, batch_first=True, can_start=[False, True], can_follow=[[True, True], [True, False]])
    for parameter in crf.parameters():
        parameter.data.zero_()
    legal = [[1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 1, 0]]
    assert crf.decode(torch.zeros(1, 4, 2))[0] in legal
    assert sorted(path.labels for path in crf.decode_n_best(torch.zeros(1, 4, 2), n=10)[0]) == legal


def test_of_no_path_the_n_best_are_none() -> None:
    crf = CRF(2, batch_first=True, can_end=[False, False])
    assert crf.decode_n_best(torch.zeros(2, 3, 2), n=2) == [[], []]


def test_n_best_needs_a_number() -> None:
    with pytest.raises(ValueError, match=r"^n must be at least 1, not 0$"):
        CRF(2).decode_n_best(torch.zeros(1, 1, 2), n=0)


def test_long_rows_beside_short_ones_are_decoded_as_by_pytorch_crf() -> None:
    torch.manual_seed(0)
    ours, parent = CRF(7, batch_first=True).double(), torchcrf.CRF(7, batch_first=True).double()
    torch.nn.init.normal_(parent.transitions)
    ours.load_state_dict(parent.state_dict())
    lengths = [300, 1, 299, 17, 150]
    emissions, mask = torch.randn(5, 300, 7, dtype=torch.float64), mask_of(lengths, 300)
    expected = parent.decode(emissions, mask)
    assert ours.decode(emissions, mask) == expected
    assert [paths[0].labels for paths in ours.decode_n_best(emissions, mask, n=3)] == expected


# Hard constraints


def tags_of(scheme: Scheme) -> list[str]:
    return ["O", *(f"{prefix}-{label}" for label in ("PER", "LOC", "ORG") for prefix in scheme.prefixes)]


def constrained(scheme: Scheme, scale: float) -> CRF:
    tags = tags_of(scheme)
    can_start, can_follow, can_end = allowed_transitions(tags, scheme)
    crf = CRF(len(tags), batch_first=True, can_start=can_start, can_follow=can_follow, can_end=can_end)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return crf


def random_rows(labels: int, rows: int, scale: float) -> tuple[Tensor, list[int]]:
    return scale * torch.randn(rows, 10, labels), torch.randint(1, 11, (rows,)).tolist()


def illegal(paths: list[list[int]], scheme: Scheme) -> list[object]:
    """The violations of the scheme in all paths, joined by O, which allows the same neighbours as a border."""
    tags = tags_of(scheme)
    return list(illegal_tags([tag for path in paths for tag in [*map(tags.__getitem__, path), "O"]], scheme))


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme.IOBES,
        pytest.param(Scheme.IOB2, marks=pytest.mark.slow),
        pytest.param(Scheme.BILOU, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_tens_of_thousands_of_decodes_break_no_scheme(scheme: Scheme) -> None:
    torch.manual_seed(1)
    seen: set[int] = set()
    for exponent in torch.linspace(-1, 4, 7).tolist():
        crf = constrained(scheme, 10**exponent)
        emissions, lengths = random_rows(crf.num_tags, 5_000, 10**exponent)
        decoded = crf.decode(emissions, mask_of(lengths, 10))
        assert [len(path) for path in decoded] == lengths
        assert illegal(decoded, scheme) == []
        seen.update(*decoded)
    assert seen == set(range(crf.num_tags))


@pytest.mark.parametrize("scale", [0.1, 10.0, 1e4])
def test_the_n_best_break_no_scheme(scale: float) -> None:
    torch.manual_seed(1)
    crf = constrained(Scheme.IOBES, scale)
    emissions, lengths = random_rows(crf.num_tags, 500, scale)
    found = crf.decode_n_best(emissions, mask_of(lengths, 10), n=5)
    assert illegal([path.labels for paths in found for path in paths], Scheme.IOBES) == []
    for length, paths in zip(lengths, found, strict=True):
        assert len(paths) == (4 if length == 1 else 5)  # O, and a single-token span of each of three types
        assert len({tuple(path.labels) for path in paths}) == len(paths)
        assert all(one.score >= other.score for one, other in pairwise(paths))


def test_an_unconstrained_crf_does_break_the_scheme() -> None:
    torch.manual_seed(1)
    tags = tags_of(Scheme.IOBES)
    assert illegal(CRF(len(tags), batch_first=True).decode(torch.randn(200, 10, len(tags))), Scheme.IOBES)
