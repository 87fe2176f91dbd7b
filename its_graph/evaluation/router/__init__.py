"""Calibrate a compute-optimal router and measure its benefit."""
