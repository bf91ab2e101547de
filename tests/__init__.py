"""Directories with an `__init__.py` end their package-scoped fixtures with their last test."""
