"""The scripts that build the pages need Sphinx and hold no doctests; the pages themselves are tested."""

collect_ignore_glob = ["*.py"]
