"""What keeps the pages true: their snippets are checked and run, their tables generated, and the site is built."""
