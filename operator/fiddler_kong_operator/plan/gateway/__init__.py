"""The gateway workload: its condition, its Kong version, and the settings that bindings need on it."""
