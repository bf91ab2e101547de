"""The process: kopf's handlers, the queue and its workers, leader election, the resync, start and stop. kopf is known only here."""
