"""The list of generated files: path in the checkout -> text."""

from __future__ import annotations

from codegen import chart, documents, manifests

__all__ = ["build_outputs"]


def build_outputs() -> dict[str, str]:
    """Every generated file."""
    return manifests.build_manifests() | chart.build_chart() | documents.build_documents()
