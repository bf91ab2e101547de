"""What any controller needs: client, informer, queue, election, recorder, metrics. Knows no binding and no Kong."""
