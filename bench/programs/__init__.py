"""What is measured: programs that run in processes of their own, told by the environment where the servers are."""
