"""Observes the cluster: the watched kinds, the cache with its indexes, and the reader that gathers snapshots."""
