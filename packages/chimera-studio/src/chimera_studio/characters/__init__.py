"""Who is in the picture: characters drawn from their reference id, and whether a picture shows one."""
