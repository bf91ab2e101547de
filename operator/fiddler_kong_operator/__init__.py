"""Kubernetes operator that sends traces of the LLM traffic through Kong AI Gateway to Fiddler."""

__version__ = "0.1.0"
