"""A pytest plugin: pytorch-crf's own tests, which import ``torchcrf.CRF``, get seqkit's class instead."""

import torchcrf

from seqkit.crf import CRF

__all__ = ["pytest_configure", "pytest_report_header"]


def pytest_configure() -> None:
    # Not when this module is imported: the search for doctests imports it too.
    torchcrf.CRF = CRF


def pytest_report_header() -> str:
    return f"torchcrf.CRF is {torchcrf.CRF.__module__}.{torchcrf.CRF.__name__}"
