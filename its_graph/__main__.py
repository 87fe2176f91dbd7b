"""`python -m its_graph` runs the `its-graph` command."""

from its_graph.cli.main import main

if __name__ == "__main__":
    main()
