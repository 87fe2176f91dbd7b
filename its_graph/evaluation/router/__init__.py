"""Calibrating and measuring the compute-optimal router."""
