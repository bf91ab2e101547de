"""Pure decisions: from one `Snapshot` of what is observed to what is wanted and what is found. No I/O, no clock, no client."""
