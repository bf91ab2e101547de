"""Kubernetes operator that has LLM traffic through Kong AI Gateway observed in Fiddler."""

__version__ = "0.1.0"
