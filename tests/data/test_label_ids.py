"""Label ids become names, and withheld labels None, wherever labels are decoded."""

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqkit.data.label_ids import LabelDecoder, class_names
from seqkit.errors import CorpusError


@given(st.lists(st.text(max_size=3), min_size=1, unique=True), st.data())
def test_decoding_undoes_what_a_class_label_encodes(names: list[str], data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.sampled_from(names)))
    ids = [datasets.ClassLabel(names=names).str2int(label) for label in labels]
    assert LabelDecoder(names).decode_all(ids) == labels
    assert LabelDecoder(names).decode_all([ids, labels, []]) == [labels, labels, []]


def test_minus_one_and_none_are_withheld_and_never_the_last_label() -> None:
    assert LabelDecoder(["O", "B-X"]).decode_all([1, -1, None, [-1, 0], None]) == ["B-X", None, None, [None, "O"], None]


@pytest.mark.parametrize("label", [2, -2, -100, 0.5, {}])
def test_an_id_without_a_name_is_refused(label: object) -> None:
    with pytest.raises(CorpusError, match=r"^label .* has no name: the corpus names 2 labels, counted from 0$"):
        LabelDecoder(["O", "B-X"]).decode(label)


@pytest.mark.parametrize("label", [0, 7, -1])
def test_numbers_need_names(label: int) -> None:
    assert LabelDecoder(None).decode_all(["B-X", None]) == ["B-X", None]
    with pytest.raises(CorpusError, match=rf"^labels are numbers without names \(such as {label}\); store the names$"):
        LabelDecoder(None).decode(label)


def test_names_are_those_of_class_labels_alone() -> None:
    label = datasets.ClassLabel(names=["a", "b"])
    features = datasets.Features(
        {"one": label, "many": datasets.List(label), "strings": datasets.List(datasets.Value("string"))}
    )
    assert class_names(features, "one") == class_names(features, "many") == ["a", "b"]
    assert class_names(features, "strings") is class_names(features, "missing") is None
