"""The rules of MCTS and its relatives: descent, backup, bandits, posteriors."""
