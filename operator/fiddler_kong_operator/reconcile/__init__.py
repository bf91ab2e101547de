"""From a decision to the cluster: one reconciler for bindings (owned objects), one for gateway workloads (borrowed fields)."""
