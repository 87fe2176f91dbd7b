"""Verification of code: unit tests in a sandbox."""
