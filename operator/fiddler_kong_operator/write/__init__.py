"""Carries out plans: creates, repairs, attaches and deletes objects."""
