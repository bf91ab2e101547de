"""Pure decisions: from one `Snapshot` of the cluster to the desired objects and the findings. No I/O, no clock, no client."""
