"""The contract from Node, with the packages that `make test-node` installs."""
