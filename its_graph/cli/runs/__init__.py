"""What commands run: models, streams, evaluations, batches, and the files they write."""
