"""`python -m its_graph` runs the command line, like `its-graph`."""

from its_graph.cli.main import main

if __name__ == "__main__":
    main()
