"""A pytest plugin that runs pytorch-crf's own tests, which import ``torchcrf.CRF``, on seqkit's class."""

import torchcrf

from seqkit.crf import CRF

__all__ = ["pytest_configure", "pytest_report_header"]


def pytest_configure() -> None:
    # Not at import: collecting doctests imports this module too.
    torchcrf.CRF = CRF


def pytest_report_header() -> str:
    return f"torchcrf.CRF is {torchcrf.CRF.__module__}.{torchcrf.CRF.__name__}"
