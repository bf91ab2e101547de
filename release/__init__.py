"""Makes a release: what must agree before a tag, and the files that are published with it. Not part of the package."""
