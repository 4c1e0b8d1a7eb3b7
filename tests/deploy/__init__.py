"""The files that bring servers up and watch them: what can be held without bringing anything up."""
