"""The runnables below generators, verifiers and judges, and the batching of concurrent calls to one model."""
