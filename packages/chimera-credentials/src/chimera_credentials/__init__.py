"""Content credentials: our own certificates, time stamps, and C2PA manifests in files (PRV-1, PRV-5)."""
