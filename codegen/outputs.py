"""The list of generated files."""

from __future__ import annotations

from codegen import chart, documents, gitops, manifests, monitoring, olm, pictures

__all__ = ["build_outputs"]


def build_outputs() -> dict[str, str]:
    """Content of every generated file, by its path in the checkout."""
    return (
        manifests.build_manifests()
        | monitoring.build_monitoring()
        | chart.build_chart()
        | documents.build_documents()
        | gitops.build_gitops()
        | olm.build_bundle()
        | pictures.build_pictures()
    )
