"""Verifying code: unit tests in a sandbox."""
