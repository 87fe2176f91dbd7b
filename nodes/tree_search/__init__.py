"""The rules of MCTS and related searches: descent, backup, bandits, posteriors."""
