"""The command line: `main` and `remote` talk to a running Chimera, `serving` and `demo` run one."""
