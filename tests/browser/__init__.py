"""Pages that Tact makes, in the browser that `make test-browser` installs."""
