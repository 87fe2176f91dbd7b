"""Compute-optimal routing: how difficult a question is, which strategy to use for it, and how to fit both on your data.

Snell et al. (2408.03314, section 3): the best strategy for a question and a budget, chosen per difficulty bin.
"""
