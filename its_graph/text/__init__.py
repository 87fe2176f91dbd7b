"""From generated text to steps, thinking, and final answers that can be compared."""
