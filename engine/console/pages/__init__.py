"""The console's pages: each module has its handlers, and the rows that the table takes."""
