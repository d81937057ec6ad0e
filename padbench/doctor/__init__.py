"""What this machine can run: found out by looking and by trying, for `padbench doctor`."""
