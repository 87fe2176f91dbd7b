"""What the library reads in a model's text: steps, thinking, final answers, and whether two answers are the same."""
