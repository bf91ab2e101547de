"""The trace-endpoint probe: an empty export to Fiddler, its answer, and the schedule of probes."""
