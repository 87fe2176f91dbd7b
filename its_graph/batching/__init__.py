"""Merging concurrent calls of one model into batches, and all ways to call a runnable that does so."""
