"""Where a reward model runs: in this process, in a vLLM engine, or on a server."""
