"""Rules that keep the tree readable: names, class names, sizes of modules, and a page that agrees with the contracts."""
