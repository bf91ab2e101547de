"""The machinery of any controller: client, informer, queue, election, recorder, metrics. Knows no Kong; only `overlay` knows bindings."""
