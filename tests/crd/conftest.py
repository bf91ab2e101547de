"""One control plane for the definition's tests."""

from tests.staging import cluster  # noqa: F401 - a fixture, found by its name
