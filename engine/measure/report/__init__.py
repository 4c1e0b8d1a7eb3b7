"""Reports on a decision log: what happened, what it caused, what contact pressure costs, and where campaigns are lost."""
