"""Where compute pays: how hard a problem is, which strategy that calls for, and how both are fitted on one's own data.

Snell et al. (2408.03314, section 3): the best strategy for a question and a budget, found per difficulty bin.
"""
