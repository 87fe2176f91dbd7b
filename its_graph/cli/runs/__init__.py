"""What commands run: models, searches, evaluations, batches, and the files they write."""
