"""`python -m its_graph` is `its-graph`."""

from its_graph.cli.main import main

if __name__ == "__main__":
    main()
