"""The machinery of any controller: client, informer, queue, election, recorder, metrics. Knows no binding and no Kong."""
