"""Rules that keep the tree readable: names, one meaning a class name, no splinters, a page that says what the contracts say."""
