"""Reports, over exports that the tests write and over logs of real decisions."""
