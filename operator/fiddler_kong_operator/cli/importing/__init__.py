"""A declarative Kong file becomes bindings and Secrets. Pure: the command `import` does the reading and writing.

A file is read into typed values (`kong_file`), each plugin that a binding can carry by a module of its own, and every other thing is
reported (`report`). `conversion` groups routes into bindings; `drafts` checks each of them as `render` does before it is printed.
"""

from __future__ import annotations

from .conversion import Choices, Imported, import_kong
from .kong_file import is_kong_file
from .opentelemetry import Given
from .report import Remark

__all__ = ["Choices", "Given", "Imported", "Remark", "import_kong", "is_kong_file"]
