"""The subcommands of `its-graph`, one file each."""
